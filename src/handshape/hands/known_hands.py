"""Hands that everyone knows: what digits and the letters of American fingerspelling look like on other people.

The user's own photographs show few people. These hands show many, in other styles, most of them drawn by the program
itself, and so keep the streams that see hands from taking one signer's habits for the sign. ``scripts/know_hands.py``
makes both files, and ``known_hands.md`` says from what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from handshape.hands.geometry import shape_features

FILE = "known_hands.npz"
FEATURES_FILE = "known_features.npz"
LIKE = 0.45  # of the user's hands, nearest to the known class of their own name; below it the names mean other signs
LOOKED_AT = 2000
TINY = 1e-3
SAME_HANDSHAPE = (("0", "O"), ("2", "V"), ("6", "W"), ("9", "F"))  # of American fingerspelling, whatever a set shows
NEARLY_SAME = (("1", "D"), ("1", "Z"), ("D", "Z"), ("I", "J"))  # J and Z as stills


@dataclass(frozen=True, eq=False)
class KnownHands:
    """Known hands for some of the user's classes, and of other signs.

    Attributes:
        rows: [N], which of all known hands show the user's classes.
        targets: [N], the user's class numbers.
        others: [M], which of them show other signs, of the same alphabet; none where the user's are of another.
        summary: what was added, or why nothing was.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    others: NDArray[np.int64]
    summary: str

    @property
    def learned_others(self) -> NDArray[np.int64]:
        """The half of the other signs that training sees."""
        return self.others[::2]

    @property
    def kept_others(self) -> NDArray[np.int64]:
        """The half that training does not see: for thresholds, and to measure them."""
        return self.others[1::2]


def no_known_hands(summary: str = "") -> KnownHands:
    """None at all, and why."""
    nobody = np.empty(0, np.int64)
    return KnownHands(nobody, nobody, nobody, summary)


def are_one_handshape(one: str, other: str) -> bool:
    """Whether two classes are called as a digit and a letter that are signed alike."""
    return _is_among(SAME_HANDSHAPE, one, other)


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
    everyone, names = load_known_hands()
    numbers = np.array([number_of.get(name.casefold(), -1) for name in names], np.int64)
    rows = np.flatnonzero(numbers >= 0)
    if not np.isin(targets, numbers[rows]).any():
        return no_known_hands("on no others: the hands that come with Handshape are of other classes")
    alike = _likeness(landmarks, targets, everyone[rows], numbers[rows])
    if alike < LIKE:
        only = f"only {alike:.0%} of yours look most like their own class among those of Handshape"
        return no_known_hands(f"on no others: {only}")
    classes = len(np.unique(numbers[rows]))
    summary = (
        f"and on {len(rows):,} hands of {classes} classes that come with Handshape; {alike:.0%} of yours look most "
        "like their own class among these"
    )
    others = {name for name in names if not any(_is_signed_alike(name, own) for own in class_names)}
    return KnownHands(rows, numbers[rows], np.flatnonzero(np.isin(names, sorted(others))), summary)


def _is_signed_alike(one: str, other: str) -> bool:
    return one.casefold() == other.strip().casefold() or _is_among((*SAME_HANDSHAPE, *NEARLY_SAME), one, other)


def _is_among(pairs: Sequence[tuple[str, str]], one: str, other: str) -> bool:
    names = {one.strip().upper(), other.strip().upper()}
    return any(names == set(pair) for pair in pairs)


def load_known_hands() -> tuple[NDArray[np.float32], list[str]]:
    """All known hands, right ones: landmarks [N, 21, 6] and their labels."""
    with resources.files("handshape.hands").joinpath(FILE).open("rb") as stream, np.load(stream) as content:
        return content["landmarks"].astype(np.float32), [str(name) for name in content["labels"]]


def load_known_features() -> NDArray[np.float32]:
    """What the hand stream's trunk sees of all known hands, pooled, [N, 384]; stored in 256 steps a column."""
    with resources.files("handshape.hands").joinpath(FEATURES_FILE).open("rb") as stream, np.load(stream) as content:
        return content["steps"] * content["step"]


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
