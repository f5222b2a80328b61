"""Answers to images with and without a sign, as tuning and reporting decisions need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.model.decisions import Thresholds, is_negative_name

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]

_ARRAYS = ("confidence", "is_right", "is_sign", "says_sign", "hand_found")


@dataclass(frozen=True, eq=False)
class Answers:
    """A model's answers to N images; each array is [N].

    Attributes:
        classes: how many the model tells apart.
        looked_for_hands: where nobody did, all count as found.
        is_sign: what the image shows.
        says_sign: what the answer says.
    """

    classes: int
    looked_for_hands: bool
    confidence: NDArray[np.float64]
    is_right: Flags
    is_sign: Flags
    says_sign: Flags
    hand_found: Flags

    @classmethod
    def of(
        cls, class_names: Sequence[str], probabilities: Floats, targets: Integers, hand_found: Flags | None
    ) -> Answers:
        """From probabilities [N, C], true classes [N] (-1 for none of them) and where a hand was found [N].

        Raises:
            ValueError: shapes that do not fit, values that are not finite, a class number out of range.
        """
        n = len(targets)
        if probabilities.shape != (n, len(class_names)) or (hand_found is not None and hand_found.shape != (n,)):
            raise ValueError(
                f"Need probabilities [N, {len(class_names)}], targets [N] and hand_found [N]; "
                f"got {probabilities.shape}, {targets.shape} and {None if hand_found is None else hand_found.shape}."
            )
        if not np.isfinite(probabilities).all() or np.max(targets, initial=-1) >= len(class_names):
            raise ValueError(f"Need finite probabilities, and classes below {len(class_names)}.")
        answer = probabilities.argmax(axis=1)
        shows_sign = np.array([not is_negative_name(label) for label in class_names])
        return cls(
            classes=len(class_names),
            looked_for_hands=hand_found is not None,
            confidence=probabilities.max(axis=1).astype(np.float64),
            is_right=answer == targets,
            is_sign=(targets >= 0) & shows_sign[targets],
            says_sign=shows_sign[answer],
            hand_found=np.ones(n, bool) if hand_found is None else np.asarray(hand_found, bool),
        )

    @classmethod
    def of_negatives(cls, class_names: Sequence[str], probabilities: Floats, hand_found: Flags | None) -> Answers:
        """Of images without a sign; as :meth:`of`."""
        return cls.of(class_names, probabilities, np.full(len(probabilities), -1), hand_found)

    @classmethod
    def of_other_signs(cls, class_names: Sequence[str], probabilities: Floats) -> Answers:
        """Of hands that show none of the classes; as :meth:`of`."""
        return cls.of_negatives(class_names, probabilities, np.ones(len(probabilities), bool))

    def only(self, which: Flags) -> Answers:
        """Those at the true places of ``which`` [N]."""
        return self._with_arrays(lambda name: getattr(self, name)[which])

    def without_sign(self, others: Answers | None) -> Answers:
        """Those of these that show no sign, then all others.

        Raises:
            ValueError: the others are another model's, or hands were looked for here alone.
        """
        mine = self.only(~self.is_sign)
        if others is None:
            return mine
        if others.classes != self.classes:
            raise ValueError(f"Need negatives of a model of {self.classes} classes; got {others.classes}.")
        if self.looked_for_hands and not others.looked_for_hands:
            raise ValueError("Need to know in which of the negatives a hand was found.")
        theirs = replace(others, hand_found=others.hand_found | (not self.looked_for_hands))
        return mine._with_arrays(lambda name: np.concatenate([getattr(mine, name), getattr(theirs, name)]))

    def accepted_as_sign(self, thresholds: Thresholds) -> Flags:
        """Where the decision is the label of a sign, [N]."""
        return thresholds.accept(self.confidence, self.hand_found) & self.says_sign

    def __len__(self) -> int:
        return len(self.confidence)

    def _with_arrays(self, array_of: Callable[[str], Any]) -> Answers:
        arrays: dict[str, Any] = {name: array_of(name) for name in _ARRAYS}
        return replace(self, **arrays)


def share_of(flags: Flags) -> float | None:
    """How many are true, 0 to 1; None where there are none."""
    return float(flags.mean()) if len(flags) else None
