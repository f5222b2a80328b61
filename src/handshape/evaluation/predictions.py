"""What a model says about a set of images, beside what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console

CHUNK = 128
Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Predictions:
    """Probabilities [N, C] and true class numbers [N] of N images.

    Attributes:
        paths: of the images, in the same order.
    """

    paths: tuple[str, ...]
    probabilities: NDArray[np.float32]
    truth: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image, [N]."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of that class, [N]."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether that class is the true one, [N]."""
        return np.asarray(self.predicted == self.truth)


def predict_images(
    network: Network, images: NDArray[np.uint8], truth: NDArray[np.int64], paths: Sequence[str], console: Console
) -> Predictions:
    """Runs the network over images [N, S, S, 3], with progress."""
    parts = []
    with console.progress("predicting", len(images)) as bar:
        for start in range(0, len(images), CHUNK):
            parts.append(network(images[start : start + CHUNK]))
            bar.advance(len(parts[-1]))
    return Predictions(tuple(paths), np.concatenate(parts), truth)


def keras_network(model: Any) -> Network:
    """A Keras classifier as a function of images [N, S, S, 3] to probabilities [N, C]."""

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(images.astype(np.float32))["probabilities"], np.float32)

    return run
