"""From a folder of photographs to a data set: read, checked, grouped, their hands found.

Every file is read, hashed and decoded once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from handshape.config import Settings
from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.checks import check_folder, require_trainable
from handshape.data.gathering import Readings
from handshape.data.groups import Groups, group_samples, require_rule
from handshape.data.messages import some
from handshape.data.problems import MIN_IMAGES
from handshape.data.reading import read_files
from handshape.data.samples import (
    ImageFolder,
    list_samples,
    natural_key,
)
from handshape.errors import DataError, SettingsError
from handshape.hands.inputs import Inputs
from handshape.hands.known_hands import known_labels
from handshape.hands.search import HandSearch, hand_search
from handshape.model.decisions import is_negative_name
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.estimate import require_resources
from handshape.workflow.executor import Executor
from handshape.workflow.executor.photographs import read_elsewhere
from handshape.workflow.label_signs import add_hand_findings

MIN_FOUND = 0.5  # of the images; with fewer hands, whole images say more
MIN_COVERAGE = 0.9  # of the images of signs; with fewer hands, pixels say something about the others


def load(settings: Settings, context: Context, executor: Executor | None = None) -> Dataset:
    """The photographs of ``settings.data.original_data_dir``, checked, grouped, and their hands found.

    Args:
        settings: of a run.
        context: console and stopwatch.
        executor: whose workers read and search; None is this process, which has helpers of its own.

    Raises:
        DataError: they cannot be trained on.
        DownloadError: the hand models cannot be had, and hands.find=require.
        RuntimeUnavailableError: there is too little memory for a training on them.
        RunError: there is too little room in the cache for it.
    """
    console, path = context.console, Path(settings.data.original_data_dir)
    also = known_labels(settings.hands.also)
    with context.watch.stage("read"):
        console.status("check", f"Reading {path}")
        folder = list_samples(path, groups=settings.data.groups)
        folder.corrections.announce(console)
        require_rule(folder, settings.data.groups)
        require_resources(settings, len(folder.samples), console)
        search = find_search(settings, console)
        readings = read_samples(folder, search, settings.model.img_size, console, executor)
        if search is not None and settings.hands.find == "auto" and hides_hands(folder, readings):
            console.warn(
                "A hand was found in less than half of the images (are they black and white, gloved, drawn, tiny?), so "
                "whole images are learned, as with hands.find=off. Photographs of whole hands in colour do far better."
            )
            search = None
            readings = read_samples(folder, None, settings.model.img_size, console, executor)
        report = check_folder(folder, readings.inspections, least_classes=1 if also else 2)
        require_trainable(report)
        console.detail(f"{report.usable} usable images in {len(report.usable_classes)} classes")
        for problem in report.problems:
            console.warn(problem)
        if search is not None:
            console.detail(f"a hand was found in {np.mean([hand is not None for hand in readings.hands]):.1%} of them")
    with context.watch.stage("group"):
        console.status("check", "Comparing the images with one another")
        groups = group_samples(folder, report.usable_samples, settings.data.groups, report.digests, report.similarity)
        groups.announce(console)
        checked = report if search is None else add_hand_findings(report, readings, groups)
        for text in checked.problems[len(report.problems) :]:
            console.warn(text)
    dataset = _with_known_classes(_dataset(folder, checked, readings, groups, search), also)
    return _with_hands(dataset, console) if settings.hands.find == "require" else dataset


def find_search(settings: Settings, console: Console) -> HandSearch | None:
    """What finds hands; None where they are off or, said aloud, cannot be had.

    Raises:
        DownloadError: the hand models cannot be had, and hands.find=require.
    """
    if settings.hands.find == "off":
        return None
    return hand_search(console, required=settings.hands.find == "require")


def read_samples(
    folder: ImageFolder, search: HandSearch | None, size: int | None, console: Console, executor: Executor | None = None
) -> Readings:
    """What the images of a folder show; see :func:`~handshape.data.reading.read_files`."""
    label = "Reading images" if search is None else "Reading images, finding hands"
    files = [folder.file(sample) for sample in folder.samples]
    if executor is None or executor.is_here:
        return read_files(files, search, size, console, label)
    return read_elsewhere(files, search is not None, size, console, executor, label)


def hides_hands(folder: ImageFolder, readings: Readings) -> bool:
    """Whether most images of signs show no hand that can be found."""
    labels = [folder.samples[number].label for number in readings.usable]
    found = [
        hand is not None for label, hand in zip(labels, readings.hands, strict=True) if not is_negative_name(label)
    ]
    return sum(found) < MIN_FOUND * len(found)


def possible_settings(settings: Settings, dataset: Dataset, console: Console) -> Settings:
    """The settings as they can be, and as they make sense.

    Where no hands were looked for, whole images and pixels alone. Where a hand is found in few of the images, pixels
    join the other streams, unless streams were asked for by name: they alone say something about the others.
    """
    model = settings.model
    if not dataset.finds_hands:
        hands = settings.hands.model_copy(update={"find": "off"})
        return settings.model_copy(update={"hands": hands, "model": model.model_copy(update={"streams": ["pixels"]})})
    if dataset.also and "pixels" in model.streams:
        raise SettingsError(
            f"Pixels cannot be learned of {some(dataset.also)}: of these there are no photographs (hands.also).",
            "model.streams of landmarks and hand",
            "Leave one of the two out.",
        )
    if dataset.also or "streams" in model.model_fields_set or dataset.sign_coverage >= MIN_COVERAGE:
        return settings
    console.detail("pixels, through MobileNetV2, are looked at as well: they say something where no hand is found")
    return settings.model_copy(update={"model": model.model_copy(update={"streams": [*model.streams, "pixels"]})})


def _dataset(
    folder: ImageFolder, report: CheckReport, readings: Readings, groups: Groups, search: HandSearch | None
) -> Dataset:
    samples = report.usable_samples
    class_names = tuple(sorted({sample.label for sample in samples}, key=natural_key))
    number_of = {name: number for number, name in enumerate(class_names)}
    targets = np.array([number_of[sample.label] for sample in samples], np.int64)
    return Dataset(folder, report, samples, class_names, targets, groups, readings.hands, inputs_of(readings), search)


def inputs_of(readings: Readings) -> Inputs:
    """What a classifier is shown of what was read."""
    if readings.inputs is None:
        raise ValueError("Reading without a size keeps no pictures.")
    return readings.inputs


def _with_known_classes(dataset: Dataset, also: Sequence[str]) -> Dataset:
    """The data set with further classes, of which there are no photographs.

    Raises:
        DataError: no hands are looked for, and whole images know nothing of them.
    """
    here = {name.casefold() for name in dataset.class_names}
    also = tuple(name for name in also if name.casefold() not in here)
    if also and not dataset.finds_hands:
        raise DataError(
            f"Whole images are learned, so {some(also)} cannot be learned from known hands alone (hands.also).",
            "photographs in which hands are found",
            "Leave hands.also out, or find out why no hands are found: handshape check",
        )
    names = tuple(sorted((*dataset.class_names, *also), key=natural_key))
    moved = np.array([names.index(name) for name in dataset.class_names])
    return replace(dataset, class_names=names, targets=moved[dataset.targets], also=also)


def _with_hands(dataset: Dataset, console: Console) -> Dataset:
    """The data set without the images that show no hand.

    Raises:
        DataError: too few of a class are left.
    """
    rows = np.flatnonzero(dataset.inputs.found)
    counts: Mapping[str, int] = Counter(dataset.samples[row].label for row in rows)
    poor = [name for name in dataset.class_names if counts[name] < MIN_IMAGES and name not in dataset.also]
    if poor:
        raise DataError(
            f"hands.find=require leaves too few images in {some(poor)}: no hand was found in the others.",
            f"at least {MIN_IMAGES} images with a hand in every class",
            "Use hands.find=auto, add photographs, or remove classes without hands.",
        )
    if len(rows) < len(dataset):
        console.warn(f"{len(dataset) - len(rows)} images without a hand are left out (hands.find=require).")
    return replace(
        dataset,
        samples=tuple(dataset.samples[row] for row in rows),
        targets=dataset.targets[rows],
        hands=tuple(dataset.hands[row] for row in rows),
        inputs=dataset.inputs[rows],
    )
