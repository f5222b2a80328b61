"""``handshape train``: the settings it asks for, the journey, and what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.run_arguments import add_run_arguments, externals_of, require_nothing_new, settings_of
from handshape.cli.shared import Verbs, add_verb, quoted, show_decisions
from handshape.errors import DataError
from handshape.suggestions import did_you_mean_path

if TYPE_CHECKING:
    from handshape.config import Settings
    from handshape.console import Console

ORDER = 20


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "train",
        run,
        "the whole journey, from photographs to a judged model",
        "Checks, splits, trains in two phases, evaluates, draws the figures and writes a run folder.",
        [
            "handshape train photos",
            "handshape train photos --name first --set data.groups=signers.csv",
            "handshape train photos --set data.groups='(?P<signer>[^_/]+)_[0-9]+' --set model.num_epochs=40",
            "handshape train photos --external office=office-photos --negatives rooms",
            "handshape train my-signs --also asl",
            "handshape train photos --profile gtx1650 --config my.yaml",
            "handshape train --resume runs/first",
            "handshape train --help-settings",
        ],
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--negatives",
        action="append",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="photographs without a sign, to tune what is accepted",
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="CLASSES",
        help="classes to learn besides, from hands that come with Handshape: asl, digits, or signs of these",
    )
    parser.add_argument("--help-settings", action="store_true", help="list every setting with its default, and stop")


def run(options: argparse.Namespace, console: Console) -> int:
    """Trains, goes on with a run, or lists the settings."""
    if options.help_settings:
        list_settings(options, console)
        return 0
    from handshape.workflow.train import resume, train

    if options.resume:
        require_nothing_new(options)
        result = resume(options.resume, console, options.data)
    else:
        settings = with_more(settings_of(options), options.negatives, options.also)
        result = train(settings, options.out, options.name, console, externals_of(options))
    show_training(result, console)
    if options.json:
        console.emit(
            {
                "run": str(result.run.folder),
                "bundle": str(result.bundle.folder),
                "accuracy": {"validation": result.validation.accuracy, "test": result.test.accuracy},
                "external": {name: external.metrics.accuracy for name, external in result.findings.external.items()},
                "verdict": result.findings.verdict.as_dict(),
                "report": str(result.run.report),
                "seconds": result.seconds,
            }
        )
    return 0


def list_settings(options: argparse.Namespace, console: Console) -> None:
    """Every setting with its default and what it means."""
    from handshape.config import describe_settings

    console.say("\n".join(f"{name}={default}\n    {meaning}" for name, default, meaning in describe_settings()))
    if options.json:
        console.emit({name: {"default": default, "meaning": meaning} for name, default, meaning in describe_settings()})


def with_more(settings: Settings, folders: Sequence[Path], also: Sequence[str]) -> Settings:
    """The settings with folders of photographs without a sign, and with classes that need no photographs.

    Raises:
        DataError: there is no such folder.
    """
    from handshape.config import validate_settings

    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}, which --negatives names.", fix=did_you_mean_path(folder))
    values = settings.model_dump(exclude_unset=True)
    values["data"]["negatives"] = [*settings.data.negatives, *map(str, folders)]
    if also:
        values.setdefault("hands", {})["also"] = [*settings.hands.also, *also]
    return validate_settings(values)


def show_training(result: Any, console: Console) -> None:
    """The test's table, the headline and the next commands."""
    from handshape.data.messages import some

    also = result.trained.dataset.also
    rows = [
        (score.label, score.support, *(f"{value:.3f}" for value in (score.precision, score.recall, score.f1)))
        for score in result.test.per_class
        if score.support or score.label not in also
    ]
    console.table("Test images", ("class", "images", "precision", "recall", "F1"), rows)
    run, groups = quoted(result.run.folder), result.trained.dataset.groups
    console.result("chart", f"Test accuracy {result.test.accuracy:.1%} on {result.test.n} images, {groups.description}")
    console.result(
        "",
        f"validation accuracy {result.validation.accuracy:.1%}; the right class is among its first three for "
        f"{result.test.top3:.1%}; macro F1 {result.test.macro_f1:.3f}, a mean over the classes; calibration error "
        f"{result.test.ece:.3f}, between how sure it is and how often right",
    )
    if also:
        console.result("", f"Without photographs here, so not among these: {some(also)}")
    show_decisions(result.trained.results.decisions, console)
    hardest = [score for score in result.test.worst() if score.recall < 1]
    for name, external in result.findings.external.items():
        console.result("chart", f"On {name}: {external.metrics.accuracy:.1%} of {external.metrics.n} images")
    for sentence in result.findings.verdict.sentences:
        console.result("", sentence)
    for word, scores in (("best", result.test.best() if hardest else ()), ("hardest", hardest)):
        if scores:
            console.result("", f"{word} classes: {', '.join(f'{score.label} {score.recall:.0%}' for score in scores)}")
    if not groups.are_signers:
        console.warn(
            "Nobody said who signed what, so the same people may be in training and test. Expect less on people that "
            "the model has never seen. Name the signers with --set data.groups=…, or measure on other photographs."
        )
    console.result("save", f"Run folder: {result.run.folder} (report.html; figures and measures in results/)")
    console.done("Trained")
    if not console.quiet:
        console.result("hint", "Next:")
        for command in (f"handshape predict {run} IMAGE", f"handshape evaluate {run} OTHER_PHOTOS"):
            console.command(command)
        console.command(f"tensorboard --logdir {run}/logs")
