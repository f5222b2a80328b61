"""Bursts: pictures taken right after each other, told by looks and file numbers, and kept on one side of a split.

They stand in for signers where nobody says who signed what.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from handshape.data.near_duplicates import NEAR_DUPLICATE, Clusters, Embeddings, Numbers, Similarity, clustered
from handshape.data.samples import Sample

_ALIKE = 0.75  # neighbours by number are of one burst from here on; where each is of another signer, 1 in 150 is
_TELLING = 0.35  # the median likeness of neighbours from which numbers tell time: 0.5-1 in videos, 0.1 among signers
_PAUSE = 10  # a step in the numbers this many times the usual one is a pause between two bursts
_LARGEST = 2 / 3  # of a class in one group; with more, too little of the class is left to test it
_PIECE = 1 / 5  # of a class in one group once it is cut: about what the test takes

_LAST_NUMBER = re.compile(r"[0-9]{1,18}(?=[^0-9]*$)")

Labels = npt.NDArray[np.str_]
Pairs = tuple[Numbers, Numbers]


@dataclass(frozen=True)
class Bursts:
    """Images that belong on one side of a split.

    Attributes:
        group_of: the first image of its group, by path; an image that is like no other is its own.
        bursts: groups of several images.
        images: how many images are in those.
        cut: classes of which so much looked alike that they were cut into stretches of neighbours, so that near-copies
            can stand on two sides after all.
    """

    group_of: Mapping[str, str]
    bursts: int
    images: int
    cut: tuple[str, ...]


def find_bursts(samples: Sequence[Sample], similarity: Similarity, digests: Mapping[str, str]) -> Bursts:
    """Groups near-copies, byte-identical copies, and neighbours by number that look alike.

    Args:
        samples: in the order of the folder, so that neighbours by name stand together.
        similarity: of these samples, row by row.
        digests: SHA-256 by path. Byte-identical images stay together whatever else is cut.
    """
    class_names = np.array([sample.label for sample in samples])
    neighbours = _neighbours(samples, similarity.embeddings)
    copies = _first_of_each([digests.get(sample.path, sample.path) for sample in samples])
    groups = _joined(len(samples), similarity.near_duplicates, [neighbours, copies])
    groups, cut = _cut(groups, class_names, similarity.embeddings, neighbours)
    groups = _joined(len(samples), groups, [copies])
    sizes = np.bincount(groups, minlength=len(samples))
    return Bursts(
        {sample.path: samples[first].path for sample, first in zip(samples, groups.tolist(), strict=True)},
        int((sizes > 1).sum()),
        int(sizes[sizes > 1].sum()),
        cut,
    )


def _neighbours(samples: Sequence[Sample], embeddings: Embeddings) -> Pairs:
    """Pairs of images that follow each other by number within one burst."""
    runs = [_Steps(numbers, embeddings) for numbers in _numbered(samples)]
    steady = [alike for run in runs for alike in run.alike[~run.is_pause].tolist()]
    tells_time = bool(steady) and float(np.median(steady)) >= _TELLING
    tied = [run.tied(tells_time) for run in runs]
    none = np.zeros(0, np.int64)
    return (
        np.concatenate([none, *(run.left[ties] for run, ties in zip(runs, tied, strict=True))]),
        np.concatenate([none, *(run.right[ties] for run, ties in zip(runs, tied, strict=True))]),
    )


class _Steps:
    """The steps from each image to the next by number, among names that differ only in a number."""

    def __init__(self, numbered: Sequence[tuple[int, int]], embeddings: Embeddings) -> None:
        numbers, rows = np.array(sorted(numbered)).T
        self.left, self.right = rows[:-1], rows[1:]
        self.alike = (embeddings[self.left] * embeddings[self.right]).sum(axis=1)
        steps = np.diff(numbers)
        self.is_pause = steps > _PAUSE * np.median(steps)

    def tied(self, tells_time: bool) -> npt.NDArray[np.bool_]:
        """Which steps stay within a burst. Pauses in a video part bursts better than looks: hands move fast."""
        if tells_time and self.is_pause.any():
            return ~self.is_pause
        return ~self.is_pause & (self.alike >= _ALIKE)


def _numbered(samples: Sequence[Sample]) -> Iterable[list[tuple[int, int]]]:
    """Number and row of the images whose names differ only in their last number, in each folder of each class."""
    alike: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for row, sample in enumerate(samples):
        path = PurePosixPath(sample.path)
        if found := _LAST_NUMBER.search(path.stem):
            start, end = found.span()
            key = (sample.label, str(path.parent), path.stem[:start], path.stem[end:], path.suffix)
            alike[key].append((int(found[0]), row))
    return [numbered for numbered in alike.values() if len(numbered) > 1]


def _first_of_each(values: Sequence[str]) -> Pairs:
    """Each row, and the first row of the same value."""
    first: dict[str, int] = {}
    return np.arange(len(values)), np.array(
        [first.setdefault(value, row) for row, value in enumerate(values)], np.int64
    )


def _joined(count: int, groups: Numbers, ties: Iterable[Pairs]) -> Numbers:
    """The first row of each row's group, once the ties are added."""
    clusters = Clusters(count)
    clusters.join(np.arange(count), groups)
    for left, right in ties:
        clusters.join(left, right)
    return clusters.firsts()


