"""Who is searched on and who is kept out: splits for the trials, and folds over the people whom no trial sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.folds import stratified_folds
from handshape.data.splits import Rows, Split, split_samples
from handshape.errors import DataError
from handshape.workflow.dataset import Dataset

BLOCKS = 10  # that the people who are searched on are parted into; fewer where they are fewer
CONFIRMING = 2  # folds over the people kept out; each costs two trainings, and the spread is over people
MIN_BLOCKS = 3  # to train, to validate, to test


@dataclass(frozen=True, eq=False)
class TunePlan:
    """Splits of one data set; no group is on two sides of any, and those of ``confirm`` test nobody of ``search``.

    Attributes:
        search: one after the other, those that a trial is fitted on.
        confirm: each tests some of the groups kept out, and trains on all others.
        searched: how many groups the search sees.
        kept_out: how many it does not.
    """

    search: tuple[Split, ...]
    confirm: tuple[Split, ...]
    searched: int
    kept_out: int


def tune_plan(dataset: Dataset, settings: Settings, folds: int) -> TunePlan:
    """Keeps ``data.test_split`` of the images out of the search, whole groups of them, and makes the splits.

    Rows are parted into cells once, which all splits share, and so do their trunk features: cells of those that are
    searched on, and one a fold of those kept out.

    Args:
        dataset: whose rows.
        settings: shares and seed.
        folds: that a trial is fitted on.

    Raises:
        DataError: there are too few groups.
    """
    data = settings.data
    made = split_samples(dataset.samples, dataset.groups.of, data.test_split, data.val_split, data.seed)
    searched, kept = np.sort(np.concatenate([made.train, made.validation])), made.test
    blocks = _parted(dataset, searched, BLOCKS, data.seed)
    if blocks.max() + 1 < max(MIN_BLOCKS, folds):
        raise DataError(
            f"There are too few groups to search on {folds} folds: {len(set(dataset.group_names(searched)))} are left "
            "once some are kept out.",
            f"at least {max(MIN_BLOCKS, folds)}, and photographs of every class by each",
            "Add photographs of other people, or give fewer --folds.",
        )
    cells = np.zeros(len(dataset), np.int64)
    cells[searched] = blocks
    cells[kept] = blocks.max() + 1 + _parted(dataset, kept, CONFIRMING, data.seed)
    return TunePlan(
        search=tuple(_search_splits(dataset, cells, int(blocks.max()) + 1, folds)),
        confirm=tuple(_confirm_splits(dataset, cells, int(blocks.max()) + 1)),
        searched=len(set(dataset.group_names(searched))),
        kept_out=len(set(dataset.group_names(kept))),
    )


def _parted(dataset: Dataset, rows: Rows, most: int, seed: int) -> NDArray[np.int64]:
    """The part of each of these rows, [n]; no group is in two."""
    groups, targets = dataset.group_names(rows), dataset.targets[rows]
    count = min(most, len(set(groups)), int(np.bincount(targets).max()))
    return stratified_folds(targets, groups, count, seed) if count > 1 else np.zeros(len(rows), np.int64)


def _search_splits(dataset: Dataset, cells: NDArray[np.int64], blocks: int, folds: int) -> Iterator[Split]:
    """Each tests other blocks; the one after them validates, and the rest of the blocks train."""
    tested = max(1, min(blocks // folds, blocks - 2))
    for number in range(folds):
        ahead = (np.arange(blocks) - number * tested) % blocks
        part_of = np.where(ahead < tested, 2, np.where(ahead == tested, 1, 0))
        yield _split(dataset, cells, part_of)


def _confirm_splits(dataset: Dataset, cells: NDArray[np.int64], blocks: int) -> Iterator[Split]:
    """Each tests one cell of those kept out; a block of the others validates, and all the rest trains."""
    count = int(cells.max()) + 1
    for number in range(count - blocks):
        part_of = np.zeros(count, np.int64)
        part_of[blocks + number], part_of[number % blocks] = 2, 1
        yield _split(dataset, cells, part_of)


def _split(dataset: Dataset, cells: NDArray[np.int64], part_of: NDArray[np.int64]) -> Split:
    """The split whose cells are in these parts: 0 trains, 1 validates, 2 tests; a class that none trains is left out.

    Raises:
        DataError: nothing is left to validate or to test.
    """
    parts = np.full(len(cells), -1)
    inside = cells < len(part_of)
    parts[inside] = part_of[cells[inside]]
    train = np.flatnonzero(parts == 0)
    is_known = np.isin(dataset.targets, dataset.targets[train])
    validation, test = (np.flatnonzero((parts == part) & is_known) for part in (1, 2))
    if not (len(validation) and len(test)):
        raise DataError(
            "A fold of the search has nothing to test or to validate, because those that train show other classes.",
            "people who show the same classes",
            "Add photographs of other people, or give fewer --folds.",
        )
    return Split(train, validation, test, cells)
