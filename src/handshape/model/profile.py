"""What a model's answers look like, as counts: on test photographs, and in use, so that a difference can be told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROFILE = "profile"  # of a bundle's manifest: its answers to the test photographs
OUTCOMES = ("label", "unknown", "no hand")
CONFIDENCES = tuple(f"{tenth / 10:.1f}" for tenth in range(10))  # from here to .1 more
SIZES = (16, 32, 64, 128, 256, 512, 1024)  # pixels from wrist to knuckles: below the first, between two, from the last
BINS = {"outcome": 3, "confidence": 10, "hand size": len(SIZES) + 1}
NEVER_SEEN = 1e-3  # the share that stands for none, for its logarithm
ENOUGH = 200  # answers, of which a difference can be told
SLIGHT, CLEAR = 0.1, 0.25  # of the stability index, by long practice in credit scoring (Siddiqi 2006)


@dataclass
class Profile:
    """Counts of answers.

    Attributes:
        outcome: by :data:`OUTCOMES`.
        confidence: in tenths.
        size: of the hands found, by :data:`SIZES`.
        labels: how often each was the answer.
    """

    outcome: list[int] = field(default_factory=lambda: [0] * 3)
    confidence: list[int] = field(default_factory=lambda: [0] * 10)
    size: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, decision: str, confidence: float, size: float | None) -> None:
        """One answer; ``size`` in pixels from the wrist to the knuckles, None without a hand."""
        number = OUTCOMES.index(decision) if decision in OUTCOMES[1:] else 0
        self.outcome[number] += 1
        self.confidence[min(9, max(0, int(confidence * 10)))] += 1
        if size is not None:
            self.size[int(np.searchsorted(SIZES, size, side="right"))] += 1
        if number == 0:
            self.labels[decision] = self.labels.get(decision, 0) + 1

    @property
    def count(self) -> int:
        """Answers so far."""
        return sum(self.outcome)

    def parts(self) -> dict[str, Sequence[int]]:
        """Each by its name in :data:`BINS`."""
        return dict(zip(BINS, (self.outcome, self.confidence, self.size), strict=True))

    def plus(self, other: Profile) -> Profile:
        """Both together."""
        outcome, confidence, size = (
            [one + more for one, more in zip(mine, others, strict=True)]
            for mine, others in zip(self.parts().values(), other.parts().values(), strict=True)
        )
        return Profile(outcome, confidence, size, dict(Counter(self.labels) + Counter(other.labels)))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**{name: list(counts) for name, counts in self.parts().items()}, "labels": self.labels}

    @classmethod
    def from_dict(cls, values: Any) -> Profile | None:
        """What :meth:`as_dict` gave; None for anything else."""
        if not isinstance(values, Mapping) or not isinstance(values.get("labels"), Mapping):
            return None
        outcome, confidence, size = parts = [values.get(name) for name in BINS]
        for counts, length in zip(parts, BINS.values(), strict=True):
            if not (isinstance(counts, list) and len(counts) == length and all(_is_count(each) for each in counts)):
                return None
        labels = {str(name): count for name, count in values["labels"].items() if _is_count(count)}
        return cls(outcome, confidence, size, labels)  # type: ignore[arg-type]


def drift(expected: Profile, seen: Profile) -> dict[str, float | None]:
    """The population stability index of each part, 0 where both are alike; None where too little was seen or expected.

    Over bins with the shares e and s: the sum of (s - e) ln(s / e).
    """
    indices = {}
    for (name, before), now in zip(expected.parts().items(), seen.parts().values(), strict=True):
        enough = sum(now) >= ENOUGH and sum(before) > 0
        indices[name] = _index(np.array(before), np.array(now)) if enough else None
    return indices


def in_words(index: float | None) -> str:
    """What an index means."""
    if index is None or math.isnan(index):
        return "too few to tell"
    return "alike" if index < SLIGHT else "somewhat different" if index < CLEAR else "different"


def _index(before: NDArray[np.integer], now: NDArray[np.integer]) -> float:
    expected, seen = (np.maximum(counts / counts.sum(), NEVER_SEEN) for counts in (before, now))
    return float(((seen - expected) * np.log(seen / expected)).sum())


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
