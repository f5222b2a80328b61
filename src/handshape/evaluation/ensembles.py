"""What an ensemble comes to: each member, how much it counts, how often members agree, what joining them gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.gain import Gain

MEMBER, ENSEMBLE, STUDENT = "a single member", "the ensemble", "the distilled model"

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class MemberFacts:
    """One member.

    Attributes:
        name: what it differs by.
        weight: how much it counts; of all together 1.
        accuracies: by part, ``validation`` and ``test``; what was not measured is missing.
        seconds: that its training took.
    """

    name: str
    weight: float
    accuracies: Mapping[str, float]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "weight": self.weight, **self.accuracies, "seconds": self.seconds}


@dataclass(frozen=True)
class EnsembleFacts:
    """All of them together.

    Attributes:
        members: in order.
        exponent: to which the mean of their answers is raised.
        are_fitted: whether the weights were chosen by the members' answers to validation images; else they are equal.
        agreement: how often two members give the same answer to a test image, the mean over all pairs.
        accuracies: on the test images, by :data:`MEMBER`, :data:`ENSEMBLE` and :data:`STUDENT`.
        gains: of one over another.
        folds: over which the gains were measured; 0 for the test images alone.
        is_distilled: whether the model that is passed on is one that learned from the ensemble.
        sizes: numbers in the ensemble's network, and in those of its members on average.
    """

    members: tuple[MemberFacts, ...]
    exponent: float
    are_fitted: bool
    agreement: float | None
    accuracies: Mapping[str, float]
    gains: tuple[Gain, ...]
    folds: int
    is_distilled: bool
    sizes: tuple[int, int]

    @property
    def where(self) -> str:
        """On what the gains were measured."""
        return f"over {self.folds} folds" if self.folds else "on the test images"

    @property
    def sentences(self) -> tuple[str, ...]:
        """How it is put together, in words."""
        counts = "by how well they answered the validation images" if self.are_fitted else "the same"
        said = [f"{len(self.members)} members, which count {counts}."]
        if self.agreement is not None:
            said.append(f"Two of them give the same answer to {self.agreement:.1%} of the test images.")
        whole, one = self.sizes
        said.append(f"All together have {whole / 1e6:.2f} million parameters, {whole / one:.1f} times those of one.")
        if self.is_distilled:
            said.append("The model that is passed on is one that learned from them, of the size of one member.")
        return tuple(said)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "members": [each.as_dict() for each in self.members],
            "exponent": self.exponent,
            "weights_are_fitted": self.are_fitted,
            "agreement": self.agreement,
            "accuracies": dict(self.accuracies),
            "folds": self.folds,
            "gains": [gain.as_dict() for gain in self.gains],
            "distilled": self.is_distilled,
            "parameters": dict(zip(("ensemble", "member"), self.sizes, strict=True)),
        }


@dataclass(frozen=True, eq=False)
class Compared:
    """Who was right about the same n photographs.

    Attributes:
        members: how right each of K was, [K, n], 0 or 1.
        ensemble: the same of all together, [n].
        student: of the one that learned from them, [n]; None where there is none.
        people: the name of the person of each photograph, [n].
        answers: the class that each member named, [K, n].
    """

    members: NDArray[np.bool_]
    ensemble: NDArray[np.bool_]
    student: NDArray[np.bool_] | None
    people: Sequence[str]
    answers: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        members: Sequence[Floats],
        ensemble: Floats,
        student: Floats | None,
        targets: NDArray[np.int64],
        people: Sequence[str],
    ) -> Compared:
        """From probabilities [n, C] each, and the true classes [n]."""
        named = np.stack([each.argmax(axis=1) for each in members])
        right = None if student is None else student.argmax(axis=1) == targets
        return cls(named == targets, ensemble.argmax(axis=1) == targets, right, people, named)

    @classmethod
    def together(cls, parts: Sequence[Compared]) -> Compared:
        """Those of several folds, with as many members each."""
        students = [part.student for part in parts if part.student is not None]
        return cls(
            np.concatenate([part.members for part in parts], axis=1),
            np.concatenate([part.ensemble for part in parts]),
            np.concatenate(students) if students else None,
            [name for part in parts for name in part.people],
            np.concatenate([part.answers for part in parts], axis=1),
        )

    @property
    def agreement(self) -> float | None:
        """See :attr:`EnsembleFacts.agreement`; None for a single member."""
        pairs = list(combinations(range(len(self.answers)), 2))
        same = [(self.answers[one] == self.answers[other]).mean() for one, other in pairs]
        return float(np.mean(same)) if same else None

    @property
    def accuracies(self) -> dict[str, float]:
        """See :attr:`EnsembleFacts.accuracies`."""
        return {name: float(right.mean()) for name, right in self._right.items()}

    def gains(self, what: str) -> tuple[Gain, ...]:
        """See :attr:`EnsembleFacts.gains`; ``what`` the groups are, in the plural."""
        right = self._right
        pairs = combinations(right, 2)
        return tuple(Gain.of((one, other), right[one], right[other], self.people, what) for one, other in pairs)

    @property
    def _right(self) -> dict[str, NDArray[np.float64]]:
        """How right each was, [n], 0 to 1; of members the mean."""
        found = {MEMBER: self.members.mean(axis=0), ENSEMBLE: self.ensemble.astype(float)}
        return found if self.student is None else found | {STUDENT: self.student.astype(float)}