def _cut(
    groups: Numbers, class_names: Labels, embeddings: Embeddings, neighbours: Pairs
) -> tuple[Numbers, tuple[str, ...]]:
    """Cuts groups that would leave too little of a class for the other parts; names the classes that were cut."""
    groups, cut = groups.copy(), []
    sizes = {str(label): int((class_names == label).sum()) for label in dict.fromkeys(class_names.tolist())}
    for members in _too_large(groups, class_names, sizes):
        for label in dict.fromkeys(class_names[members].tolist()):
            mine = members[class_names[members] == label]
            pieces = list(_pieces_of_class(mine, sizes[label], embeddings, neighbours))
            for piece in pieces:
                groups[piece] = piece[0]
            if len(pieces) > 1:
                cut.append(label)
    return groups, tuple(dict.fromkeys(cut))


def _too_large(groups: Numbers, class_names: Labels, sizes: Mapping[str, int]) -> list[Numbers]:
    """Members of the groups that hold too much of a class, or of everything."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    return [
        rows
        for rows in members
        if len(rows) > 1
        and (
            len(rows) > _LARGEST * len(groups)
            or any(
                (class_names[rows] == label).sum() > _LARGEST * sizes[label]
                for label in set(class_names[rows].tolist())
            )
        )
    ]


def _pieces_of_class(rows: Numbers, size: int, embeddings: Embeddings, neighbours: Pairs) -> Iterator[Numbers]:
    """The groups that the rows form without the other classes, cut on where they are still too large."""
    place = np.full(len(embeddings), -1)
    place[rows] = np.arange(len(rows))
    left, right = place[neighbours[0]], place[neighbours[1]]
    within = (left >= 0) & (right >= 0)
    (alike,) = clustered(embeddings[rows], [NEAR_DUPLICATE])
    groups = _joined(len(rows), alike, [(left[within], right[within])])
    for first in np.unique(groups):
        piece = rows[groups == first]
        yield from [piece] if len(piece) <= _LARGEST * size else _stretches(piece, size, embeddings)


def _stretches(rows: Numbers, size: int, embeddings: Embeddings) -> Iterator[Numbers]:
    """Stretches of neighbours, parted where two neighbours are least alike."""
    if len(rows) <= max(1.0, _PIECE * size):
        yield rows
        return
    alike = (embeddings[rows[:-1]] * embeddings[rows[1:]]).sum(axis=1)
    third = len(alike) // 3
    middle = alike[third : len(alike) - third]
    at = third + int(middle.argmin()) + 1
    yield from _stretches(rows[:at], size, embeddings)
    yield from _stretches(rows[at:], size, embeddings)
