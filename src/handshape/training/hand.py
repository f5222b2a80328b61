"""Training the hand stream: seconds, on features that the hand search made anyway, with known hands beside them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.mapped import RowReader
from handshape.model.streams import HandStream
from handshape.training.callbacks import EpochLines, EpochOrder, FiniteLoss, History, TensorBoardScalars
from handshape.training.checkpoints import TrainingState
from handshape.training.distribution import OneDevice, sharing
from handshape.training.memory import Calls, train_in_room
from handshape.training.preparation import StreamTraining, hands_of_epoch, prepared, steps_of
from handshape.training.tensorboard import TensorBoardWriter
from handshape.training.weighting import wanted

BATCH = 64
MOST = 16_384  # hands an epoch shows, or an eighth
LINES = 10  # about epochs, of which there are many fast ones
PREDICTED = 256  # images a call

Floats = NDArray[np.float32]
Rows = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class SeenHands:
    """Hands to learn from.

    Attributes:
        features: [M, …], feature maps or pooled features of at least these.
        rows: [N], which of the M.
        targets: [N] class numbers, -1 for another sign.
        weights: [N], how much each counts; their mean is 1.
    """

    features: NDArray[np.floating]
    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: Floats


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
    network: Any, hands: SeenHands, training: StreamTraining, console: Console, followed: Followed | None = None
) -> None:
    """Trains the head of a hand stream, or all of it, in place; the same seed and hands give the same weights.

    The last epoch is kept: by then the learning rate
    is 0, and to choose one by a few validation people would be to choose by chance.

    Args:
        network: ``head`` or ``network`` of a :class:`~handshape.model.streams.HandStream`.
        hands: what it takes.
        training: how.
        console: shows the progress.
        followed: what is noted of each epoch.
    """
    train_in_room(
        lambda batch: _train_hand(batch, network, hands, training, console, followed), network, BATCH, console
    )


def _train_hand(
    batch: int, network: Any, hands: SeenHands, training: StreamTraining, console: Console, followed: Followed | None
) -> None:
    classes = network.output.shape[-1]
    among, passes = sharing(training.runtime, console), training.passes(steps_of(hands.targets, batch))
    batches = _Hands(hands, classes, training.seed, among, batch, passes)
    epochs = training.settings.epochs
    noting, closing = _noting(followed)
    validation = _Hands(followed.validation, classes, training.seed, among, batch) if noting and followed else None
    with console.progress("Hand stream, epoch", epochs) as bar, closing, among.scope():
        trained = prepared(network, training, steps_of(batches.order, batch), among)
        lines = EpochLines(bar, epochs, console, LINES)
        finite = FiniteLoss("The training of the hand stream", "hand_stream.learning_rate")
        callbacks = [*among.following(network), EpochOrder(batches), finite, *noting, lines, *training.also]
        trained.fit(batches, validation_data=validation, shuffle=False, epochs=epochs, callbacks=callbacks, verbose=0)
    batches.close()
    if followed is not None:
        followed.state.best_epoch = epochs


def pooled_features(stream: HandStream, features: NDArray[np.floating], rows: Rows | None = None) -> Floats:
    """What the stream's trunk makes of feature maps [N, 7, 7, 192], or of these rows of them, pooled: [n, 384]."""
    return _in_parts(stream.trunk, features, rows)


def hand_probabilities(stream: HandStream, features: NDArray[np.floating], rows: Rows | None = None) -> Floats:
    """What the stream says of hands with feature maps [N, 7, 7, 192], or of these rows of them: [n, C]."""
    return _in_parts(stream.network, features, rows)


def _in_parts(network: Any, features: NDArray[np.floating], rows: Rows | None) -> Floats:
    def run(part: Rows) -> Floats:
        return np.asarray(network.predict_on_batch(reader[part].astype(np.float32)))

    reader = RowReader(features)
    parts = Calls(PREDICTED).run(run, np.arange(len(features)) if rows is None else rows)
    return np.concatenate([np.empty((0, network.output.shape[-1]), np.float32), *parts])


def _noting(followed: Followed | None) -> tuple[list[keras.callbacks.Callback], ExitStack]:
    """What notes each epoch, and what closes its files; nothing without hands to validate on."""
    closing = ExitStack()
    if followed is None or not len(followed.validation.rows):
        return [], closing
    followed.state.history.clear()  # of a try for which there was no room
    callbacks: list[keras.callbacks.Callback] = [History(followed.state)]
    if followed.tensorboard is not None:
        writer = TensorBoardWriter(followed.tensorboard)
        closing.callback(writer.close)
        callbacks.append(TensorBoardScalars(writer, followed.state))
    return callbacks, closing


class _Hands(keras.utils.PyDataset):
    """Every hand once an epoch, or some times, in a new order."""

    def __init__(
        self, hands: SeenHands, classes: int, seed: int, among: OneDevice, batch: int, passes: int = 1
    ) -> None:
        super().__init__()
        self.hands, self.seed, self.among, self.batch, self.passes = hands, seed, among, batch, passes
        self.targets = wanted(hands.targets, classes)
        self._features = RowReader(hands.features)
        parts = (hands.rows[start : start + MOST] for start in range(0, len(hands.rows), MOST))
        self._kept = among.kept(self._features[part] for part in parts)
        self.start_epoch(0)
        among.expect(batch, len(self.order))

    def start_epoch(self, epoch: int) -> None:
        self.order, _ = hands_of_epoch(len(self.targets), self.passes, MOST, (self.seed, 4), epoch)
        self.calls = self.among.calls(self.batch, len(self.order))

    def close(self) -> None:
        """Lets go of the hands: TensorFlow keeps batches alive, and many trainings in a process add up."""
        self.hands = replace(self.hands, features=self.hands.features[:0])
        self._features = RowReader(self.hands.features)

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self.order[self.calls[index]]
        mine = chosen[self.among.own(len(chosen))]
        known = self.targets[mine], self.hands.weights[mine]
        if self._kept is not None:
            return (mine.astype(np.int32), self._kept), *known
        features = self._features[self.hands.rows[mine]].astype(np.float32)
        return tuple(self.among.padded(part, len(chosen)) for part in (features, *known))
