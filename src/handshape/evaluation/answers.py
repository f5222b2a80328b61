"""Answers to images with and without a sign, as tuning and reporting decisions need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.model.decisions import Thresholds, is_negative_name

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """Answers to N images, each array [N]. Where nobody looked for hands, all count as found."""

    confidence: NDArray[np.float64]
    is_right: Flags
    is_sign: Flags  # what the image shows
    says_sign: Flags  # what the answer says
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
                f"Need probabilities [N, {len(class_names)}], truth [N] and hand_found [N]; "
                f"got {probabilities.shape}, {targets.shape} and {None if hand_found is None else hand_found.shape}."
            )
        if not np.isfinite(probabilities).all() or np.max(targets, initial=-1) >= len(class_names):
            raise ValueError(f"Need finite probabilities, and classes below {len(class_names)}.")
        answer = probabilities.argmax(axis=1)
        shows_sign = np.array([not is_negative_name(label) for label in class_names])
        return cls(
            confidence=probabilities.max(axis=1).astype(np.float64),
            is_right=answer == targets,
            is_sign=(targets >= 0) & shows_sign[targets],
            says_sign=shows_sign[answer],
            hand_found=np.ones(n, bool) if hand_found is None else np.asarray(hand_found, bool),
        )

    @classmethod
    def negative(
        cls, class_names: Sequence[str], probabilities: Floats | None, has_finder: bool, hand_found: Flags | None
    ) -> Answers:
        """Answers to images without a sign; none where there are no probabilities.

        Raises:
            ValueError: as :meth:`of` says, or nothing is known about hands although there is a finder.
        """
        if probabilities is None:
            probabilities, hand_found = np.empty((0, len(class_names))), np.empty(0, bool)
        if has_finder and hand_found is None:
            raise ValueError("Need to know in which of the negatives a hand was found.")
        targets = np.full(len(probabilities), -1)
        return cls.of(class_names, probabilities, targets, hand_found if has_finder else None)

    def only(self, which: Flags) -> Answers:
        """Those at the true places of ``which`` [N]."""
        return Answers(*(array[which] for array in vars(self).values()))

    def joined(self, other: Answers) -> Answers:
        """These, then the others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Answers(*(np.concatenate(pair) for pair in pairs))

    def accepted_as_sign(self, thresholds: Thresholds) -> Flags:
        """Where the decision is the label of a sign, [N]."""
        return thresholds.accept(self.confidence, self.hand_found) & self.says_sign

    def __len__(self) -> int:
        return len(self.confidence)


def share_of(flags: Flags) -> float | None:
    """How many are true, 0 to 1; None where there are none."""
    return float(flags.mean()) if len(flags) else None
