"""The stages before training: checked photographs, their hands, a split, decoded inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.checks import CheckReport, check_folder, require_trainable, with_label_issues
from handshape.data.export_split import export_split
from handshape.data.groups import signer_groups
from handshape.data.messages import some
from handshape.data.problems import MIN_IMAGES
from handshape.data.samples import ImageFolder, Sample, list_samples, natural_key
from handshape.data.splits import Split, split_samples, write_splits
from handshape.data.store import decode_images
from handshape.errors import DataError, RunError
from handshape.files import atomic_write, write_text
from handshape.hands.geometry import right_hand, shape_features
from handshape.hands.inputs import Inputs, load_view, with_hands
from handshape.hands.landmarks import Hand
from handshape.hands.search import HandSearch, hand_search
from handshape.workflow.run import Run

FoundHands = Mapping[str, Hand | None]  # by path; empty where nobody looked

NAMED_WEIGHTS = ("auto", "imagenet", "own", "none")  # whatever else model.weights says is a path


@dataclass(frozen=True)
class Decoded:
    """What the classifier is given of each part (train, validation, test, all), and the class numbers [N]."""

    inputs: dict[str, Inputs]
    targets: dict[str, NDArray[np.int64]]


def check_data(path: Path, console: Console) -> tuple[ImageFolder, CheckReport]:
    """Lists and decodes every image; passes when the folder can be trained on.

    Raises:
        DataError: it cannot.
    """
    console.status("check", f"Checking {path}")
    folder = list_samples(path)
    report = check_folder(folder, console)
    require_trainable(report)
    console.detail(f"{report.usable} usable images in {len(report.usable_classes)} classes")
    for problem in report.problems:
        console.warn(problem)
    return folder, report


def look_for_hands(settings: Settings, console: Console) -> HandSearch | None:
    """What finds the hand of each of many photographs; None where hands are off or, said aloud, cannot be had.

    Raises:
        DownloadError: the hand models cannot be had, and hands.find=require.
    """
    if settings.hands.find == "off":
        return None
    return hand_search(console, required=settings.hands.find == "require")


def settings_for(settings: Settings, look: HandSearch | None) -> Settings:
    """The settings as they can be: without a finder, whole images and pixels alone."""
    if look is not None:
        return settings
    hands = settings.hands.model_copy(update={"find": "off"})
    model = settings.model.model_copy(update={"streams": ["pixels"]})
    return settings.model_copy(update={"hands": hands, "model": model})


def find_hands(folder: ImageFolder, report: CheckReport, look: HandSearch | None, console: Console) -> FoundHands:
    """The hand of each usable image, by path."""
    if look is None:
        return {}
    samples = report.usable_samples
    console.status("hands", "Finding hands")
    found = look([folder.file(sample) for sample in samples])
    share = sum(hand is not None for hand in found) / len(found)
    console.detail(f"a hand in {share:.1%} of {len(found)} images")
    return {sample.path: hand for sample, hand in zip(samples, found, strict=True)}


def split_data(
    folder: ImageFolder, report: CheckReport, hands: FoundHands, settings: Settings, console: Console
) -> Split:
    """Training, validation and test, no group on two sides.

    Raises:
        DataError: hands.find=require leaves a class with too few images.
    """
    data, samples = settings.data, report.usable_samples
    groups, by = signer_groups(folder, samples, data.groups, report.digests, report.similarity)
    if settings.hands.find == "require":
        samples = _with_hands(samples, hands, console)
    split = split_samples(samples, groups, data.test_split, data.val_split, data.seed, by)
    sizes = ", ".join(f"{len(samples)} {part}" for part, samples in split.parts.items())
    console.status("split", f"Split {by}: {sizes}")
    for note in split.notes:
        console.warn(note)
    return split


def _with_hands(samples: Sequence[Sample], hands: FoundHands, console: Console) -> tuple[Sample, ...]:
    kept = tuple(sample for sample in samples if hands[sample.path])
    counts = Counter(sample.label for sample in kept)
    poor = [label for label in dict.fromkeys(sample.label for sample in samples) if counts[label] < MIN_IMAGES]
    if poor:
        raise DataError(
            f"hands.find=require leaves too few images in {some(poor)}: no hand was found in the others.",
            f"at least {MIN_IMAGES} images with a hand in every class",
            "Use hands.find=auto, add photographs, or remove classes without hands.",
        )
    if len(kept) < len(samples):
        console.warn(f"{len(samples) - len(kept)} images without a hand are left out (hands.find=require).")
    return kept


def report_label_issues(report: CheckReport, hands: FoundHands, split: Split, console: Console) -> CheckReport:
    """The report with the labels that are probably wrong, said aloud."""
    report_with_issues = add_label_issues(report, hands, split.groups or {})
    for problem in report_with_issues.findings[len(report.findings) :]:
        console.warn(problem.text)
    return report_with_issues


def add_label_issues(report: CheckReport, hands: FoundHands, groups: Mapping[str, str]) -> CheckReport:
    """The report with the labels that the shape of the hand speaks against; as it was where no hand is known."""
    shown = [(sample, hand) for sample in report.usable_samples if (hand := hands.get(sample.path))]
    if not shown:
        return report
    landmarks = [right_hand(hand.landmarks, hand.world, hand.handedness == "Left") for _, hand in shown]
    return with_label_issues(report, [sample for sample, _ in shown], shape_features(np.stack(landmarks)), groups)


def knows_signers(split: Split) -> bool:
    """Whether the split's groups are people."""
    return split.by.startswith("by signer")


