"""``handshape train``: the settings it asks for, the journey, and what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.run_arguments import (
    add_executor_arguments,
    add_run_arguments,
    executor_for,
    externals_of,
    require_nothing_new,
    settings_of,
)
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
            "handshape train photos --set model.batch_size=auto --profile-steps 10",
            "handshape train photos --workers 2",
            "handshape train --resume runs/first",
            "handshape train --help-settings",
        ],
    )
    add_run_arguments(parser)
    add_executor_arguments(parser, "read the photographs")
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
    parser.add_argument(
        "--profile-steps",
        type=int,
        metavar="N",
        help="trace N training steps, for TensorBoard and Perfetto, into the run folder",
    )
    parser.add_argument(
        "--workers",
        type=workers_of,
        metavar="N",
        help="learn in N processes, each with its share of every batch, on JAX; cluster: in those that SLURM or "
        "Kubernetes starts. The setting gpu.workers is something else: threads that prepare batches",
    )
    parser.add_argument("--help-settings", action="store_true", help="list every setting with its default, and stop")


def run(options: argparse.Namespace, console: Console) -> int:
    """Trains, goes on with a run, or lists the settings."""
    if options.help_settings:
        list_settings(options, console)
        return 0
    if options.workers:
        from handshape.workflow.workers import run_with

        return run_with(options.workers, options.words, console, lambda: train_alone(options, console))
    return train_alone(options, console)


def workers_of(word: str) -> int | str:
    """The value of --workers."""
    if word == "cluster":
        return word
    if not word.isdigit() or not 1 <= int(word) <= 1024:
        raise argparse.ArgumentTypeError("a number from 1, or cluster")
    return int(word)


def train_alone(options: argparse.Namespace, console: Console) -> int:
    """Trains, or goes on with a run, and shows what came of it."""
    from handshape.workflow.train import resume, train
    from handshape.workflow.workers import compute_as_before

    with executor_for(options, console) as executor:
        if options.resume:
            require_nothing_new(options)
            compute_as_before(options.resume)
            result = resume(options.resume, console, options.data, executor)
        else:
            settings = with_more(settings_of(options), options)
            result = train(settings, options.out, options.name, console, externals_of(options), executor)
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


def with_more(settings: Settings, options: argparse.Namespace) -> Settings:
    """The settings with what options of their own ask for.

    Folders of photographs without a sign, classes that need no photographs, steps to trace.

    Raises:
        DataError: there is no such folder.
    """
    from handshape.config import validate_settings

    for folder in options.negatives:
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}, which --negatives names.", fix=did_you_mean_path(folder))
    values = settings.model_dump(exclude_unset=True)
    values["data"]["negatives"] = [*settings.data.negatives, *map(str, options.negatives)]
    if options.also:
        values.setdefault("hands", {})["also"] = [*settings.hands.also, *options.also]
    if options.profile_steps is not None:
        values.setdefault("training", {})["profile_steps"] = options.profile_steps
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
