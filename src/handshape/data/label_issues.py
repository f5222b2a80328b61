"""Suspect labels, and classes that are one handshape, by classifiers that never saw the image they judge. Pure NumPy.

After confident learning (Northcutt, Jiang and Chuang 2021). A single classifier takes what it reads badly for a wrong
label: of 1,342 drawn hands it accused 61. So several signs must speak against a label: the landmarks and, where there
is one, the picture of the hand, each judged by other people's images and by all other images; of the drawn hands 10 are
left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from handshape.data.out_of_fold import Features, Numbers, Scaled, blocks, out_of_fold
from handshape.hands.known_hands import are_one_handshape

_MIN_IMAGES = 20  # below, nothing learned from them says anything

_LEARNED = 0.2  # what images of a class get on average; below, other people's images do not tell what it looks like
_SURE = 0.8  # of the probability that images of the suggested class get on average
_GAP = 0.25  # the least probability by which the suggested class leads, by the landmarks of other people
_DOUBT, _DOUBT_OF_ERRORS = 0.17, 0.67  # what the signs must lead by on average where all is told apart; more for errors
_PICTURE = 0.5  # what the picture's signs count beside the landmarks'
_UNTOLD = 0.3  # of two classes' images are taken for the other by their pictures: these say nothing of the two
_VETO = -0.15  # the lead of the picture below which it speaks for the label
_CLEAR = 0.9  # what the hand's own score must be
_CONFUSED = 0.12  # of two classes' images are taken for the other: such pairs accuse each other of nothing
_BURST, _BURST_PICTURE = 0.24, 0.3  # of a class's images may be wrong in one burst; by how much the picture must lead

_COLUMNS = 64  # that a median is taken of at a time
_NEAR = 200  # of a class, those among which typical images are chosen

_TWINS, _TWINS_EACH = 0.25, 0.15  # of the images taken for the other class: of both on average, and of each
_KNOWN_TWINS, _KNOWN_TWINS_EACH = 0.1, 0.05  # the same of pairs that are called as the same handshapes
_TWIN_IMAGES = 12  # of each class; with fewer, chance decides

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class IssueRow:
    """A label to look at.

    Attributes:
        row: which image.
        suggested: the class it looks like.
        confidence: the probability of that class, 0-1.
    """

    row: int
    suggested: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Signs:
    """What speaks for and against the labels of N images; features may be memory-mapped, and are then let go of.

    Attributes:
        landmarks: [N, D] float32, the shape of each hand; any scale a column.
        pictures: [N, E] float32, what :func:`~handshape.data.picture_features.picture_features` makes of their crops;
            None without crops.
        scores: [N], how surely each is a hand, 0-1; None where nobody knows.
    """

    landmarks: Features
    pictures: Features | None = None
    scores: npt.NDArray[np.floating] | None = None


def find_label_issues(
    signs: Signs, targets: Sequence[str], groups: Sequence[str] | None = None, seed: int = 0
) -> list[IssueRow]:
    """The images whose label is probably wrong, the clearest first.

    Classes that look alike by nature accuse each other of nothing.

    Args:
        signs: of the images.
        targets: the label of each image.
        groups: who signed each image, or its burst. Without it, a mislabelled burst vouches for itself.
        seed: of the random features and folds.
    """
    return LabelEvaluation(signs, targets, groups, seed).issues


class LabelEvaluation:
    """Labels cross-validated once, for issues and twins alike; arguments as of :func:`find_label_issues`."""

    def __init__(self, signs: Signs, targets: Sequence[str], groups: Sequence[str] | None, seed: int) -> None:
        self._signs, self._seed = signs, seed
        self._names, self._classes = _numbered(targets)
        self._groups = None if groups is None else _numbered(groups)[1]
        self._rows = np.arange(len(self._classes))
        self._is_possible = len(self._names) > 1 and len(self._classes) >= _MIN_IMAGES

    @cached_property
    def issues(self) -> list[IssueRow]:
        """The images whose label is probably wrong, the clearest first."""
        if not self._is_possible:
            return []
        by_others = self._by_landmarks
        suggested, may_be = self._candidates(by_others)
        lead, lead_by_all = self._lead(by_others, suggested), self._lead(self._all_landmarks, suggested)
        is_burst = self._bursts(suggested, may_be)
        doubt, weight = lead + np.where(is_burst, np.maximum(lead, lead_by_all), lead_by_all), np.full(len(lead), 2.0)
        accused = may_be & self._is_clear & (self._confusion[self._classes, suggested] < _CONFUSED)
        if self._by_pictures is not None and self._all_pictures is not None:
            tells = _both_ways(self._all_pictures, self._classes)[self._classes, suggested] < _UNTOLD
            seen, seen_by_all = self._lead(self._by_pictures, suggested), self._lead(self._all_pictures, suggested)
            seen_by_all = np.where(is_burst, np.maximum(seen, seen_by_all), seen_by_all)
            doubt = doubt + np.where(tells, _PICTURE * (seen + seen_by_all), 0)
            weight = weight + np.where(tells, 2 * _PICTURE, 0)
            accused &= (seen > _VETO) | ~tells
        errors = 1 - float((self._all_landmarks.argmax(axis=1) == self._classes).mean())
        accused &= doubt > weight * (_DOUBT + _DOUBT_OF_ERRORS * errors)
        rows = np.flatnonzero(accused)
        return [
            IssueRow(row, self._names[suggested[row]], float(np.clip(by_others[row, suggested[row]], 0, 1)))
            for row in rows[np.argsort(-lead[rows], kind="stable")].tolist()
        ]

    @cached_property
    def twins(self) -> tuple[tuple[str, str], ...]:
        """Pairs of classes that are told apart hardly better than by chance, the most alike first: 0 and O, 2 and V.

        Each image is judged by all the others, also those of the same person: what is not even told apart so is the
        same handshape, or cannot be seen in these images.
        """
        if not self._is_possible:
            return ()
        counts = np.bincount(self._classes)
        taken = _taken_for(self._all_landmarks, self._classes)
        each = np.minimum(taken, taken.T)
        both = np.minimum.reduce([_both_ways(one, self._classes) for one in self._all_signs])
        known = np.array([[are_one_handshape(a, b) for b in self._names] for a in self._names])
        alike = (each >= np.where(known, _KNOWN_TWINS_EACH, _TWINS_EACH)) & (
            both >= np.where(known, _KNOWN_TWINS, _TWINS)
        )
        pairs = np.argwhere(np.triu(alike & (np.minimum.outer(counts, counts) >= _TWIN_IMAGES), 1))
        most_first = sorted(pairs.tolist(), key=lambda pair: -both[pair[0], pair[1]])
        return tuple((self._names[one], self._names[other]) for one, other in most_first)

    def typical(self, count: int) -> dict[str, list[int]]:
        """The image nearest to the middle of each class, and others not far from it that look as unlike as can be.

        Other people's say of each that it is of its class. A median does not follow a few wrong ones, as a mean does.
        """
        if not self._is_possible:
            return {}
        is_sure = self._by_landmarks.argmax(axis=1) == self._classes
        typical = {}
        for label, name in enumerate(self._names):
            rows = np.flatnonzero(self._classes == label)
            apart = self._apart(rows)
            sure = np.flatnonzero(is_sure[rows])
            near = rows[sure[np.argsort(apart[sure], kind="stable")][: min(_NEAR, max(count, len(sure) // 2))]]
            typical[name] = near[_spread(self._landmarks[near], count)].tolist()
        return typical

    def _apart(self, rows: Numbers) -> Features:
        """How far the landmarks of each of these are from their middle, [n]."""
        features = np.empty((len(rows), self._signs.landmarks.shape[1]), np.float32)
        for part in blocks(len(rows)):
            features[part] = self._landmarks[rows[part]]
        for columns in blocks(features.shape[1], _COLUMNS):
            features[:, columns] -= np.median(features[:, columns], axis=0)
        return np.sqrt(np.einsum("nd,nd->n", features, features))

    @cached_property
    def _landmarks(self) -> Scaled:
        return Scaled(self._signs.landmarks)

    @cached_property
    def _by_landmarks(self) -> Features:
        return out_of_fold(self._landmarks, self._classes, self._groups, self._seed)

    @cached_property
    def _all_landmarks(self) -> Features:
        return out_of_fold(self._landmarks, self._classes, None, self._seed)

    @cached_property
    def _by_pictures(self) -> Features | None:
        return self._judged_by_pictures(self._groups)

    @cached_property
    def _all_pictures(self) -> Features | None:
        return self._judged_by_pictures(None)

    def _judged_by_pictures(self, groups: Numbers | None) -> Features | None:
        if self._signs.pictures is None:
            return None
        return out_of_fold(Scaled(self._signs.pictures), self._classes, groups, self._seed)

    @property
    def _all_signs(self) -> list[Features]:
        """What each kind of sign says, judged by all other images."""
        return [each for each in (self._all_landmarks, self._all_pictures) if each is not None]

    def _candidates(self, probabilities: Features) -> tuple[Numbers, Booleans]:
        """The best other class of each image, and whether it clearly beats the label."""
        others = probabilities.copy()
        others[self._rows, self._classes] = -np.inf
        suggested = others.argmax(axis=1)
        own = probabilities[self._rows, self._classes]
        usual = np.array([own[self._classes == label].mean() for label in range(len(self._names))])
        best = others[self._rows, suggested]
        is_learned = usual[self._classes] > _LEARNED
        return suggested, (best - own > _GAP) & (best >= _SURE * usual[suggested]) & is_learned

    def _lead(self, probabilities: Features, suggested: Numbers) -> Features:
        """By how much the suggested class beats the label of each image."""
        return np.asarray(probabilities[self._rows, suggested] - probabilities[self._rows, self._classes])

    def _bursts(self, suggested: Numbers, may_be: Booleans) -> Booleans:
        """Images whose own burst must not vouch for them: a small part of a class, all of it taken for another one."""
        if self._groups is None:
            return np.zeros(len(self._rows), bool)
        sizes = np.bincount(self._groups)[self._groups]
        moves = self._classes * len(self._names) + suggested
        moved = np.bincount(moves[may_be], minlength=len(self._names) ** 2)[moves]
        is_burst = (sizes > 1) & (moved <= _BURST * np.bincount(self._classes)[self._classes])
        if self._by_pictures is not None:
            is_burst &= self._lead(self._by_pictures, suggested) > _BURST_PICTURE
        return np.asarray(is_burst)

    @property
    def _is_clear(self) -> Booleans:
        scores = self._signs.scores
        return np.ones(len(self._rows), bool) if scores is None else np.asarray(scores >= _CLEAR)

    @cached_property
    def _confusion(self) -> Features:
        """The share of two classes' images that all signs take for the other class, [C, C]."""
        return np.asarray(np.minimum.reduce([_both_ways(each, self._classes) for each in self._all_signs]), np.float32)


