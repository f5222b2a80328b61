"""Hands that everyone knows: what digits and the letters of American fingerspelling look like on other people.

The user's own photographs show few people. These hands show many, in other styles, most of them drawn by the program
itself, and so keep the landmark stream from taking one signer's habits for the sign. ``scripts/know_hands.py`` makes
the file, and ``known_hands.md`` says from what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from handshape.hands.geometry import shape_features

FILE = "known_hands.npz"
LIKE = 0.45  # of the user's hands, nearest to the known class of their own name; below it the names mean other signs
LOOKED_AT = 2000
TINY = 1e-3


@dataclass(frozen=True, eq=False)
class KnownHands:
    """Known hands for some of the user's classes.

    Attributes:
        landmarks: [N, 21, 6] float32.
        targets: [N], the user's class numbers.
        summary: what was added, or why nothing was.
    """

    landmarks: NDArray[np.float32]
    targets: NDArray[np.int64]
    summary: str


def known_hands_like(
    landmarks: NDArray[np.float32], targets: NDArray[np.int64], class_names: Sequence[str]
) -> KnownHands:
    """Known hands of the classes that have the same names, where they look like the user's.

    Another alphabet may use the same letters for other handshapes. So the user's hands are compared with the middle of
    each known class first.

    Args:
        landmarks: [N, 21, 6], the user's hands.
        targets: [N], their classes.
        class_names: names of the C classes.
    """
    number_of = {label.casefold(): number for number, label in enumerate(class_names)}
    others, names = load_known_hands()
    numbers = np.array([number_of.get(name.casefold(), -1) for name in names], np.int64)
    known = numbers >= 0
    others, numbers = others[known], numbers[known]
    if not np.isin(targets, numbers).any():
        return KnownHands(
            others[:0], numbers[:0], "on no others: the hands that come with Handshape are of other classes"
        )
    alike = _likeness(landmarks, targets, others, numbers)
    if alike < LIKE:
        return KnownHands(
            others[:0],
            numbers[:0],
            f"on no others: only {alike:.0%} of yours look most like their own class among those of Handshape",
        )
    classes = len(np.unique(numbers))
    return KnownHands(
        others,
        numbers,
        f"and on {len(numbers):,} hands of {classes} classes that come with Handshape; {alike:.0%} of yours look most "
        "like their own class among these",
    )


def load_known_hands() -> tuple[NDArray[np.float32], list[str]]:
    """All known hands, right ones: landmarks [N, 21, 6] and their labels."""
    with resources.files("handshape.hands").joinpath(FILE).open("rb") as stream, np.load(stream) as content:
        return content["landmarks"].astype(np.float32), [str(name) for name in content["labels"]]


def _likeness(
    landmarks: NDArray[np.float32], targets: NDArray[np.int64], others: NDArray[np.float32], numbers: NDArray[np.int64]
) -> float:
    """The share of the user's hands, of known classes, whose nearest known class is their own."""
    rows = np.flatnonzero(np.isin(targets, numbers))
    rows = rows[:: max(1, len(rows) // LOOKED_AT)]
    features = shape_features(others)
    spread = features.std(axis=0) + TINY
    classes = np.unique(numbers)
    middles = np.stack([features[numbers == number].mean(axis=0) for number in classes]) / spread
    own = shape_features(landmarks[rows]) / spread
    nearest = classes[np.square(own[:, None] - middles).sum(axis=2).argmin(axis=1)]
    return float((nearest == targets[rows]).mean())
