"""Many training steps as one compiled call, for a device that would otherwise wait for Python between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras


class Batch(Protocol):
    """What knows the size of a batch."""

    batch: int


class ManySteps(keras.Model):
    """Trains a network on calls of many batches, which it takes apart inside the compiled step; for JAX alone.

    A call is what Keras takes for a batch: inputs, targets and perhaps weights, of as many examples as whole batches
    have, or of fewer than one has. Inputs are the network's own, or a pair: places [n] and all there are [N, …], of
    which those places are shown. Each step learns from one batch, as if it were alone.

    Args:
        network: it; its weights are trained in place.
        size: of a batch, when the first call is compiled.
    """

    def __init__(self, network: Any, size: Batch) -> None:
        super().__init__(dtype=network.dtype_policy, autocast=False)  # all there are would be turned as a whole
        self.network, self.size = network, size
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the network says, [n, C]."""
        if isinstance(inputs, Sequence):
            places, there_are = inputs
            inputs = keras.ops.cast(keras.ops.take(there_are, places, axis=0), "float32")
        return self.network(inputs, training=training)

    def train_step(self, state: Any, data: Any) -> Any:
        """Keras' own for JAX, batch after batch."""
        return self._batch_by_batch(super().train_step, state, data)

    def test_step(self, state: Any, data: Any) -> Any:
        """Keras' own for JAX, batch after batch."""
        return self._batch_by_batch(super().test_step, state, data)

    def _batch_by_batch(self, step: Callable[[Any, Any], tuple[Any, Any]], state: Any, data: Any) -> tuple[Any, Any]:
        inputs, *others = data
        shown, *there_are = inputs if isinstance(inputs, Sequence) else (inputs,)
        batches = len(shown) // self.size.batch
        if batches < 2:
            return step(state, data)

        def on_one(state: Any, parts: Sequence[Any]) -> tuple[Any, Any]:
            shown, *others = parts
            logs, state = step(state, ((shown, *there_are) if there_are else shown, *others))
            return state, logs

        apart = [keras.ops.reshape(each, (batches, -1, *each.shape[1:])) for each in (shown, *others)]
        state, logs = keras.ops.scan(on_one, state, apart)
        return {name: values[-1] for name, values in logs.items()}, state