def _numbered(names: Sequence[str]) -> tuple[list[str], Numbers]:
    """The different names in order, and the number of each; arrays of text take as much for each as for the longest."""
    different = sorted(set(names))
    number_of = {name: number for number, name in enumerate(different)}
    return different, np.array([number_of[name] for name in names], np.int64)


def _spread(features: Features, count: int) -> list[int]:
    """The first row, and then again and again the one that is the farthest from all that were taken."""
    taken = [0][: min(count, len(features))]
    while len(taken) < min(count, len(features)):
        apart = np.linalg.norm(features[:, None] - features[taken], axis=2).min(axis=1)
        taken.append(int(apart.argmax()))
    return taken


def _taken_for(probabilities: Features, classes: Numbers) -> Features:
    """The share of each class's images for which another class is more probable than theirs, [C, C]."""
    own = probabilities[np.arange(len(classes)), classes]
    count = probabilities.shape[1]
    taken = [(probabilities[classes == label] > own[classes == label, None]).mean(axis=0) for label in range(count)]
    return np.array(taken, np.float32)


def _both_ways(probabilities: Features, classes: Numbers) -> Features:
    """The share of two classes' images for which the other class is more probable than theirs, [C, C]."""
    taken = _taken_for(probabilities, classes)
    return np.asarray((taken + taken.T) / 2, np.float32)
