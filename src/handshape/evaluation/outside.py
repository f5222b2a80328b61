"""A finished model on photographs from elsewhere, whose classes may not all be known to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import DataError, ImageError
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.predictions import CHUNK, Network, Predictions
from handshape.images import load_square


@dataclass(frozen=True)
class OutsideEvaluation:
    """Measures on outside photographs.

    Attributes:
        left_out: classes of the folder that the model does not know.
        unreadable: images that cannot be decoded, left out too.
    """

    predictions: Predictions
    metrics: Metrics
    left_out: tuple[str, ...]
    unreadable: tuple[str, ...]


def evaluate_outside(
    network: Network, labels: Sequence[str], size: int, folder: ImageFolder, console: Console
) -> OutsideEvaluation:
    """Scores the classes that folder and model share; names are compared without regard to case where need be.

    Raises:
        DataError: they share none, or no image can be read.
    """
    known = match_labels(folder.classes, labels)
    samples = [sample for sample in folder.samples if sample.label in known]
    if not samples:
        raise DataError(
            f"The model knows none of the classes in {folder.root}: {', '.join(folder.classes)}.",
            f"some of {', '.join(labels)}",
            "Rename the class folders, or choose the model that knows them.",
        )
    predictions, unreadable = _predict(network, folder, samples, known, size, console)
    left_out = tuple(label for label in folder.classes if label not in known)
    metrics = measure(predictions.probabilities, predictions.truth, labels)
    return OutsideEvaluation(predictions, metrics, left_out, unreadable)


def match_labels(classes: Sequence[str], labels: Sequence[str]) -> dict[str, int]:
    """The model's number of each class it knows: the same name, else the only one that differs just in case."""
    exact = {label: number for number, label in enumerate(labels)}
    folded: dict[str, list[int]] = {}
    for number, label in enumerate(labels):
        folded.setdefault(label.casefold(), []).append(number)
    known = {}
    for name in classes:
        alike = folded.get(name.casefold(), [])
        if name in exact:
            known[name] = exact[name]
        elif len(alike) == 1 and labels[alike[0]] not in classes:
            known[name] = alike[0]
    return known


def _predict(
    network: Network,
    folder: ImageFolder,
    samples: Sequence[Sample],
    known: Mapping[str, int],
    size: int,
    console: Console,
) -> tuple[Predictions, tuple[str, ...]]:
    """Decodes and predicts chunk by chunk, so that memory stays flat however many images there are."""
    used: list[Sample] = []
    unreadable: list[str] = []
    probabilities: list[NDArray[np.float32]] = []
    with console.progress("predicting", len(samples)) as bar:
        for start in range(0, len(samples), CHUNK):
            chunk = samples[start : start + CHUNK]
            decoded = [(sample, _decoded(folder, sample, size, unreadable)) for sample in chunk]
            images = [image for _, image in decoded if image is not None]
            used += [sample for sample, image in decoded if image is not None]
            if images:
                probabilities.append(network(np.stack(images)))
            bar.advance(len(chunk))
    if not used:
        raise DataError(
            f"No image in {folder.root} can be read.", fix=f"See what is wrong: handshape check {folder.root}"
        )
    truth = np.array([known[sample.label] for sample in used], np.int64)
    return Predictions(tuple(sample.path for sample in used), np.concatenate(probabilities), truth), tuple(unreadable)


def _decoded(folder: ImageFolder, sample: Sample, size: int, unreadable: list[str]) -> NDArray[np.uint8] | None:
    try:
        return load_square(folder.file(sample), size)
    except ImageError:
        unreadable.append(sample.path)
        return None
