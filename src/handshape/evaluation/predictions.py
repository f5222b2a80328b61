"""What a model says about a set of images, beside what is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.hands.inputs import Inputs
from handshape.mapped import let_go
from handshape.model.networks import Network

CHUNK = 128  # images a call, so that memory stays flat however many there are


@dataclass(frozen=True)
class Predictions:
    """Probabilities [N, C] and true class numbers [N] of N images.

    Attributes:
        paths: of the images, in the same order.
    """

    paths: tuple[str, ...]
    probabilities: NDArray[np.float32]
    targets: NDArray[np.int64]

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
        return np.asarray(self.predicted == self.targets)


def predict(
    network: Network, inputs: Inputs, console: Console, rows: NDArray[np.integer] | None = None
) -> NDArray[np.float32]:
    """Probabilities [n, C] for these rows of the inputs, or for all, with progress."""
    rows = np.arange(len(inputs)) if rows is None else rows
    parts = []
    with console.progress("Predicting", len(rows)) as bar:
        for start in range(0, len(rows), CHUNK):
            parts.append(network(inputs[rows[start : start + CHUNK]]))
            let_go(inputs.image, inputs.hand_features)
            bar.advance(len(parts[-1]))
    return np.concatenate(parts)
