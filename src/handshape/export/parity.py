"""How far an export is from Keras: image by image, and class by class. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.evaluation.answers import Floats, Integers

POINT = 0.01  # of accuracy: what a class may lose


@dataclass(frozen=True)
class ClassParity:
    """One class; all shares, 0 to 1.

    Attributes:
        images: how many show it.
        agreement: how many get the answer they get from Keras.
        keras: how many Keras recognises.
        export: how many the export recognises.
    """

    label: str
    images: int
    agreement: float
    keras: float
    export: float

    @property
    def loss(self) -> float:
        """Accuracy lost, 0.01 a point; negative where the export recognises more."""
        return self.keras - self.export

    @property
    def summary(self) -> str:
        """What was lost, for people."""
        fewer = round(self.loss * self.images)
        return f"{self.label} loses {self.loss * 100:.1f} points ({fewer} of {self.images} images)"


@dataclass(frozen=True)
class Parity:
    """An export beside Keras on the same N images; all shares, 0 to 1.

    Attributes:
        largest_difference: of any probability of any image.
        agreement: how many images get the same answer.
        keras: accuracy of Keras.
        export: accuracy of the export.
        classes: those that have images, in the order of their numbers.
    """

    images: int
    largest_difference: float
    agreement: float
    keras: float
    export: float
    classes: tuple[ClassParity, ...]

    @property
    def losing(self) -> tuple[ClassParity, ...]:
        """The classes that lose more than a point, the most first."""
        losing = [each for each in self.classes if each.loss > POINT + 1e-9]  # .87 - .86 is a little more than .01
        return tuple(sorted(losing, key=lambda each: -each.loss))

    def fault(self, tolerance: float | None) -> str:
        """Why the export is no match for Keras; "" where it is.

        Args:
            tolerance: how far a probability may be away; None judges by what classes lose.
        """
        if tolerance is None:
            return "; ".join(each.summary for each in self.losing)
        if self.largest_difference > tolerance:
            return f"a probability differs by {self.largest_difference:.6f}, more than {tolerance:g}"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "classes": [vars(each) for each in self.classes]}


def compare(class_names: Sequence[str], keras: Floats, export: Floats, targets: Integers) -> Parity:
    """An export's answers beside Keras'.

    Args:
        class_names: the names of the C classes.
        keras: probabilities [N, C], N > 0.
        export: probabilities [N, C]; one that is no finite number counts as wrong by 1.
        targets: true class numbers [N].

    Raises:
        ValueError: shapes that do not fit.
    """
    if not len(targets) or not keras.shape == export.shape == (len(targets), len(class_names)):
        raise ValueError(
            f"Need [N, {len(class_names)}] twice and [N > 0]; got {keras.shape}, {export.shape}, {targets.shape}."
        )
    same = keras.argmax(axis=1) == export.argmax(axis=1)
    right = keras.argmax(axis=1) == targets, export.argmax(axis=1) == targets
    difference = np.abs(export.astype(np.float64) - keras)
    classes = []
    for number in np.unique(targets).tolist():
        here = targets == number
        shares = [float(flags[here].mean()) for flags in (same, *right)]
        classes.append(ClassParity(class_names[number], int(here.sum()), *shares))
    return Parity(
        images=len(targets),
        largest_difference=float(np.where(np.isfinite(difference), difference, 1.0).max()),
        agreement=float(same.mean()),
        keras=float(right[0].mean()),
        export=float(right[1].mean()),
        classes=tuple(classes),
    )
