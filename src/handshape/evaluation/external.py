"""A finished model on photographs from elsewhere, whose classes may not all be known to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import DataError, ImageError
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.predictions import CHUNK, Network, Predictions
from handshape.hands.inputs import load_view, with_hands
from handshape.hands.landmarks import Hand
from handshape.hands.search import HandSearch
from handshape.images import decode, open_image


@dataclass(frozen=True)
class OutsideEvaluation:
    """Measures on outside photographs.

    Attributes:
        hands: of each photograph; None where none was found.
        hand_found: [N], or None where nobody looked for hands.
        left_out: classes of the folder that the model does not know.
        unreadable: images that cannot be decoded, left out too.
    """

    predictions: Predictions
    metrics: Metrics
    hands: tuple[Hand | None, ...]
    hand_found: NDArray[np.bool_] | None
    left_out: tuple[str, ...]
    unreadable: tuple[str, ...]


def evaluate_outside(
    network: Network,
    class_names: Sequence[str],
    size: int,
    folder: ImageFolder,
    search: HandSearch | None,
    console: Console,
) -> OutsideEvaluation:
    """Scores the classes that folder and model share; names are compared without regard to case where need be.

    Args:
        network: gives probabilities.
        class_names: the model's classes.
        size: side of its input in pixels.
        folder: the photographs.
        search: finds the hand of each of many photographs; None for a model that takes whole images.
        console: shows the progress.

    Raises:
        DataError: they share none, or no image can be read.
    """
    known = match_labels(folder.classes, class_names)
    samples = [sample for sample in folder.samples if sample.label in known]
    if not samples:
        raise DataError(
            f"The model knows none of the classes in {folder.root}: {', '.join(folder.classes)}.",
            f"some of {', '.join(class_names)}",
            "Rename the class folders, or choose the model that knows them.",
        )
    readable, unreadable = _readable(folder, samples, console)
    files = [folder.file(sample) for sample in readable]
    hands = search(files) if search else [None] * len(files)
    targets = np.array([known[sample.label] for sample in readable], np.int64)
    probabilities = predict_files(network, files, hands, size, console)
    return OutsideEvaluation(
        predictions=Predictions(tuple(sample.path for sample in readable), probabilities, targets),
        metrics=measure(probabilities, targets, class_names),
        hands=tuple(hands),
        hand_found=np.array([hand is not None for hand in hands]) if search else None,
        left_out=tuple(label for label in folder.classes if label not in known),
        unreadable=unreadable,
    )


def match_labels(classes: Sequence[str], class_names: Sequence[str]) -> dict[str, int]:
    """The model's number of each class it knows: the same name, else the only one that differs just in case."""
    exact = {label: number for number, label in enumerate(class_names)}
    folded: dict[str, list[int]] = {}
    for number, label in enumerate(class_names):
        folded.setdefault(label.casefold(), []).append(number)
    known = {}
    for name in classes:
        alike = folded.get(name.casefold(), [])
        if name in exact:
            known[name] = exact[name]
        elif len(alike) == 1 and class_names[alike[0]] not in classes:
            known[name] = alike[0]
    return known


def _readable(folder: ImageFolder, samples: Sequence[Sample], console: Console) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples that can be read, and the paths of the others."""
    readable, unreadable = [], []
    for sample in console.track(samples, "Reading photographs"):
        try:
            decode(open_image(folder.file(sample)))
            readable.append(sample)
        except ImageError:
            unreadable.append(sample.path)
    if not readable:
        raise DataError(
            f"No image in {folder.root} can be read.", fix=f"See what is wrong: handshape check {folder.root}"
        )
    return readable, tuple(unreadable)


def predict_files(
    network: Network, files: Sequence[Path], hands: Sequence[Hand | None], size: int, console: Console
) -> NDArray[np.float32]:
    """Decodes and predicts chunk by chunk, so that memory stays flat however many images there are."""
    parts = []
    with console.progress("predicting", len(files)) as bar:
        for start in range(0, len(files), CHUNK):
            chunk = list(zip(files, hands, strict=True))[start : start + CHUNK]
            images = np.stack([load_view(file, hand, size) for file, hand in chunk])
            parts.append(network(with_hands(images, [hand for _, hand in chunk])))
            bar.advance(len(chunk))
    return np.concatenate(parts)
