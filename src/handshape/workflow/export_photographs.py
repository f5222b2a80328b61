"""The photographs on which exports are calibrated and proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.samples import ImageFolder, Sample, list_samples
from handshape.data.splits import Split
from handshape.errors import DataError, ImageError
from handshape.evaluation.external import match_labels
from handshape.export.bundle import Bundle
from handshape.hands.inputs import Inputs, load_view, with_hands
from handshape.hands.search import HandSearch
from handshape.images import decode, open_image

CALIBRATE, PROVE = 200, 2_000  # at most; 2,000 images of 128 pixels take 100 MB


@dataclass(frozen=True)
class Photographs:
    """What a model is given of N photographs, and what they show.

    Attributes:
        inputs: of the N photographs.
        targets: class numbers [N].
        paths: inside their folder.
    """

    inputs: Inputs
    targets: NDArray[np.int64]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Chosen:
    """Photographs of a folder, none of them in both parts.

    Attributes:
        root: the folder.
        calibration: int8 learns the ranges of values from these.
        proof: the exports are compared on these.
    """

    root: Path
    calibration: tuple[Sample, ...]
    proof: tuple[Sample, ...]


def choose_from_folder(root: Path, bundle: Bundle) -> Chosen:
    """A fifth of the photographs in class folders calibrates, the others prove; classes and files evenly.

    Raises:
        DataError: the folder is missing, or has fewer than two photographs of classes that the model knows.
    """
    folder = list_samples(root)
    known = match_labels(folder.classes, bundle.class_names)
    samples = [
        Sample(each.path, bundle.class_names[known[each.label]]) for each in folder.samples if each.label in known
    ]
    if len(samples) < 2:
        raise DataError(
            f"{root} has too few photographs of the classes that the model knows.",
            f"at least two, of {', '.join(bundle.class_names)}",
            "Name a folder with one folder of photographs a class.",
        )
    calibration = _evenly(samples, min(CALIBRATE, max(1, len(samples) // 5)))
    apart = set(calibration)
    return Chosen(root, calibration, _evenly([each for each in samples if each not in apart], PROVE))


def choose_from_split(root: Path, split: Split) -> Chosen:
    """Of the photographs that a model was made with, those it was trained on calibrate, those kept back prove.

    Raises:
        DataError: they are no longer there.
    """
    chosen = Chosen(root, _evenly(split.train, CALIBRATE), _evenly((*split.validation, *split.test), PROVE))
    if not root.is_dir() or not any((root / each.path).is_file() for each in chosen.proof):
        raise DataError(
            f"The photographs that the model was made with are no longer in {root}.",
            "photographs to compare the exports with Keras on",
            "Name others, one folder a class: --data FOLDER",
        )
    return chosen


def load_photographs(
    root: Path, samples: Sequence[Sample], bundle: Bundle, look: HandSearch | None, console: Console
) -> Photographs:
    """Decodes photographs as the model is shown them; those that cannot be read are left out.

    Args:
        root: the folder they are in.
        samples: what to read, with labels that the bundle has.
        bundle: of the model.
        look: finds hands; None for a model of whole images.
        console: shows the progress.

    Raises:
        DataError: none can be read.
    """
    folder = ImageFolder(root, bundle.class_names, tuple(samples), ())
    readable = [each for each in samples if _is_readable(folder.file(each))]
    if len(readable) < len(samples):
        console.warn(f"Left out, unreadable images: {len(samples) - len(readable)}. See: handshape check {root}")
    if not readable:
        raise DataError(f"None of the {len(samples)} photographs in {root} can be read.")
    files = [folder.file(each) for each in readable]
    hands = look(files) if look else [None] * len(files)
    pairs = list(zip(files, hands, strict=True))
    images = np.stack([load_view(file, hand, bundle.size) for file, hand in console.track(pairs, "Decoding")])
    targets = np.array([bundle.class_names.index(each.label) for each in readable], np.int64)
    return Photographs(with_hands(images, hands), targets, tuple(each.path for each in readable))


def _evenly(samples: Sequence[Sample], count: int) -> tuple[Sample, ...]:
    """At most so many of them, at even distances."""
    if len(samples) <= count:
        return tuple(samples)
    return tuple(samples[index] for index in np.linspace(0, len(samples) - 1, count).round().astype(int).tolist())


def _is_readable(file: Path) -> bool:
    try:
        decode(open_image(file))
    except ImageError:
        return False
    return True
