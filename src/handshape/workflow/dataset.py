"""The data set: photographs, their classes, groups and hands, and what a classifier is shown of them; no split in it.

Every file is read, hashed and decoded once; every fit on the data set shares its pictures, hands and trunk features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    Sample,
    list_samples,
    natural_key,
)
from handshape.data.splits import Rows
from handshape.errors import DataError, SettingsError
from handshape.hands.inputs import Inputs, Photograph
from handshape.hands.known_hands import KnownHands, known_labels
from handshape.hands.landmarks import Hand
from handshape.hands.search import HandSearch, hand_search
from handshape.model.classifier import PIXELS
from handshape.model.decisions import is_negative_name
from handshape.workflow.context import Context
from handshape.workflow.estimate import require_resources
from handshape.workflow.executor import Executor
from handshape.workflow.executor.photographs import read_elsewhere
from handshape.workflow.label_signs import add_hand_findings

MIN_FOUND = 0.5  # of the images; with fewer hands, whole images say more
MIN_COVERAGE = 0.9  # of the images of signs; with fewer hands, pixels say something about the others
MAX_NAMED = 10  # of what is left out


@dataclass(frozen=True, eq=False)
class Dataset:
    """N photographs whose classes are known; all that belongs to one stands in the same row.

    Attributes:
        folder: where they lie.
        report: what is known of all files of the folder.
        samples: [N].
        class_names: the C classes, in the order of their numbers.
        targets: [N], the class number of each.
        groups: who signed what, or which belong together otherwise.
        hands: [N], in pixels of the whole photograph; None where none was found.
        inputs: what a classifier is shown of the N.
        search: what found the hands; None where none were looked for.
        left_out: classes of the folder that are not among the class names.
        also: class names without photographs, learned from known hands alone.
    """

    folder: ImageFolder
    report: CheckReport
    samples: tuple[Sample, ...]
    class_names: tuple[str, ...]
    targets: NDArray[np.int64]
    groups: Groups
    hands: tuple[Hand | None, ...]
    inputs: Inputs = field(repr=False)
    search: HandSearch | None = None
    left_out: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    features: dict[Any, Any] = field(default_factory=dict, repr=False)  # trunk features by what they depend on
    known: dict[bytes, KnownHands] = field(default_factory=dict, repr=False)  # that look like those of some rows

    def __len__(self) -> int:
        return len(self.samples)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs of it: what found the hands stays here, and features are made there."""
        search = None if self.search is None else searched_before
        inputs = [np.asarray(each) for each in vars(self.inputs).values()]  # of a memory map, the array
        once = [each[:1] if len(each) and not each.strides[0] else each for each in inputs]  # rows all alike
        return {**vars(self), "search": search, "inputs": once, "features": {}, "known": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows = len(state["samples"])
        inputs = Inputs(*(np.broadcast_to(each, (rows, *each.shape[1:])) for each in state["inputs"]))
        vars(self).update({**state, "inputs": inputs})

    def seen_by(self, streams: Collection[str]) -> Dataset:
        """The same, a quarter as large where none of these streams looks at pixels: all pictures are one black dot."""
        if PIXELS in streams:
            return self
        dots = np.broadcast_to(np.zeros(3, np.uint8), (len(self), 1, 1, 3))
        return replace(self, inputs=replace(self.inputs, image=dots))

    @property
    def finds_hands(self) -> bool:
        """Whether hands were looked for."""
        return self.search is not None

    @property
    def rows(self) -> Rows:
        """All of them."""
        return np.arange(len(self))

    @property
    def sign_coverage(self) -> float:
        """In what share of the images of signs a hand was found; 1 where there are none."""
        shows_sign = np.array([not is_negative_name(name) for name in self.class_names])[self.targets]
        return float(self.inputs.found[shows_sign].mean()) if shows_sign.any() else 1.0

    def found(self, rows: Rows) -> NDArray[np.bool_] | None:
        """In which of these a hand was found, [n]; None where none was looked for."""
        return self.inputs.found[rows] if self.finds_hands else None

    def files(self, rows: Rows) -> list[Path]:
        """Where these lie on disk."""
        return [self.folder.file(self.samples[row]) for row in rows]

    def group_names(self, rows: Rows) -> list[str]:
        """The group of each of these."""
        return [self.groups.of[self.samples[row].path] for row in rows]

    def signers(self, rows: Rows) -> NDArray[np.int64]:
        """The number of the signer of each of these, [n]; one number for all where signers are not known."""
        if not self.groups.are_signers:
            return np.zeros(len(rows), np.int64)
        return np.unique(self.group_names(rows), return_inverse=True)[1]

    def embeddings(self, rows: Rows) -> NDArray[np.float32]:
        """What near-duplicates among these are told by, [n, D]."""
        return self.report.similarity.embeddings[self._places(rows)]

    def thumbnails(self, rows: Rows) -> NDArray[np.uint8]:
        """What near-duplicates among these and photographs of other folders are told by, [n, 256]."""
        return self.report.thumbnails[self._places(rows)]

    def left_out_in_words(self) -> Iterator[str]:
        """What of the folder was left out, and why; a sentence for each kind."""
        report = self.report
        for names, what in (
            (self.left_out, "classes the model does not know"),
            ([f"{path} ({why.removeprefix('is ')})" for path, why in report.reasons.items()], "unreadable images"),
            (report.strays, "files that are not images, going by their names"),
        ):
            if names:
                yield f"Left out, {what}: {some(names, MAX_NAMED)}."
        empty = [name for name, count in report.usable_counts.items() if not count and name not in self.left_out]
        if empty:
            yield f"Nothing is measured of {some(empty, MAX_NAMED)}: no image there can be used."

    def _places(self, rows: Rows) -> list[int]:
        """Where these stand among the usable images of the report, of which a data set may leave some out."""
        place = {sample.path: number for number, sample in enumerate(self.report.usable_samples)}
        return [place[self.samples[row].path] for row in rows]


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


def searched_before(photographs: Iterable[Photograph]) -> Iterator[tuple[Photograph, Hand | None]]:
    """Stands in a data set that was sent to another process for what found its hands.

    Raises:
        RuntimeError: it is asked to find further ones.
    """
    raise RuntimeError("Hands are found where a data set is loaded.")


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