def start_run(run: Run, settings: Settings, split: Split) -> None:
    """Puts the settings and the split into the run folder; what an earlier training left to work with goes."""
    run.clean()
    run.create_folders()
    settings = with_absolute_paths(settings)
    write_text(run.config, settings.to_yaml())
    run.record(data=settings.data.original_data_dir)
    write_splits(split, run.splits)


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings with every path in full, so that a run can be resumed from any folder."""
    data, weights = settings.data, settings.model.weights
    folders = ("original_data_dir", "temp_train_dir", "temp_val_dir", "temp_test_dir")
    paths: dict[str, Any] = {name: str(Path(getattr(data, name)).resolve()) for name in folders}
    paths["negatives"] = [str(Path(folder).expanduser().resolve()) for folder in data.negatives]
    if data.groups.lower().endswith(".csv"):
        paths["groups"] = str(Path(data.groups).expanduser().resolve())
    if weights not in NAMED_WEIGHTS:
        weights = str(Path(weights).expanduser().resolve())
    model = settings.model.model_copy(update={"weights": weights})
    return settings.model_copy(update={"data": data.model_copy(update=paths), "model": model})


def require_same_split(run: Run, split: Split) -> None:
    """Raises RunError where the photographs are not those the run began with."""
    with atomic_write(run.work / "splits.csv") as again:
        write_splits(split, again)
        same = again.read_bytes() == run.splits.read_bytes()
    if not same:
        raise RunError(
            f"The photographs are not those that the run {run.folder} began with.",
            f"the images that {run.splits} lists",
            "Start a new run, or put the photographs back as they were.",
        )


def export_split_folders(folder: ImageFolder, split: Split, settings: Settings, console: Console) -> None:
    """The split as class folders, where the settings ask for it."""
    data = settings.data
    if data.layout == "none":
        return
    targets = {"train": data.temp_train_dir, "validation": data.temp_val_dir, "test": data.temp_test_dir}
    console.status("folder", f"Laying the split out as folders, by {data.layout}")
    export_split(split, folder, {part: Path(target) for part, target in targets.items()}, data.layout, console)


def decode_split(
    folder: ImageFolder, split: Split, hands: FoundHands, settings: Settings, run: Run, console: Console
) -> Decoded:
    """Every image of the split decoded once: the crop of its hand, or the whole."""
    numbers = {label: number for number, label in enumerate(labels_of(split))}
    size = settings.model.img_size
    console.status("decode", "Decoding images")
    samples = [sample for part in split.parts.values() for sample in part]
    images = decode_images(
        lambda sample: load_view(folder.file(sample), hands.get(sample.path), size),
        samples,
        size,
        console,
        run.work / "images.npy",
    )
    inputs = with_hands(images, [hands.get(sample.path) for sample in samples])
    targets = np.array([numbers[sample.label] for sample in samples], np.int64)
    ends = np.cumsum([len(part) for part in split.parts.values()]).tolist()
    parts = {name: slice(start, end) for name, start, end in zip(split.parts, [0, *ends], ends, strict=False)}
    parts["all"] = slice(None)
    return Decoded(
        {name: inputs[part] for name, part in parts.items()}, {name: targets[part] for name, part in parts.items()}
    )


def labels_of(split: Split) -> tuple[str, ...]:
    """The classes of a split, in the order of their numbers."""
    present = {sample.label for samples in split.parts.values() for sample in samples}
    return tuple(sorted(present, key=natural_key))
