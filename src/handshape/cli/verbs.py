"""The verbs: each takes the parsed options, calls the stage it names and shows the result."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handshape.config import Settings, describe_settings, load_settings, validate_settings
from handshape.console import Console
from handshape.errors import DataError, ImageError, SettingsError


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the verb and returns the exit code."""
    verb = {
        "check": check,
        "train": train,
        "evaluate": evaluate,
        "predict": predict,
        "sample": sample,
        "doctor": doctor,
    }[options.verb]
    return verb(options, console)


def check(options: argparse.Namespace, console: Console) -> int:
    """``handshape check``: 0 when the folder can be trained on, 1 when it cannot."""
    from handshape.data.checks import check_folder
    from handshape.data.samples import list_samples

    console.status("check", f"Checking {options.data}")
    report = check_folder(list_samples(options.data), console)
    usable = report.usable_counts
    console.table(
        "Images", ("class", "files", "usable"), [(label, n, usable[label]) for label, n in report.classes.items()]
    )
    for problem in report.problems:
        console.warn(problem)
    verdict = "nothing is wrong" if report.ok else f"{len(report.problems)} findings"
    console.status("done", f"{report.usable} of {report.images} images in {len(report.classes)} classes: {verdict}")
    if options.json:
        console.emit(report.as_dict())
    elif report.ok:
        console.status("hint", f"Train on it: handshape train {quoted(options.data)}")
    return 1 if report.fatal else 0


def train(options: argparse.Namespace, console: Console) -> int:
    """``handshape train``."""
    if options.help_settings:
        console.say("\n".join(f"{name}={default}\n    {meaning}" for name, default, meaning in describe_settings()))
        if options.json:
            console.emit(
                {name: {"default": default, "meaning": meaning} for name, default, meaning in describe_settings()}
            )
        return 0
    from handshape import pipeline

    if options.resume:
        require_nothing_new(options)
        result = pipeline.resume(options.resume, console)
    else:
        result = pipeline.train(settings_of(options), options.out, options.name, console, externals_of(options))
    show_training(result, console)
    if options.json:
        console.emit(
            {
                "run": str(result.run.folder),
                "bundle": str(result.bundle.folder),
                "accuracy": {"validation": result.validation.accuracy, "test": result.test.accuracy},
                "external": {name: outside.metrics.accuracy for name, outside in result.findings.external.items()},
                "verdict": result.findings.verdict.as_dict(),
                "report": str(result.run.report),
                "seconds": result.seconds,
            }
        )
    return 0


def externals_of(options: argparse.Namespace) -> dict[str, Path]:
    """The folders of --external by name.

    Raises:
        SettingsError: not NAME=FOLDER, or a name twice.
        DataError: there is no such folder.
    """
    found: dict[str, Path] = {}
    for text in options.external:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder) or name in found:
            raise SettingsError(f"Cannot use --external {text}.", "NAME=FOLDER, each name once")
        if not Path(folder).is_dir():
            raise DataError(f"There is no folder {folder}, which --external {name} names.")
        found[name] = Path(folder)
    return found


def require_nothing_new(options: argparse.Namespace) -> None:
    """A run that is resumed keeps its photographs and settings.

    Raises:
        SettingsError: the command line names others.
    """
    given = (
        options.external,
        options.negatives,
        options.data,
        options.name,
        options.config,
        options.profile != "default",
        options.assignments,
    )
    if any(given):
        raise SettingsError(
            "--resume goes on with a run as it was begun; photographs and settings cannot be given with it.",
            f"handshape train --resume {quoted(options.resume)}",
            "Leave --resume out to start a new run with other settings.",
        )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings a training asks for; DATA on the command line wins.

    Raises:
        SettingsError: a setting is at fault.
        DataError: no photographs were named, and there are none where the settings say.
    """
    settings = load_settings(options.profile, options.config, options.assignments)
    if options.negatives:
        settings = with_negatives(settings, options.negatives)
    if options.data is None:
        if not Path(settings.data.original_data_dir).exists():
            raise DataError(
                f"No photographs were named, and there is no folder {settings.data.original_data_dir}.",
                "a folder with one folder of images a class",
                "Name yours: handshape train FOLDER. 'handshape sample practice' draws some to try.",
            )
        return settings
    values = settings.model_dump()
    values["data"]["original_data_dir"] = str(options.data)
    return validate_settings(values)


def with_negatives(settings: Settings, folders: Sequence[Path]) -> Settings:
    """The settings with folders of photographs without a sign.

    Raises:
        DataError: there is no such folder.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}, which --negatives names.")
    values = settings.model_dump()
    values["data"]["negatives"] += [str(folder) for folder in folders]
    return validate_settings(values)


def show_training(result: Any, console: Console) -> None:
    """The test's table, the headline and the next commands."""
    rows = [
        (score.label, score.support, *(f"{value:.3f}" for value in (score.precision, score.recall, score.f1)))
        for score in result.test.per_class
    ]
    console.table("Test images", ("class", "images", "precision", "recall", "F1"), rows)
    run = quoted(result.run.folder)
    console.status("chart", f"Test accuracy {result.test.accuracy:.1%} on {result.test.n} images, {result.split_by}")
    console.detail(
        f"validation {result.validation.accuracy:.1%}, top-3 {result.test.top3:.1%}, "
        f"macro F1 {result.test.macro_f1:.3f}, calibration error {result.test.ece:.3f}"
    )
    hardest = [score for score in result.test.worst() if score.recall < 1]
    for name, outside in result.findings.external.items():
        console.status("chart", f"On {name}: {outside.metrics.accuracy:.1%} of {outside.metrics.n} images")
    for sentence in result.findings.verdict.sentences:
        console.detail(sentence)
    for word, scores in (("best", result.test.best() if hardest else ()), ("hardest", hardest)):
        if scores:
            console.detail(f"{word} classes: {', '.join(f'{score.label} {score.recall:.0%}' for score in scores)}")
    if not result.split_by.startswith("by signer"):
        console.warn(
            "The split does not know who signed what, so the same people may stand in training and test. Expect less "
            "on people it has never seen: name the signers with --set data.groups=…, or measure on other photographs."
        )
    console.status("done", f"Run folder: {result.run.folder} (report.html; figures and measures in results/)")
    console.status("hint", "Next:")
    for command in (f"predict {run} IMAGE", f"evaluate {run} OTHER_PHOTOS"):
        console.detail(f"handshape {command}")
    console.detail(f"tensorboard --logdir {run}/logs")


