"""What a model says about a set of images, beside what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.hands.inputs import Inputs
from handshape.model import litert

CHUNK = 128
Network = Callable[[Inputs], NDArray[np.float32]]


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


def predict_all(
    network: Network, inputs: Inputs, truth: NDArray[np.int64], paths: Sequence[str], console: Console
) -> Predictions:
    """Runs the network over the inputs, with progress."""
    parts = []
    with console.progress("predicting", len(inputs)) as bar:
        for start in range(0, len(inputs), CHUNK):
            parts.append(network(inputs[start : start + CHUNK]))
            bar.advance(len(parts[-1]))
    return Predictions(tuple(paths), np.concatenate(parts), truth)


def keras_network(model: Any) -> Network:
    """A Keras classifier as a function of inputs to probabilities [N, C]."""
    ranks = ranks_of(model)

    def run(inputs: Inputs) -> NDArray[np.float32]:
        values = [each.astype(np.float32) for each in inputs.by_rank(ranks)]
        given = values[0] if len(values) == 1 else values
        return np.asarray(model.predict_on_batch(given)["probabilities"], np.float32)

    return run


def ranks_of(model: Any) -> list[int]:
    """The number of axes of each input of a Keras model."""
    return [len(tensor.shape) for tensor in model.inputs]


def litert_network(content: bytes | Path) -> Network:
    """A LiteRT classifier as a function of inputs to probabilities [N, C]."""
    network = litert.LiteRtModel(content)
    return lambda inputs: network(*inputs.by_rank(network.ranks))[0]
