"""Suspect labels: photographs that a classifier which never saw them reads as another sign. Pure NumPy.

After confident learning (Northcutt, Jiang and Chuang 2021), with a kernel ridge on random Fourier features (Rahimi and
Recht 2007), which needs one linear system a fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_FOLDS = 5
_MIN_GROUPS = 3  # with fewer, folds by group would leave too little to learn from
_MIN_IMAGES = 20  # below, nothing learned from them says anything
_FREQUENCIES = 384  # of random features; 256 find as much, less evenly
_RIDGE = 0.1  # of the mean eigenvalue
_SURE = 0.8  # of the probability that images of the suggested class get on average
_GAP = 0.35  # the least probability by which the suggested class leads
_TWINS = 0.4  # classes whose typical images get this much of each other's probability: 0 and O, 2 and V, 6 and W

Features = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


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


def find_label_issues(
    features: Features, targets: Sequence[str], groups: Sequence[str] | None = None, seed: int = 0
) -> list[IssueRow]:
    """The images whose label is probably wrong, the clearest first.

    An image is judged by a classifier learned from other people's images: those of other groups where there are at
    least three, else other images. Classes that look alike by nature accuse each other of nothing.

    Args:
        features: ``[N, D]`` float32, such as the landmarks of each hand; any scale a column.
        targets: the label of each image.
        groups: who signed each image, or its burst. Without it, a mislabelled burst vouches for itself.
        seed: of the random features and folds.
    """
    class_names, classes = np.unique(np.asarray(targets, str), return_inverse=True)
    if len(class_names) < 2 or len(classes) < _MIN_IMAGES:
        return []
    random = np.random.default_rng(seed)
    folds = _folds(classes, groups, random)
    probabilities = _out_of_fold(_lifted(_scaled(features), random), classes, len(class_names), folds)
    return [
        IssueRow(row, str(class_names[suggested]), float(np.clip(probabilities[row, suggested], 0, 1)))
        for row, suggested in _disagreements(probabilities, classes)
    ]


def _folds(classes: Numbers, groups: Sequence[str] | None, random: np.random.Generator) -> Numbers:
    """The fold of each row: whole groups, the largest first into the emptiest fold, or each class dealt in turn."""
    names, group_of = np.unique(np.arange(len(classes)).astype(str) if groups is None else groups, return_inverse=True)
    if groups is not None and len(names) >= _MIN_GROUPS:
        sizes = np.bincount(group_of)
        fold_of, filled = np.zeros(len(names), np.int64), np.zeros(_FOLDS)
        for group in np.argsort(-sizes, kind="stable"):
            fold_of[group] = filled.argmin()
            filled[fold_of[group]] += sizes[group]
        return fold_of[group_of]
    shuffled = random.permutation(len(classes))
    folds = np.empty(len(classes), np.int64)
    folds[shuffled[np.argsort(classes[shuffled], kind="stable")]] = np.arange(len(classes)) % _FOLDS
    return folds


def _scaled(features: Features) -> Features:
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1), np.float32)


def _lifted(features: Features, random: np.random.Generator) -> Features:
    """Random Fourier features of a Gaussian kernel as wide as two images are usually apart, ``[N, 768]``."""
    one, other = random.integers(0, len(features), (2, 2000))
    apart = np.linalg.norm(features[one] - features[other], axis=1)
    width = float(np.median(apart[apart > 0])) if apart.any() else 1.0
    frequencies = random.normal(0, 1 / width, (features.shape[1], _FREQUENCIES)).astype(np.float32)
    phases: Features = features @ frequencies
    return np.hstack([np.cos(phases), np.sin(phases)])


def _out_of_fold(features: Features, classes: Numbers, count: int, folds: Numbers) -> Features:
    """What ridge regressions to one-hot labels, each without a fold, say about it: ``[N, classes]``, about 0-1."""
    wanted = np.eye(count, dtype=np.float32)[classes]
    found = np.zeros_like(wanted)
    for fold in np.unique(folds):
        held = folds == fold
        found[held] = _ridge(features[~held], wanted[~held], features[held])
    return found


def _ridge(features: Features, wanted: Features, held: Features) -> Features:
    centre, mean = features.mean(axis=0), wanted.mean(axis=0)
    known = features - centre
    system = known.T @ known
    system[np.diag_indices(len(system))] += _RIDGE * np.trace(system) / len(system) + np.float32(1e-6)
    return np.asarray((held - centre) @ np.linalg.solve(system, known.T @ (wanted - mean)) + mean, np.float32)


def _disagreements(probabilities: Features, classes: Numbers) -> Iterator[tuple[int, int]]:
    """Row and suggested class where the label is clearly beaten, the widest gap first."""
    rows = np.arange(len(classes))
    own = probabilities[rows, classes]
    others = probabilities.copy()
    others[rows, classes] = -np.inf
    suggested = others.argmax(axis=1)
    best = others[rows, suggested]
    count = probabilities.shape[1]
    usual = np.array([own[classes == label].mean() for label in range(count)])
    typical = np.array([np.median(probabilities[classes == label], axis=0) for label in range(count)])
    is_twin = (typical + typical.T)[classes, suggested] >= _TWINS
    clear = np.flatnonzero((best - own > _GAP) & (best >= _SURE * usual[suggested]) & ~is_twin)
    for row in clear[np.argsort(own[clear] - best[clear], kind="stable")].tolist():
        yield row, int(suggested[row])
