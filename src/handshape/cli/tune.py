"""``handshape tune``: settings that do better than the defaults, judged on people whom no trial saw."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.run_arguments import (
    add_executor_arguments,
    add_run_arguments,
    executor_for,
    require_nothing_new,
    settings_of,
)
from handshape.cli.shared import Verbs, add_verb, quoted
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.workflow.tuning.result import TuneResult

ORDER = 27
TRIALS = 20
MIN_FOLDS = 2


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "tune",
        run,
        "search for settings that do better on people kept out",
        "Tries settings one after the other, stops early what does badly, and in the end trains the best beside the "
        "defaults on people whom no trial saw: better by so many points, or not shown to be. Trials share photographs, "
        "hands, features and streams, so twenty take much less than twenty trainings. Needs the extra [tune].",
        [
            "handshape tune photos --set data.groups=signers.csv",
            "handshape tune photos --trials 50 --minutes 60",
            "handshape tune photos --show-space > space.yaml",
            "handshape tune photos --space space.yaml --against milliseconds",
            "handshape tune photos --storage mysql+pymysql://user@host/base --name search",
            "handshape tune photos --cluster head:6379",
            "handshape tune --resume runs/20261125_101500",
        ],
    )
    add_run_arguments(parser, external=False)
    parser.add_argument("--trials", type=_whole, metavar="N", help=f"in all (default: {TRIALS}; with --minutes any)")
    parser.add_argument("--minutes", type=_minutes, metavar="M", help="after which no further trial begins")
    parser.add_argument(
        "--folds", type=_whole, default=3, metavar="N", help="that a trial is fitted on, one by one (default: 3)"
    )
    parser.add_argument("--against", choices=("milliseconds", "size"), help="what else counts beside accuracy")
    parser.add_argument(
        "--pruner", choices=("median", "hyperband", "none"), default="median", help="what stops a trial early"
    )
    parser.add_argument("--space", type=Path, metavar="FILE", help="what is searched, as YAML")
    parser.add_argument("--show-space", action="store_true", help="print what is searched as YAML to edit, and stop")
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna's storage, for several processes with the same --name (default: a file)",
    )
    add_executor_arguments(parser, "try settings")


def run(options: argparse.Namespace, console: Console) -> int:
    """Searches, goes on with it, or prints what is searched."""
    if options.show_space:
        show_space(options, console)
        return 0
    from handshape.workflow.tuning.search_space import read_space
    from handshape.workflow.tuning.start import TuneOptions
    from handshape.workflow.tuning.tune import resume_tuning, tune

    if options.folds < MIN_FOLDS:
        raise SettingsError(f"--folds cannot be {options.folds}.", f"{MIN_FOLDS} or more")
    asked = TuneOptions(
        trials=options.trials or (None if options.minutes or options.resume else TRIALS),
        minutes=options.minutes,
        folds=options.folds,
        against=options.against,
        pruner=options.pruner,
        storage=options.storage,
        space=None if options.space is None or options.resume else read_space(options.space),
    )
    if options.resume:
        _require_same_search(options)
        with executor_for(options, console) as executor:
            result = resume_tuning(options.resume, console, options.data, asked, executor)
    else:
        settings = settings_of(options)
        with executor_for(options, console) as executor:
            found = tune(settings, options.out, options.name, asked, console, executor)
        if found is None:
            console.done("All trials are over; the process that began the study confirms the best of them.")
            return 0
        result = found
    show(result, console)
    if options.json:
        console.emit(
            {"run": str(result.run.folder), "report": str(result.run.report), "config": str(result.run.best)}
            | result.as_dict()
        )
    return 0


def show_space(options: argparse.Namespace, console: Console) -> None:
    """What would be searched."""
    from handshape.config import load_settings
    from handshape.workflow.tuning.search_space import default_space, read_space, space_as_yaml

    settings = load_settings(options.profile, options.config, options.assignments)
    streams = settings.model.streams
    space = read_space(options.space) if options.space else default_space(streams, options.against is not None)
    console.say(space_as_yaml(space).rstrip())
    if options.json:
        console.emit({name: values.as_dict() for name, values in space.items()})


def show(result: TuneResult, console: Console) -> None:
    """What was found, whether it is better, and where to read on."""
    changes = [(name, _said(was), _said(now)) for name, (was, now) in result.changes.items()]
    console.table("Settings found", ("setting", "default", "found"), changes)
    best, usual = result.best, result.defaults
    beside = f", the defaults {usual.accuracy:.1%}" if usual and usual.accuracy is not None else ""
    stopped = len([each for each in result.trials if not each.is_done])
    console.result(
        "chart",
        f"{len(result.trials)} trials, {stopped} stopped early, on {result.people[0]} {result.what}: the best "
        f"{best.accuracy or 0:.1%}{beside}",
    )
    if result.against:
        console.result("", result.choice)
    console.result("done" if result.confirmation and result.confirmation.is_better else "", _sentence(result.verdict))
    console.result("save", f"Folder: {result.run.folder} (report.html; results/tune.json; best.yaml)")
    console.done("Searched")
    data = quoted(result.settings[0].data.original_data_dir)
    console.hint("Train with them:", f"handshape train {data} --config {quoted(result.run.best)}")
    console.hint("Look at the trials (pip install optuna-dashboard):", f"optuna-dashboard {result.storage}")


def _require_same_search(options: argparse.Namespace) -> None:
    """A search that is resumed keeps what it searches; how much is tried may change.

    Raises:
        SettingsError: the command line says otherwise.
    """
    require_nothing_new(options)
    if options.space or options.against or options.pruner != "median" or options.folds != 3:
        raise SettingsError(
            "--resume goes on with a search as it was begun.",
            f"handshape tune --resume {quoted(options.resume)}, and --trials or --minutes to try more",
            "Leave --resume out to begin anew.",
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _whole(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"'{word}' is no whole number from 1 on")
    return int(word)


def _minutes(word: str) -> float:
    try:
        minutes = float(word)
    except ValueError:
        minutes = 0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"'{word}' is no number of minutes")
    return minutes
