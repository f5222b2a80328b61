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

from handshape.errors import SettingsError
from handshape.hands.geometry import shape_features
from handshape.suggestions import did_you_mean

FILE = "known_hands.npz"
FEATURES_FILE = "known_features.npz"
LIKE = 0.45  # of the user's hands, nearest to the known class of their own name; below it the names mean other signs
TINY = 1e-3
TOGETHER = 1024  # hands whose shapes are compared at a time
ALPHABETS = {"asl": "ABCDEFGHIKLMNOPQRSTUVWXY", "digits": "0123456789"}
TWIN, TWIN_REACH = 0.5, 0.75  # more than half of a class's hands are as near to a known class as 3/4 of that one's
LOOKS_LIKE = 0.1  # of a class of one's own: other signs that so many of its hands are nearest to may be that sign
SAME_HANDSHAPE = (("0", "O"), ("2", "V"), ("6", "W"), ("9", "F"))  # of American fingerspelling, whatever a set shows
NEARLY_SAME = (("1", "D"), ("1", "Z"), ("D", "Z"), ("I", "J"))  # J and Z as stills


@dataclass(frozen=True, eq=False)
class KnownHands:
    """Known hands for some of the user's classes, and of other signs.

    Attributes:
        rows: [N], which of all known hands show the user's classes.
        targets: [N], the user's class numbers.
        others: [M], which of them show other signs; none where the user's are of another alphabet.
        summary: what was added, or why nothing was.
        twins: classes of the user's own that look like a known one, each with that one.
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    others: NDArray[np.int64]
    summary: str
    twins: tuple[tuple[str, str], ...] = ()

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


def known_labels(words: Sequence[str]) -> tuple[str, ...]:
    """Labels of known hands by their names or by that of an alphabet: ``["digits", "A"]``.

    Raises:
        SettingsError: there are no known hands of that name.
    """
    everything = [*ALPHABETS, *"".join(ALPHABETS.values())]
    labels: list[str] = []
    for word in words:
        alphabet, label = ALPHABETS.get(word.casefold(), ""), word.upper()
        if not alphabet and label not in everything:
            raise SettingsError(
                f"No hands of '{word}' come with Handshape.",
                f"{', '.join(ALPHABETS)}, or one of their signs, such as A or 7; J and Z move",
                did_you_mean(word, everything),
            )
        labels += alphabet or [label]
    return tuple(dict.fromkeys(labels))


def are_one_handshape(one: str, other: str) -> bool:
    """Whether two classes are called as a digit and a letter that are signed alike."""
    return _is_among(SAME_HANDSHAPE, one, other)


def known_hands_like(
    landmarks: NDArray[np.float32], targets: NDArray[np.int64], class_names: Sequence[str], also: Sequence[str] = ()
) -> KnownHands:
    """Known hands of the classes that have the same names, where they look like the user's.

    Another alphabet may use the same letters for other handshapes. So the user's hands are compared with the middle of
    each known class first; classes that the user has no hands of, and asks for, are taken as they are.

    Args:
        landmarks: [N, 21, 6], the user's hands.
        targets: [N], their classes.
        class_names: names of the C classes.
        also: those of them that are to be learned from known hands alone.
    """
    everyone, names = load_known_hands()
    numbers = _numbers(names, class_names)
    named = numbers >= 0
    wanted, why = named, "the hands that come with Handshape are of other classes"
    alike, compared = 0.0, np.isin(targets, numbers[named])
    if compared.any():
        nearest, _ = _nearest(landmarks[compared], everyone[named], numbers[named])
        alike = float((nearest == targets[compared]).mean())
        why = f"only {alike:.0%} of yours look most like their own class among those of Handshape"
    if alike < LIKE:
        wanted = named & np.isin(numbers, _numbers(also, class_names))
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return no_known_hands(f"on no others: {why}")
    summary = f"and on {len(rows):,} hands of {len(np.unique(numbers[rows]))} classes that come with Handshape"
    if alike >= LIKE:
        summary += f"; {alike:.0%} of yours look most like their own class among these"
    own = ~np.isin(targets, numbers[rows])
    others = _other_signs(landmarks[own], targets[own], class_names)
    twins = _twins(landmarks[own], targets[own], everyone[rows], numbers[rows])
    return KnownHands(
        rows, numbers[rows], others, summary, tuple((class_names[one], class_names[other]) for one, other in twins)
    )


def _twins(
    landmarks: NDArray[np.float32], targets: NDArray[np.int64], others: NDArray[np.float32], numbers: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Classes most of whose hands look as much like a known class as its own hands do, each with that one."""
    nearest, distance = _nearest(landmarks, others, numbers)
    itself, usual = _nearest(others, others, numbers)
    found = []
    for target in np.unique(targets):
        here = targets == target
        other = int(np.bincount(nearest[here]).argmax())
        limit = np.quantile(usual[(itself == other) & (numbers == other)], TWIN_REACH)
        if np.mean((nearest[here] == other) & (distance[here] <= limit)) > TWIN:
            found.append((int(target), other))
    return found


def _other_signs(
    landmarks: NDArray[np.float32], targets: NDArray[np.int64], class_names: Sequence[str]
) -> NDArray[np.int64]:
    """Which known hands show none of the classes.

    Args:
        landmarks: [N, 21, 6], the user's hands of classes of which no hands are known.
        targets: [N], these classes. A sign that looks like one of them may be it, under another name.
        class_names: names of all classes.
    """
    everyone, names = load_known_hands()
    labels = list(dict.fromkeys(names))
    numbers = np.array([labels.index(name) for name in names])
    nearest, _ = _nearest(landmarks, everyone, numbers)
    alike = {
        labels[number]
        for target in np.unique(targets)
        for number in np.flatnonzero(np.bincount(nearest[targets == target]) > LOOKS_LIKE * (targets == target).sum())
    }
    others = {
        name for name in labels if name not in alike and not any(_is_signed_alike(name, own) for own in class_names)
    }
    return np.flatnonzero(np.isin(names, sorted(others)))


def _numbers(names: Sequence[str], class_names: Sequence[str]) -> NDArray[np.int64]:
    """The class number of each name, whatever its case; -1 where it is none of the classes'."""
    number_of = {label.casefold(): number for number, label in enumerate(class_names)}
    return np.array([number_of.get(name.casefold(), -1) for name in names], np.int64)


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


def _nearest(
    landmarks: NDArray[np.float32], others: NDArray[np.float32], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which class each hand looks most like, [N], of those of other hands [M, 21, 6] with class numbers [M]; how far
    it is from that class's middle, [N]."""
    features = shape_features(others)
    spread = features.std(axis=0) + TINY
    classes = np.unique(numbers)
    middles = np.stack([features[numbers == number].mean(axis=0) for number in classes]) / spread
    distances = np.empty((len(landmarks), len(classes)), np.float32)
    for start in range(0, len(landmarks), TOGETHER):
        own = shape_features(landmarks[start : start + TOGETHER]) / spread
        for number, middle in enumerate(middles):
            distances[start : start + TOGETHER, number] = np.square(own - middle).sum(axis=1)
    return classes[distances.argmin(axis=1)], np.sqrt(distances.min(axis=1))
