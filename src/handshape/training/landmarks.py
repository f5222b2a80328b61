"""Training the landmark stream: seconds, on hands varied anew every epoch, with drawn hands beside the user's own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.hands.geometry import augment_landmarks, shape_features
from handshape.model.streams import LandmarkStream
from handshape.training.callbacks import EpochLines, EpochOrder, FiniteLoss
from handshape.training.distribution import OneDevice, sharing
from handshape.training.memory import train_in_room
from handshape.training.preparation import SMOOTHING, StreamTraining, hands_of_epoch, prepared, steps_of
from handshape.training.weighting import wanted

BATCH = 128
MOST = 8192  # hands an epoch shows, or an eighth
LINES = 10  # about epochs, of which there are many fast ones
FLOOR = 1e-3  # of a feature's spread: what hardly varies is not blown up


@dataclass(frozen=True, eq=False)
class Hands:
    """Hands to learn from.

    Attributes:
        landmarks: [N, 21, 6] float32.
        targets: [N] class numbers, -1 for another sign.
        weights: [N], how much each counts; their mean is 1.
    """

    landmarks: NDArray[np.float32]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


def train_landmarks(
    stream: LandmarkStream,
    hands: Hands,
    training: StreamTraining,
    console: Console,
    validation: Hands | None = None,
) -> None:
    """Trains the stream in place; the same seed and hands give the same weights.

    What it says of ``validation`` is told and decides
    nothing.
    """
    features = shape_features(hands.landmarks[:: max(1, len(hands.landmarks) // MOST)])
    stream.scale.set_weights([features.mean(axis=0), np.maximum(features.var(axis=0), FLOOR**2)])
    train_in_room(
        lambda batch: _train_landmarks(batch, stream, hands, training, console, validation), stream.head, BATCH, console
    )


def _train_landmarks(
    batch: int,
    stream: LandmarkStream,
    hands: Hands,
    training: StreamTraining,
    console: Console,
    validation: Hands | None,
) -> None:
    among, passes = sharing(training.runtime, console), training.passes(steps_of(hands.targets, batch))
    batches = _AugmentedHands(hands, stream.classes, training.seed, among, batch, passes)
    epochs = training.settings.epochs
    with console.progress("Landmark stream, epoch", epochs) as bar, closing(batches), among.scope():
        trained = prepared(stream.head, training, steps_of(batches.order, batch), among)
        also: Callable[[], dict[str, float]] = dict
        if validation is not None and len(validation.targets):
            also = partial(_measured, stream, validation)
        lines = EpochLines(bar, epochs, console, LINES, also)
        finite = FiniteLoss("The training of the landmark stream", "landmark_stream.learning_rate")
        callbacks = [*among.following(stream.head), EpochOrder(batches), finite, lines, *training.also]
        trained.fit(batches, shuffle=False, epochs=epochs, callbacks=callbacks, verbose=0)


def _measured(stream: LandmarkStream, hands: Hands) -> dict[str, float]:
    """Accuracy and loss on hands that are not learned from, as Keras calls them."""
    targets = np.eye(stream.classes, dtype=np.float32)[hands.targets]
    probabilities = stream.head(shape_features(hands.landmarks), training=False)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING)(targets, probabilities)
    right = keras.ops.convert_to_numpy(probabilities).argmax(axis=1) == hands.targets
    return {"val_accuracy": float(right.mean()), "val_loss": float(loss)}


class _AugmentedHands(keras.utils.PyDataset):
    """Every hand once an epoch, or some times, in a new order, augmented anew; the next epoch is prepared meanwhile."""

    def __init__(self, hands: Hands, classes: int, seed: int, among: OneDevice, batch: int, passes: int = 1) -> None:
        super().__init__()
        self.hands = hands
        self.targets = wanted(hands.targets, classes)
        self.seed, self.among, self.batch, self.passes = seed, among, batch, passes
        self._ahead = ThreadPoolExecutor(1)
        self._prepared = {0: self._ahead.submit(self._prepare, 0)}
        self.start_epoch(0)
        among.expect(batch, len(self.order))

    def start_epoch(self, epoch: int) -> None:
        for number in (epoch, epoch + 1):
            if number not in self._prepared:
                self._prepared[number] = self._ahead.submit(self._prepare, number)
        self._prepared = {number: each for number, each in self._prepared.items() if number >= epoch}
        self.order, self.features = self._prepared[epoch].result()
        self.calls = self.among.calls(self.batch, len(self.order))

    def _prepare(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        order, rng = hands_of_epoch(len(self.targets), self.passes, MOST, (self.seed, 3), epoch)
        return order, shape_features(augment_landmarks(self.hands.landmarks[order], rng))

    def close(self) -> None:
        """Lets go of what was prepared: TensorFlow keeps batches alive, and many trainings in a process add up."""
        self._ahead.shutdown(cancel_futures=True)
        self._prepared.clear()
        self.features = self.features[:0].copy()

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], ...]:
        part = self.calls[index]
        chosen = self.order[part]
        return self.among.share(self.features[part], self.targets[chosen], self.hands.weights[chosen])
