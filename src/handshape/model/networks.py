"""A classifier as a function of inputs, in Keras or on LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.hands.inputs import Inputs, whole_images
from handshape.images import Pixels

Network = Callable[[Inputs], NDArray[np.float32]]  # inputs of N images → probabilities [N, C]


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
