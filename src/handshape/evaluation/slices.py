"""Accuracy by what differs between photographs: size of the hand, light, signer; and where a hand is found at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.answers import Flags, Floats, Integers
from handshape.evaluation.habits import Habit

NO_HAND_FOUND = "no hand found"
SIZES = ((0, 60, "under 60 px"), (60, 120, "60 to 120 px"), (120, 240, "120 to 240 px"), (240, math.inf, "over 240 px"))
QUARTERS = ("darkest quarter", "darker quarter", "brighter quarter", "brightest quarter")
MIN_IMAGES = 10  # of a signer: fewer make nobody the worst
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Slice:
    """So many hits among the images of one kind; a hit is a right answer, or a hand found.

    Attributes:
        name: which images, for people.
        n: how many; at least one.
    """

    name: str
    n: int
    hits: int

    @classmethod
    def of(cls, name: str, is_hit: Flags) -> Slice:
        """The slice of images [n] of this name."""
        return cls(name, len(is_hit), int(np.count_nonzero(is_hit)))

    @property
    def share(self) -> float:
        """Hits among all, 0 to 1."""
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence, if the images are independent: Wilson, JASA 1927."""
        spread = _Z * _Z / self.n
        middle = (self.share + spread / 2) / (1 + spread)
        half = math.sqrt(spread * (self.share * (1 - self.share) + spread / 4)) / (1 + spread)
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_dict(self, figure: str = "accuracy") -> dict[str, Any]:
        """For JSON; ``figure`` is the name of the share."""
        low, high = self.interval
        return {"name": self.name, "n": self.n, figure: self.share, "low": low, "high": high}


@dataclass(frozen=True)
class Coverage:
    """Where a hand was found.

    Attributes:
        per_class: one slice a class that has images, in the order of their numbers.
    """

    overall: Slice
    per_class: tuple[Slice, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.overall.as_dict("found"),
            "per_class": [part.as_dict("found") for part in self.per_class],
        }


@dataclass(frozen=True)
class Slices:
    """Accuracy on parts of the same images; empty, or None, where nothing is known to part them by."""

    by_size: tuple[Slice, ...] = ()
    by_brightness: tuple[Slice, ...] = ()
    by_signer: tuple[Slice, ...] = ()  # the worst first
    coverage: Coverage | None = None
    habits: tuple[Habit, ...] = ()

    @property
    def worst_signer(self) -> Slice | None:
        """The signer of the lowest accuracy; None unless at least two have ten images or more."""
        large = [signer for signer in self.by_signer if signer.n >= MIN_IMAGES]
        return large[0] if len(large) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        worst = self.worst_signer
        return {
            "by_size": [part.as_dict() for part in self.by_size],
            "by_brightness": [part.as_dict() for part in self.by_brightness],
            "by_signer": [part.as_dict() for part in self.by_signer],
            "worst_signer": worst and worst.as_dict(),
            "coverage": self.coverage and self.coverage.as_dict(),
            "habits": [habit.as_dict() for habit in self.habits],
        }


def cut_slices(
    correct: Flags,
    targets: Integers,
    class_names: Sequence[str],
    *,
    side: Floats | None = None,
    luminance: Floats | None = None,
    signers: Sequence[str] | None = None,
) -> Slices:
    """Every slice that there is something to cut by.

    Args:
        correct: [N], whether the answer was right.
        targets: [N], the true classes.
        class_names: the names of the classes.
        side: [N], the longer side of the hand in pixels of the photograph, NaN where no hand was found.
        luminance: [N], mean brightness, 0 to 255, as :func:`mean_luminance` gives it.
        signers: [N], who signed.
    """
    return Slices(
        by_size=() if side is None else by_size(correct, side),
        by_brightness=() if luminance is None else by_brightness(correct, luminance),
        by_signer=() if signers is None else by_signer(correct, signers),
        coverage=None if side is None else coverage(~np.isnan(side), targets, class_names),
    )


def by_size(correct: Flags, side: Floats) -> tuple[Slice, ...]:
    """Accuracy by the hand's side [N] in pixels, small ones first; NaN is "no hand found". Bands without images go."""
    parts = [(name, (low <= side) & (side < high)) for low, high, name in SIZES]
    return _cut(correct, [*parts, (NO_HAND_FOUND, np.isnan(side))])


def by_brightness(correct: Flags, luminance: Floats) -> tuple[Slice, ...]:
    """Accuracy by quarters of these images, from the darkest; the names say how bright, 0 to 255.

    Equally bright images stay together, so quarters may be uneven, or missing.
    """
    if not len(luminance):
        return ()
    edges = np.quantile(luminance, [0.25, 0.5, 0.75])
    quarter = np.searchsorted(edges, luminance)
    parts = [(_bright_name(number, luminance[quarter == number]), quarter == number) for number in range(len(QUARTERS))]
    return _cut(correct, parts)


def by_signer(correct: Flags, signers: Sequence[str]) -> tuple[Slice, ...]:
    """Accuracy by signer, the worst first; among equals those with more images, then by name."""
    who = np.asarray(signers, dtype=object)
    slices = [Slice.of(name, correct[who == name]) for name in sorted(set(signers))]
    return tuple(sorted(slices, key=lambda part: (part.share, -part.n, part.name)))


def coverage(hand_found: Flags, targets: Integers, class_names: Sequence[str]) -> Coverage | None:
    """In how many of N images a hand was found, [N], and in how many of each class; None for no images."""
    if not len(hand_found):
        return None
    parts = [(label, targets == number) for number, label in enumerate(class_names)]
    return Coverage(Slice.of("all", hand_found), _cut(hand_found, parts))


def mean_luminance(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean brightness [N], 0 to 255, of images [N, H, W, 3]."""
    return np.asarray(images.mean(axis=(1, 2)) @ _LUMA)


def _cut(is_hit: Flags, parts: Sequence[tuple[str, Flags]]) -> tuple[Slice, ...]:
    return tuple(Slice.of(name, is_hit[which]) for name, which in parts if which.any())


def _bright_name(number: int, luminance: Floats) -> str:
    if not len(luminance):
        return QUARTERS[number]
    return f"{QUARTERS[number]} ({luminance.min():.0f} to {luminance.max():.0f} of 255)"
