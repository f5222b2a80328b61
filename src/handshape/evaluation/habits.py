"""Signs that one signer makes in a way of his own: then all photographs of a sign are wrong, and in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.evaluation.answers import Integers

MIN_IMAGES = 4  # of one sign by one signer
WRONG, ALIKE = 0.7, 0.6  # of these are wrong; of them read as the same sign


@dataclass(frozen=True)
class Habit:
    """One signer's sign that is read as another.

    Attributes:
        signer: who.
        label: the sign shown.
        answer: what most of the photographs are read as.
        n: photographs of it.
        wrong: how many are read wrongly.
    """

    signer: str
    label: str
    answer: str
    n: int
    wrong: int

    @property
    def text(self) -> str:
        """In a sentence."""
        return (
            f"{self.signer}'s {self.label} is read as {self.answer}: one habit, or one wrong label, not {self.wrong} "
            f"mistakes ({self.wrong} of {self.n} photographs)."
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


def find_habits(
    predicted: Integers, targets: Integers, class_names: Sequence[str], signers: Sequence[str]
) -> tuple[Habit, ...]:
    """The signs of single signers that are nearly all read as one other sign, those of most photographs first.

    Args:
        predicted: [N], class numbers.
        targets: [N], the true ones.
        class_names: names of the classes.
        signers: [N], who signed.
    """
    names, numbers = np.unique(list(signers), return_inverse=True)
    found = []
    for signer in range(len(names)):
        for label in np.unique(targets[numbers == signer]):
            said = predicted[(numbers == signer) & (targets == label)]
            counts = np.bincount(said, minlength=len(class_names))
            wrong = len(said) - int(counts[label])
            counts[label] = 0
            answer = int(counts.argmax())
            if len(said) >= MIN_IMAGES and wrong >= WRONG * len(said) and counts[answer] >= ALIKE * wrong:
                found.append(Habit(str(names[signer]), class_names[label], class_names[answer], len(said), wrong))
    return tuple(sorted(found, key=lambda habit: -habit.wrong))
