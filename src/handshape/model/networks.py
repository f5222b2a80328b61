"""A classifier as a function of inputs, in Keras or on LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.hands.inputs import Inputs

Network = Callable[[Inputs], NDArray[np.float32]]  # inputs of N images → probabilities [N, C]


class KerasNetwork:
    """A Keras classifier as a function of inputs."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._channels = [tensor.shape[-1] for tensor in model.inputs]

    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        """Probabilities [N, C]."""
        return np.asarray(self._outputs(inputs)["probabilities"], np.float32)

    def features(self, inputs: Inputs) -> NDArray[np.float32]:
        """The last feature maps, [N, h, w, F], of the stream that has some."""
        return np.asarray(self._outputs(inputs)["features"], np.float32)

    def _outputs(self, inputs: Inputs) -> Any:
        import keras

        values = [each.astype(np.float32) for each in inputs.by_channels(self._channels)]
        if keras.backend.backend() == "jax":
            values = [to_power_of_two(each) for each in values]
        said = self._model.predict_on_batch(values[0] if len(values) == 1 else values)
        return {name: value[: len(inputs)] for name, value in said.items()}


def to_power_of_two(values: NDArray[Any]) -> NDArray[Any]:
    """Repeats the last of [N, …] up to a power of two: JAX compiles a network anew for every number of images.

    On a GPU that takes some ten seconds each.
    """
    return litert.filled_up(values, 1 << (len(values) - 1).bit_length())


class LiteRtNetwork:
    """A LiteRT classifier as a function of inputs."""

    def __init__(self, content: bytes | Path) -> None:
        self._network = litert.LiteRtModel(content)

    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        """Probabilities [N, C]."""
        return self._outputs(inputs)[0]

    def features(self, inputs: Inputs) -> NDArray[np.float32]:
        """The last feature maps, [N, h, w, F], of the stream that has some."""
        return self._outputs(inputs)[1]

    def _outputs(self, inputs: Inputs) -> list[NDArray[np.float32]]:
        return self._network(*inputs.by_channels(self._network.channels))
