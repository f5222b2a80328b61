"""A network of hands made ready to be trained, the same for both streams that see hands alone."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.config import HandStreamSettings, LandmarkStreamSettings
from handshape.runtime import Runtime
from handshape.training.distillation import tempered_loss
from handshape.training.distribution import OneDevice
from handshape.training.orders import part_shown, stretch

SMOOTHING = 0.1
MIN_STEPS = 30  # an epoch; small sets are gone through more often


@dataclass(frozen=True)
class StreamTraining:
    """How a stream that sees hands alone is trained.

    Attributes:
        settings: rate, decay and epochs.
        seed: of order and dropout.
        runtime: what computes.
        temperature: at which a student is compared with a teacher; None learns labels.
        also: Keras callbacks that come after all others.
    """

    settings: LandmarkStreamSettings | HandStreamSettings
    seed: int
    runtime: Runtime
    temperature: float | None = None
    also: tuple[Any, ...] = ()

    @property
    def loss(self) -> Any:
        """Between what is to be learned and what is said."""
        if self.temperature is None:
            return keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING)
        return tempered_loss(self.temperature)

    @staticmethod
    def passes(steps: int) -> int:
        """How often an epoch goes through hands that make so many steps: once where these are :data:`MIN_STEPS`."""
        return max(1, -(-MIN_STEPS // steps))

    def optimizer(self, steps: int) -> Any:
        """AdamW (Loshchilov & Hutter 2019) whose rate falls to 0 on a cosine over so many steps."""
        schedule = keras.optimizers.schedules.CosineDecay(self.settings.learning_rate, steps)
        return keras.optimizers.AdamW(schedule, weight_decay=self.settings.weight_decay)


def prepared(network: Any, training: StreamTraining, steps: int, among: OneDevice) -> Any:
    """A compiled model of the same layers as ``network``, so that what trains it is not saved with it.

    Args:
        network: ends in probabilities.
        training: how.
        steps: of an epoch.
        among: the devices that share the work.
    """
    trained = among.spread(network)
    layers = {layer.name: layer for layer in trained._flatten_layers()}
    dropouts = [layer.name for layer in network._flatten_layers() if isinstance(layer, keras.layers.Dropout)]
    for number, name in enumerate(dropouts):
        if layers[name].rate:  # else it draws nothing
            layers[name].seed_generator.state.assign([training.seed, number])
    trained.compile(
        optimizer=training.optimizer(training.settings.epochs * steps),
        loss=training.loss,
        metrics=[accuracy],
        jit_compile=training.runtime.xla,
        # TensorFlow goes through an epoch without coming back to Python, which takes a fifth less time
        steps_per_execution=steps if training.runtime.backend == "tensorflow" else 1,
    )
    return trained


def hands_of_epoch(
    count: int, passes: int, most: int, seed: tuple[int, int], epoch: int
) -> tuple[NDArray[np.int64], np.random.Generator]:
    """Which of so many hands an epoch, counted from 0, shows, in their order; and what draws whatever else it needs.

    Of more than ``most`` an epoch shows a part, the next one the next part.

    Args:
        count: of hands.
        passes: how often an epoch shows each of few.
        most: how many of many it shows, or an eighth.
        seed: the training's and the stream's own; they decide.
        epoch: which.
    """
    rng = np.random.default_rng([*seed, epoch])
    shown = part_shown(count, most)
    if shown < count:
        return stretch(count, shown, seed, epoch), rng
    return np.concatenate([rng.permutation(count) for _ in range(passes)]), rng


def steps_of(rows: Sized, batch: int) -> int:
    """Batches of so many that these make, the last one perhaps smaller."""
    return -(-len(rows) // batch)


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