def evaluate(options: argparse.Namespace, console: Console) -> int:
    """``handshape evaluate``."""
    from handshape.data.samples import list_samples
    from handshape.evaluation.decisions import report_decisions
    from handshape.evaluation.outside import evaluate_outside
    from handshape.export.bundle import find_bundle
    from handshape.hands.search import hand_search
    from handshape.serving.recognizer import Recognizer

    bundle = find_bundle(options.model)
    recognizer = Recognizer(bundle)
    folder = list_samples(options.data)
    look = hand_search(console) if bundle.hands else None
    outside = evaluate_outside(recognizer.probabilities, bundle.labels, bundle.size, folder, look, console)
    metrics, predictions = outside.metrics, outside.predictions
    decisions = report_decisions(
        bundle.labels, predictions.probabilities, predictions.truth, outside.hand_found, bundle.thresholds
    )
    for names, what in (
        (outside.left_out, "classes the model does not know"),
        (outside.unreadable, "unreadable images"),
    ):
        if names:
            console.warn(f"Left out, {what}: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}")
    rows = [
        (score.label, score.support, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
        for score in metrics.scored()
    ]
    console.table(f"{options.data}", ("class", "images", "precision", "recall", "F1"), rows)
    console.status("chart", f"Accuracy {metrics.accuracy:.1%} on {metrics.n} images of {len(rows)} classes")
    console.detail(f"top-3 {metrics.top3:.1%}, macro F1 {metrics.macro_f1:.3f}, calibration error {metrics.ece:.3f}")
    show_decisions(decisions, console)
    if options.json:
        console.emit(
            {
                **metrics.as_dict(),
                "classes": [score.label for score in metrics.scored()],
                "hands_found": decisions.hands_found,
                "decisions": decisions.as_dict(),
                "left_out": list(outside.left_out),
                "unreadable": list(outside.unreadable),
            }
        )
    return 0


def show_decisions(decisions: Any, console: Console) -> None:
    """How much the model accepts, and how much of that is right."""
    if decisions.hands_found is not None:
        console.detail(f"a hand found in {decisions.hands_found:.1%}")
    right = decisions.accuracy_of_accepted
    text = f"accepted {decisions.accepted:.1%}" + (f", of these {right:.1%} rightly" if right is not None else "")
    console.detail(f"{text}; unknown {decisions.unknown:.1%}, no hand {decisions.no_hand:.1%}")


def predict(options: argparse.Namespace, console: Console) -> int:
    """``handshape predict``: goes on after a bad image; 1 when no image could be read."""
    from handshape.export.bundle import find_bundle
    from handshape.hands.models import hand_models_or_none
    from handshape.images import images_below
    from handshape.serving.recognizer import Recognizer

    bundle = find_bundle(options.model)
    recognizer = Recognizer(bundle, hand_models_or_none(console) if bundle.hands else None, threads=1)
    failed = 0
    paths = list(images_below(options.images))
    for path in paths:
        try:
            result = recognizer.recognize(path)
        except ImageError as error:
            failed += 1
            if options.json:
                console.emit({"path": str(path), "error": error.text})
            else:
                console.error(error)
            continue
        if options.json:
            console.emit({"path": str(path), **result.as_dict()})
        else:
            console.say(f"{path}: {in_words(result)}")
    return 1 if failed == len(paths) else 0


def in_words(result: Any) -> str:
    """A recognition on one line."""
    best, *others = result.top[:3]
    runners_up = ", ".join(f"{label} {probability:.1%}" for label, probability in others)
    if result.decision == best[0]:
        return f"{best[0]} {best[1]:.1%} (then {runners_up})"
    return f"{result.decision} (at best {best[0]} {best[1]:.1%}, then {runners_up})"


def sample(options: argparse.Namespace, console: Console) -> int:
    """``handshape sample``."""
    from handshape.data.drawn import draw_practice_set

    console.status("draw", f"Drawing a practice set into {options.out}")
    if options.seed < 0:
        raise SettingsError(f"The seed cannot be {options.seed}.", "0 or more")
    count = draw_practice_set(options.out, options.per_class, options.seed, options.classes, options.size, console)
    console.status("done", f"Drew {count} images")
    signers = options.out / "signers.csv"
    console.status("hint", f"Train on it: handshape train {quoted(options.out)} --set data.groups={quoted(signers)}")
    if options.json:
        console.emit({"folder": str(options.out), "images": count, "signers": str(signers)})
    return 0


def doctor(options: argparse.Namespace, console: Console) -> int:
    """``handshape doctor``."""
    from handshape.cli.doctor import examine

    return examine(options.json, console)


def quoted(path: Path) -> str:
    """The path as a shell takes it."""
    return shlex.quote(str(path))
