"""What classifiers say about rows that they never saw: a kernel ridge without each fold, block by block. Pure NumPy.

A kernel ridge on random Fourier features (Rahimi and Recht 2007) needs one linear system a fold. What a system is made
of adds up over rows, so each row is added once for all folds, and memory holds a block and what is said of each row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from handshape.mapped import let_go

BLOCK = 2048  # rows at a time
TINY = 1e-6  # spread of a column below which it says nothing

_FOLDS = 5
_MIN_GROUPS = 3  # with fewer, folds by group would leave too little to learn from
_FREQUENCIES = 384  # of random features; 256 find as much, less evenly
_PAIRS = 2000  # of rows, whose distances say how wide the kernel is
_RIDGE = 0.1  # of the mean eigenvalue

Features = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Moments = npt.NDArray[np.float64]


class Scaled:
    """Rows of features whose columns have mean 0 and deviation 1; they are computed when they are asked for.

    Args:
        features: [N, D], may be memory-mapped; any scale a column.
    """

    def __init__(self, features: Features) -> None:
        self._features = features
        self._mean, self._spread = _mean_and_spread(features)

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, rows: slice | Numbers) -> Features:
        """Some of them, [n, D]."""
        chosen = np.subtract(self._features[rows], self._mean, dtype=np.float32)
        chosen /= self._spread
        let_go(self._features)
        return np.asarray(chosen)


def blocks(count: int, each: int = BLOCK) -> Iterator[slice]:
    """So many rows or columns, a few at a time."""
    return (slice(start, min(start + each, count)) for start in range(0, count, each))


def out_of_fold(features: Scaled, classes: Numbers, groups: Numbers | None = None, seed: int = 0) -> Features:
    """What ridge regressions to one-hot labels, each without a fold, say about that fold.

    Args:
        features: of N rows, at least one.
        classes: [N], the class number of each.
        groups: [N], the group number of each; all of a group are in one fold. None, or fewer than three groups, deals
            the rows of each class in turn.
        seed: of random features and folds.

    Returns:
        [N, classes] float32, about 0-1.
    """
    random = np.random.default_rng(seed)
    folds = _rows_of_folds(classes, groups, random)
    frequencies = _frequencies(features, random)
    one_hot = np.eye(classes.max() + 1, dtype=np.float32)[classes]
    moments = [_moments(features, frequencies, one_hot, rows) for rows in folds]
    found = np.zeros_like(one_hot)
    for number, rows in enumerate(folds):
        # added, not taken from a total: of a class that is in this fold alone, exactly nothing must be left
        ridge = _Ridge.solved(np.sum([*moments[:number], *moments[number + 1 :]], axis=0))
        for part in blocks(len(rows)):
            found[rows[part]] = _lifted(features[rows[part]], frequencies) @ ridge.weights + ridge.bias
    return found


@dataclass(frozen=True, eq=False)
class _Ridge:
    """What a row of random features becomes: weights [W, C] and bias [C]."""

    weights: Features
    bias: Features

    @classmethod
    def solved(cls, moments: Moments) -> _Ridge:
        """From the products of all columns with one another: W random features, C one-hot labels."""
        width = 2 * _FREQUENCIES
        counts = np.diag(moments)[width:]
        centre, mean = moments[:width, width:].sum(axis=1) / counts.sum(), counts / counts.sum()
        system = moments[:width, :width] - counts.sum() * np.outer(centre, centre)
        system[np.diag_indices(width)] += _RIDGE * np.trace(system) / width + 1e-6
        weights = np.linalg.solve(system, moments[:width, width:] - np.outer(centre, counts))
        return cls(weights.astype(np.float32), (mean - centre @ weights).astype(np.float32))


def _moments(features: Scaled, frequencies: Features, one_hot: Features, rows: Numbers) -> Moments:
    """Of some rows, the products of their random features and labels [N, C] with one another, [W + C, W + C]."""
    width = 2 * _FREQUENCIES + one_hot.shape[1]
    moments = np.zeros((width, width))
    for part in blocks(len(rows)):
        columns = np.hstack([_lifted(features[rows[part]], frequencies), one_hot[rows[part]]])
        moments += columns.T @ columns
    return moments


def _rows_of_folds(classes: Numbers, groups: Numbers | None, random: np.random.Generator) -> list[Numbers]:
    """The rows of each fold, in order."""
    folds = _folds(classes, groups, random)
    return [np.flatnonzero(folds == fold) for fold in np.unique(folds)]


def _folds(classes: Numbers, groups: Numbers | None, random: np.random.Generator) -> Numbers:
    """The fold of each row: whole groups, the largest first into the emptiest fold, or each class dealt in turn."""
    sizes = np.bincount(groups) if groups is not None else np.zeros(0, np.int64)
    if groups is not None and len(sizes) >= _MIN_GROUPS:
        fold_of, filled = np.zeros(len(sizes), np.int64), np.zeros(_FOLDS)
        for group in np.argsort(-sizes, kind="stable"):
            fold_of[group] = filled.argmin()
            filled[fold_of[group]] += sizes[group]
        return fold_of[groups]
    shuffled = random.permutation(len(classes))
    folds = np.empty(len(classes), np.int64)
    folds[shuffled[np.argsort(classes[shuffled], kind="stable")]] = np.arange(len(classes)) % _FOLDS
    return folds


def _frequencies(features: Scaled, random: np.random.Generator) -> Features:
    """Random ones of a Gaussian kernel as wide as two rows are usually apart, [D, F]."""
    one, other = random.integers(0, len(features), (2, _PAIRS))
    apart = np.linalg.norm(features[one] - features[other], axis=1)
    width = float(np.median(apart[apart > 0])) if apart.any() else 1.0
    return random.normal(0, 1 / width, (features[:1].shape[1], _FREQUENCIES)).astype(np.float32)


def _lifted(block: Features, frequencies: Features) -> Features:
    """Random Fourier features, [n, 2 F]."""
    phases = block @ frequencies
    return np.hstack([np.cos(phases), np.sin(phases)])


def _mean_and_spread(features: Features) -> tuple[Features, Features]:
    """Of each column, [D]; a spread of 1 where it is always the same."""
    count, width = features.shape
    start = np.asarray(features[:1], np.float64).sum(axis=0)  # near all of a column, so that squares lose no digits
    sums, squares = np.zeros(width), np.zeros(width)
    for rows in blocks(count):
        apart = features[rows] - start
        sums += apart.sum(axis=0)
        squares += np.square(apart, out=apart).sum(axis=0)
        let_go(features)
    mean = sums / max(count, 1)
    spread = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    return (start + mean).astype(np.float32), np.where(spread > TINY, spread, 1).astype(np.float32)
