"""A network of hands made ready to be trained, the same for both streams that see hands alone."""

from __future__ import annotations

from typing import Any

import keras

from handshape.runtime import Runtime

SMOOTHING = 0.1


def prepared(network: Any, optimizer: Any, seed: int, runtime: Runtime, steps_at_once: int = 1) -> Any:
    """A compiled model of the same layers as ``network``, so that what trains it is not saved with it.

    Args:
        network: ends in probabilities.
        optimizer: of this training.
        seed: of its dropout.
        runtime: what computes.
        steps_at_once: steps between two returns to Python.
    """
    dropouts = [layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        layer.seed_generator.state.assign([seed, number])
    trained = keras.Model(network.inputs, network.outputs)
    trained.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        metrics=[accuracy],
        jit_compile=runtime.xla,
        steps_per_execution=steps_at_once,
    )
    return trained


def cosine_adamw(rate: float, decay: float, steps: int) -> Any:
    """AdamW (Loshchilov & Hutter 2019) whose rate falls to 0 on a cosine over so many steps."""
    return keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(rate, steps), weight_decay=decay)


def accuracy(wanted: Any, said: Any) -> Any:
    """Whether each answer is right, [N]: the class, or less than half sure where none is to be named.

    Args:
        wanted: [N, C], as :func:`handshape.training.weighting.wanted` gives it.
        said: [N, C], probabilities.
    """
    ops = keras.ops
    is_right = ops.equal(ops.argmax(wanted, axis=-1), ops.argmax(said, axis=-1))
    is_unsure = ops.less(ops.max(said, axis=-1), 0.5)
    return ops.cast(ops.where(ops.greater(ops.max(wanted, axis=-1), 0.5), is_right, is_unsure), "float32")
