"""One network learns what several together say: how probable each class is to them, not only which one is right.

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from handshape.model.classifier import MIN_PROBABILITY
from handshape.training.weighting import wanted

if TYPE_CHECKING:
    from handshape.training.hand import SeenHands
    from handshape.training.landmarks import Hands
    from handshape.training.preparation import StreamTraining

    AnyHands = TypeVar("AnyHands", SeenHands, Hands)

TEMPERATURE = 2.0  # of teacher and student alike, so that the less probable classes count as well

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Teacher:
    """What is to be learned.

    Attributes:
        photographs: what the teacher says of all N photographs of a data set, [N, C].
        known: what it says of the known hands that are learned from, [n, C]; empty where it was not asked.
        temperature: see :data:`TEMPERATURE`.
    """

    photographs: Floats
    known: Floats
    temperature: float = TEMPERATURE

    def targets(self, rows: NDArray[np.int64], labels: NDArray[np.int64], temperature: float) -> Floats:
        """What a student is to say of hands, [n, C].

        Args:
            rows: of the photographs among them, which come first.
            labels: [n], class numbers; known hands that the teacher was not asked about are learned by these.
            temperature: at which the student is compared with them.
        """
        beside, classes = labels[len(rows) :], self.photographs.shape[1]
        was_asked = self.known.shape == (len(beside), classes)
        known = softened(self.known, temperature) if was_asked else wanted(beside, classes)
        return np.concatenate([softened(self.photographs[rows], temperature), known])


def taught(
    teacher: Teacher | None, hands: AnyHands, rows: NDArray[np.int64], training: StreamTraining
) -> tuple[AnyHands, StreamTraining]:
    """Hands with what a teacher says of them instead of their labels, and training that compares so.

    Args:
        teacher: None leaves both as they are.
        hands: of photographs, perhaps known ones behind them.
        rows: of those photographs.
        training: how.
    """
    if teacher is None:
        return hands, training
    targets: Any = teacher.targets(rows, hands.targets, teacher.temperature)
    return replace(hands, targets=targets), replace(training, temperature=teacher.temperature)


def softened(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities [N, C] as a softmax of this temperature would have given them."""
    odds = np.maximum(probabilities, MIN_PROBABILITY) ** (1 / temperature)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def tempered_loss(temperature: float) -> Any:
    """A Keras loss: cross-entropy with what a teacher says at this temperature; slopes stay as large as without one."""
    from keras import ops

    def loss(said: Any, answered: Any) -> Any:
        scores = ops.log(ops.maximum(answered, MIN_PROBABILITY)) / temperature
        return -(temperature**2) * ops.sum(said * ops.log_softmax(scores, axis=-1), axis=-1)

    return loss
