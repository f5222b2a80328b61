"""Whether one way of answering is better than another on the same photographs, person by person. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


def spread_of(differences: Sequence[float] | NDArray[np.floating]) -> float | None:
    """Half the width of the 95 % interval of a mean, by Student's t; None of one number alone."""
    from scipy.special import stdtrit

    count = len(differences)
    if count < 2:
        return None
    factor = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    return factor * float(np.std(differences, ddof=1)) / float(np.sqrt(count))


@dataclass(frozen=True)
class Gain:
    """By how much one is right more often than another; accuracies are shares, each person counts the same.

    Attributes:
        first: what is measured against, as a phrase.
        second: what is measured, as a phrase.
        accuracies: of both over all photographs.
        differences: of their accuracies, a number a person.
        images: how many photographs these have.
        what: those are, in the plural: ``people``, or ``groups of images``.
    """

    first: str
    second: str
    accuracies: tuple[float, float]
    differences: tuple[float, ...]
    images: int
    what: str = "people"

    @classmethod
    def of(
        cls,
        names: tuple[str, str],
        first: NDArray[np.floating],
        second: NDArray[np.floating],
        people: Sequence[str],
        what: str,
    ) -> Gain:
        """From how right both were about each photograph, [n], 0 to 1: of several members the mean.

        Args:
            names: of both.
            first: what is measured against.
            second: what is measured.
            people: the name of the person of each photograph, [n].
            what: see :attr:`Gain.what`.
        """
        everyone = np.array(people, object)
        apart = np.asarray(second, float) - first
        differences = tuple(float(apart[everyone == name].mean()) for name in sorted(set(people)))
        return cls(*names, (float(np.mean(first)), float(np.mean(second))), differences, len(people), what)

    @property
    def difference(self) -> float:
        """The mean over people, -1 to 1."""
        return float(np.mean(self.differences))

    @property
    def spread(self) -> float | None:
        """See :func:`spread_of`; over people."""
        return spread_of(self.differences)

    @property
    def is_better(self) -> bool:
        """Whether chance alone is an unlikely reason for the difference."""
        return self.spread is not None and self.difference - self.spread > 0

    @property
    def is_worse(self) -> bool:
        """The same the other way round."""
        return self.spread is not None and self.difference + self.spread < 0

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        points = f"{100 * abs(self.difference):.1f}"
        signed = f"{100 * self.difference:+.1f}"
        around = "" if self.spread is None else f" ± {100 * self.spread:.1f}"
        on = f"on {len(self.differences)} {self.what}" if len(self.differences) > 1 else "on one person alone"
        if not any(self.differences):
            return f"{self.second} is right as often as {self.first} {on}"
        if self.is_better:
            return f"{self.second} is better than {self.first} by {points}{around} points {on}"
        if self.is_worse:
            return f"{self.second} is worse than {self.first} by {points}{around} points {on}"
        return f"{self.second} is not shown to be better than {self.first} ({signed}{around} points {on})"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "accuracies": list(self.accuracies),
            "difference": self.difference,
            "spread": self.spread,
            "people": len(self.differences),
            "images": self.images,
            "is_better": self.is_better,
            "sentence": self.sentence,
        }
