"""``handshape runs``: trainings, cross-validations and searches, listed and compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import Verbs, add_verb, given_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handshape.console import Console
    from handshape.workflow.comparing.compare import RunComparison
    from handshape.workflow.comparing.found import FoundRun

ORDER = 28
RUNS = Path("runs")
KINDS = ("train", "crossval", "tune", "ensemble")
STATES = ("running", "interrupted", "failed", "complete", "gone")


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "runs",
        run,
        "what was trained and measured, listed and compared",
        "Lists the trainings, cross-validations and searches below a folder, the newest first, with their accuracy on "
        "test images and its 95 % interval. A run whose process was killed is listed as gone.\n\n"
        "--sort and --where take name, kind, state, when, data, photographs, classes, validation, test, external (the "
        "mean over other sets), external.NAME, seconds, and every setting.",
        [
            "handshape runs",
            "handshape runs --sort test --limit 5",
            "handshape runs --where 'test>0.9' --where data.seed=0",
            "handshape runs --kind crossval --state complete --json | jq .test.accuracy",
            "handshape runs --compare first second --page compared.html",
        ],
    )
    parser.add_argument(
        "folders", type=given_path, nargs="*", metavar="FOLDER", help="where runs are looked for (default: runs)"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="such as 'test>0.9', data.seed=0 or kind!=tune; of several, all must hold",
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="these alone; give it as often as needed")
    parser.add_argument("--state", action="append", choices=STATES, help="these alone; give it as often as needed")
    parser.add_argument("--sort", default="when", metavar="NAME", help="best or latest first (default: when)")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--limit", type=_whole, metavar="N", help="so many at most")
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="RUN", help="two or more, side by side: names of the list, or paths"
    )
    parser.add_argument("--page", type=given_path, metavar="FILE", help="write it as one HTML page, too")


def run(options: argparse.Namespace, console: Console) -> int:
    """Lists the runs that are asked for, or compares some."""
    from handshape.cli.runs_views import show_comparison, show_list
    from handshape.workflow.comparing.found import find_runs

    folders = options.folders or [RUNS]
    found = find_runs(folders) if options.folders or RUNS.is_dir() else []
    if options.compare:
        from handshape.workflow.comparing.compare import compare_runs

        compared = compare_runs(options.compare, found)
        show_comparison(compared, console)
        if options.page:
            _write(options.page, "Runs compared", list(compared.runs), console, compared)
        if options.json:
            console.emit(compared.as_dict())
        return 0
    chosen = choose(found, options)
    show_list(found, chosen, folders, console)
    if options.page:
        _write(options.page, f"Runs in {', '.join(map(str, folders))}", chosen, console)
    if options.json:
        for each in chosen:
            console.emit(each.as_dict())
    return 0


def choose(found: Sequence[FoundRun], options: argparse.Namespace) -> list[FoundRun]:
    """Those of the runs that are asked for, in order.

    Raises:
        SettingsError: a condition or a name cannot be understood.
    """
    from handshape.workflow.comparing.query import conditions, ordered

    asked = conditions(options.where, found)
    chosen = [
        each
        for each in found
        if (not options.kind or each.kind in options.kind)
        and (not options.state or each.state in options.state)
        and all(condition.holds(each) for condition in asked)
    ]
    return ordered(chosen, options.sort, options.reverse)[: options.limit]


def _write(
    path: Path, title: str, runs: Sequence[FoundRun], console: Console, compared: RunComparison | None = None
) -> None:
    from handshape.workflow.comparing.page import write_page

    write_page(path, title, runs, compared, console)
    console.status("save", f"Page: {path}")


def _whole(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"'{word}' is no whole number from 1 on")
    return int(word)
