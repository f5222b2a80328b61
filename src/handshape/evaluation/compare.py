"""Two models on the same photographs: how far they are apart, and whether that may be chance. Pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.evaluation.answers import Flags
from handshape.evaluation.slices import Slice

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations
SURE = 0.05


@dataclass(frozen=True)
class PairedComparison:
    """How often two models were right about the same n photographs; at least one.

    Interval and p-value take the photographs as independent. Several of one person are not, so both say too much then.
    """

    n: int
    both: int
    only_first: int
    only_second: int

    @classmethod
    def of(cls, first: Flags, second: Flags) -> PairedComparison:
        """From who was right about which photograph, each [n]."""
        counts = (np.count_nonzero(which) for which in (first & second, first & ~second, ~first & second))
        return cls(len(first), *(int(count) for count in counts))

    @property
    def accuracies(self) -> tuple[float, float]:
        """Of the first and of the second, 0 to 1."""
        return (self.both + self.only_first) / self.n, (self.both + self.only_second) / self.n

    @property
    def difference(self) -> float:
        """By how much the second is better, -1 to 1."""
        return (self.only_second - self.only_first) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Where the difference lies with 95 % confidence: Agresti and Min, Statistics in Medicine 2005."""
        n, apart = self.n + 2, self.only_second - self.only_first
        spread = _Z * math.sqrt(self.only_first + self.only_second + 1 - apart**2 / n) / n
        return max(-1.0, apart / n - spread), min(1.0, apart / n + spread)

    @property
    def p_value(self) -> float:
        """How probable so large a difference is between equally good models: McNemar's test, exact."""
        n, fewer = self.only_first + self.only_second, min(self.only_first, self.only_second)
        ways = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(fewer + 1))
        return min(1.0, 2 * sum(math.exp(way - n * math.log(2)) for way in ways))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "n": self.n,
            "both_right": self.both,
            "only_first_right": self.only_first,
            "only_second_right": self.only_second,
            "accuracies": list(self.accuracies),
            "difference": self.difference,
            "interval": list(self.interval),
            "chance": self.p_value,
        }


def unpaired_interval(first: Slice, second: Slice) -> tuple[float, float]:
    """Where the difference in accuracy lies with 95 % confidence, of right answers to different photographs.

    On the same photographs it is too wide. Source: Newcombe, Statistics in Medicine 1998, method 10.
    """
    apart, ((low, high), (other_low, other_high)) = second.share - first.share, (first.interval, second.interval)
    below = math.hypot(second.share - other_low, high - first.share)
    above = math.hypot(other_high - second.share, first.share - low)
    return apart - below, apart + above
