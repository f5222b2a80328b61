"""Training the hand stream: about a minute for some thousand hands, on features that the hand search made anyway."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.model.streams import HandStream
from handshape.runtime import Runtime
from handshape.training.callbacks import EpochLines, EpochOrder, History, TensorBoardScalars
from handshape.training.checkpoints import TrainingState
from handshape.training.tensorboard import TensorBoardWriter

EPOCHS = 12
MIN_STEPS = 600  # small sets are gone through more often
BATCH = 64
RATE, DECAY = 1e-3, 1e-2
SMOOTHING = 0.1
LINES = 10  # about epochs, of which there are many fast ones


@dataclass(frozen=True, eq=False)
class SeenHands:
    """Hands to learn from.

    Attributes:
        features: [M, 7, 7, 192] float16, of all images of a data set.
        rows: [N], those to learn from.
        targets: [N] class numbers.
        weights: [N], how much each counts; their mean is 1.
    """

    features: NDArray[np.float16]
    rows: NDArray[np.integer]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Followed:
    """What is noted while training.

    Attributes:
        validation: hands that nothing is learned from.
        state: gets what each epoch came to.
        tensorboard: the folder that TensorBoard reads; None writes nothing.
    """

    validation: SeenHands
    state: TrainingState
    tensorboard: Path | None = None


def train_hand(
    stream: HandStream,
    hands: SeenHands,
    seed: int,
    runtime: Runtime,
    console: Console,
    followed: Followed | None = None,
) -> None:
    """Trains the stream in place; the same seed and hands give the same weights.

    AdamW (Loshchilov & Hutter 2019) on a cosine, label smoothing .1. The last epoch is kept: by then the learning rate
    is 0, and to choose one by a few validation people would be to choose by chance.
    """
    network = keras.Model(stream.model.inputs, stream.model.output["probabilities"])
    dropouts = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        layer.seed_generator.state.assign([seed, number])
    batches = _Hands(hands, stream.classes, seed)
    epochs = max(EPOCHS, -(-MIN_STEPS // len(batches)))
    network.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(RATE, epochs * len(batches)), weight_decay=DECAY
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=runtime.xla,
    )
    noting, closing = _noting(followed)
    validation = _Hands(followed.validation, stream.classes, seed) if noting and followed else None
    with console.progress("Hand stream, epoch", epochs) as bar, closing:
        callbacks = [EpochOrder(batches), *noting, EpochLines(bar, epochs, console, LINES)]
        network.fit(batches, validation_data=validation, shuffle=False, epochs=epochs, callbacks=callbacks, verbose=0)
    if followed is not None:
        followed.state.best_epoch = epochs


def _noting(followed: Followed | None) -> tuple[list[keras.callbacks.Callback], ExitStack]:
    """What notes each epoch, and what closes its files; nothing without hands to validate on."""
    closing = ExitStack()
    if followed is None or not len(followed.validation.rows):
        return [], closing
    callbacks: list[keras.callbacks.Callback] = [History(followed.state)]
    if followed.tensorboard is not None:
        writer = TensorBoardWriter(followed.tensorboard)
        closing.callback(writer.close)
        callbacks.append(TensorBoardScalars(writer, followed.state))
    return callbacks, closing


def hand_probabilities(stream: HandStream, features: NDArray[np.float16]) -> NDArray[np.float32]:
    """What the stream says of hands with features [N, 7, 7, 192], [N, C]."""
    parts = [
        np.asarray(
            stream.model.predict_on_batch(features[start : start + 4 * BATCH].astype(np.float32))["probabilities"]
        )
        for start in range(0, len(features), 4 * BATCH)
    ]
    return np.concatenate([np.empty((0, stream.classes), np.float32), *parts])


class _Hands(keras.utils.PyDataset):
    """Every hand once an epoch, in a new order."""

    def __init__(self, hands: SeenHands, classes: int, seed: int) -> None:
        super().__init__()
        self.hands, self.seed = hands, seed
        self.targets = np.eye(classes, dtype=np.float32)[hands.targets]
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        self.order = np.random.default_rng([self.seed, 4, epoch]).permutation(len(self.targets))

    def __len__(self) -> int:
        return -(-len(self.targets) // BATCH)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], ...]:
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        features = self.hands.features[self.hands.rows[chosen]].astype(np.float32)
        return features, self.targets[chosen], self.hands.weights[chosen]
