"""What a model says about a set of images, beside what is true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.console import Console
from handshape.hands.inputs import Inputs, whole_images
from handshape.images import Pixels

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


def predict_all(
    network: Network, inputs: Inputs, targets: NDArray[np.int64], paths: Sequence[str], console: Console
) -> Predictions:
    """Runs the network over the inputs, with progress."""
    parts = []
    with console.progress("predicting", len(inputs)) as bar:
        for start in range(0, len(inputs), CHUNK):
            parts.append(network(inputs[start : start + CHUNK]))
            bar.advance(len(parts[-1]))
    return Predictions(tuple(paths), np.concatenate(parts), targets)


class KerasNetwork:
    """A Keras classifier as a function of inputs."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ranks = [len(tensor.shape) for tensor in model.inputs]

    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        """Probabilities [N, C]."""
        return np.asarray(self._outputs(inputs)["probabilities"], np.float32)

    def features(self, images: Pixels) -> NDArray[np.float32]:
        """The pixel stream's last feature maps, [N, h, w, 1280], of images [N, S, S, 3]."""
        return np.asarray(self._outputs(whole_images(images))["features"], np.float32)

    def _outputs(self, inputs: Inputs) -> Any:
        values = [each.astype(np.float32) for each in inputs.by_rank(self._ranks)]
        return self._model.predict_on_batch(values[0] if len(values) == 1 else values)


class LiteRtNetwork:
    """A LiteRT classifier as a function of inputs."""

    def __init__(self, content: bytes | Path) -> None:
        self._network = litert.LiteRtModel(content)

    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        """Probabilities [N, C]."""
        return self._network(*inputs.by_rank(self._network.ranks))[0]

    def features(self, images: Pixels) -> NDArray[np.float32]:
        """The pixel stream's last feature maps, [N, h, w, 1280], of images [N, S, S, 3]."""
        return self._network(*whole_images(images).by_rank(self._network.ranks))[1]
