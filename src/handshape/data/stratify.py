"""Assigns groups of images to the parts of a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from handshape.data.samples import Sample, natural_key
from handshape.errors import DataError

PARTS = ("train", "validation", "test")
_TRAIN, _VALIDATION, _TEST = range(3)
_BY_NEED = (_TRAIN, _TEST, _VALIDATION)  # a class must be learned; being tested matters more than being validated
_ATTEMPTS = 20  # with few signers, the first order may leave a part without a class that another order gives it
_NOTEWORTHY_SHARE = 0.05  # by how much of all images a part may miss its share without a note

Numbers = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class StratifiedGroupSplitter:
    """Assigns samples to parts.

    Attributes:
        part_of: the part of each sample, an index of ``PARTS``, ``[N]``.
        filled: images assigned, ``[parts, classes]``.
        targets: images to assign, ``[parts, classes]``.
    """

    def __init__(
        self, samples: Sequence[Sample], groups: Mapping[str, str] | None, shares: Sequence[float], seed: int
    ) -> None:
        self.class_names = sorted({sample.label for sample in samples}, key=natural_key)
        self.shares = np.array(shares)
        self.class_of = _numbered((sample.label for sample in samples), self.class_names)
        names = [sample.path if groups is None else groups.get(sample.path, sample.path) for sample in samples]
        group_of = _numbered(names, dict.fromkeys(names))
        self.random = np.random.default_rng(seed)
        self.large, self.singles = self._by_size(group_of)
        self.targets = _targets(np.bincount(self.class_of, minlength=len(self.class_names)), self.shares)
        held = [self._classes(members) > 0 for members in self.large]
        self.holders = np.sum(held, axis=0) + self._classes(self.singles)
        self.part_of: Numbers = np.zeros(0, np.int64)
        self.filled: Numbers = np.zeros(0, np.int64)
        self._clear()

    def assign(self) -> None:
        """Assigns everything, in other orders where a part lacks a class that it could have, and keeps the best."""
        unavoidable = int(np.maximum((self.targets > 0).sum(axis=0) - self.holders, 0).sum())
        best = self.targets.size + 1
        for _ in range(_ATTEMPTS):
            self._clear()
            self._assign_groups()
            self._assign_singles()
            self._mend_absences()
            absences = int(((self.filled == 0) & (self.targets > 0)).sum())
            if absences < best:
                best, part_of, filled = absences, self.part_of, self.filled
            if best <= unavoidable:
                break
            self.random.shuffle(self.large)
        self.part_of, self.filled = part_of, filled

    def require_all_parts(self) -> None:
        """No part may stay empty."""
        empty = [PARTS[part] for part in range(len(PARTS)) if self.shares[part] > 0 and not self.filled[part].any()]
        if empty:
            raise DataError(
                f"The split leaves no image for {' and '.join(empty)}: there are too few images or groups, or each "
                "group shows a class that no other shows.",
                "every class in at least three groups",
                "Add photographs of other people, or choose data.groups=auto.",
            )

    def notes(self) -> Iterable[str]:
        """What is not as asked."""
        for part, word in ((_TEST, "tested"), (_VALIDATION, "validated")):
            absent = [self.class_names[label] for label in np.flatnonzero(self.filled[part] == 0)]
            if absent:
                yield (
                    f"Not {word}, because too few signers or images show {'it' if len(absent) == 1 else 'them'}: "
                    f"{', '.join(absent)}."
                )
            share = self.filled[part].sum() / max(1, self.filled.sum())
            if abs(share - self.shares[part]) > _NOTEWORTHY_SHARE:
                yield (
                    f"The {PARTS[part]} part holds {share:.0%} of the images instead of {self.shares[part]:.0%}, "
                    "because groups are kept whole."
                )

    def _clear(self) -> None:
        self.part_of = np.full(len(self.class_of), _TRAIN)
        self.filled = np.zeros_like(self.targets)

    def _assign_groups(self) -> None:
        """Each large group to the part that it serves best; one that alone shows some class must be learned."""
        for members in self.large:
            counts = self._classes(members)
            alone = bool(np.any((counts > 0) & (self.holders == 1)))
            self._put(members, _TRAIN if alone else int(np.argmin(self._cost(counts))))

    def _assign_singles(self) -> None:
        """Images in groups of their own fill up what the groups left open."""
        shuffled = self.random.permutation(self.singles)
        by_class = shuffled[np.argsort(self.class_of[shuffled], kind="stable")]
        numbers = self._classes(self.singles)
        for label, mine in zip(range(len(self.class_names)), np.split(by_class, np.cumsum(numbers)[:-1]), strict=False):
            filled = self.filled[:, label]
            missing = np.maximum(self.targets[:, label] - filled, 0).astype(np.float64)
            shares = _apportioned(len(mine), missing, filled == 0)
            for part, chosen in enumerate(np.split(mine, np.cumsum(shares)[:-1])):
                self._put(chosen, part)

    def _mend_absences(self) -> None:
        """Moves a group where a part lacks a class that other parts can spare."""
        for part in _BY_NEED:
            for label in np.flatnonzero((self.filled[part] == 0) & (self.targets[part] > 0)):
                if self.filled[part, label] == 0:  # an earlier move may have brought it along
                    self._fetch(part, int(label))

    def _by_size(self, group_of: Numbers) -> tuple[list[Numbers], Numbers]:
        """Groups of several samples, the large ones first, and the samples that are alone."""
        sizes = np.bincount(group_of)
        members = np.split(np.argsort(group_of, kind="stable"), np.cumsum(sizes)[:-1])
        several = self.random.permutation(np.flatnonzero(sizes > 1))
        magnitude = np.log2(sizes[several]).astype(np.int64)  # coarse, so that the seed orders groups of like size
        ordered = several[np.argsort(-magnitude, kind="stable")]
        return [members[group] for group in ordered], np.flatnonzero(sizes[group_of] == 1)

    def _classes(self, members: Numbers) -> Numbers:
        return np.bincount(self.class_of[members], minlength=len(self.class_names))

    def _cost(self, counts: Numbers) -> Shares:
        """What adding these images adds to the squared error of each part, relative to its targets."""
        off = self.filled - self.targets
        cost: Shares = (((off + counts) ** 2 - off**2) / np.maximum(self.targets, 1)).sum(axis=1)
        return cost

    def _put(self, members: Numbers, part: int) -> None:
        self.part_of[members] = part
        self.filled[part] += self._classes(members)

    def _take(self, members: Numbers) -> None:
        self.filled[self.part_of[members[0]]] -= self._classes(members)

    def _fetch(self, part: int, label: int) -> None:
        """Brings the class to the part by the group whose move costs least, if any can be spared."""
        best: tuple[float, Numbers] | None = None
        for members in self.large:
            counts = self._classes(members)
            if counts[label] and (part == _TRAIN or self._can_spare(members, counts)):
                cost = self._cost_of_move(members, counts, part)
                if best is None or cost < best[0]:
                    best = cost, members
        if best is not None:
            self._take(best[1])
            self._put(best[1], part)

    def _can_spare(self, members: Numbers, counts: Numbers) -> bool:
        left = self.filled[self.part_of[members[0]]] - counts
        return bool(np.all(left[counts > 0] > 0))

    def _cost_of_move(self, members: Numbers, counts: Numbers, part: int) -> float:
        home = int(self.part_of[members[0]])
        return float(self._cost(counts)[part] + self._cost(-counts)[home])


def _numbered(names: Iterable[str], order: Iterable[str]) -> Numbers:
    index = {name: number for number, name in enumerate(order)}
    return np.array([index[name] for name in names], dtype=np.int64)


def _targets(sizes: Numbers, shares: Shares) -> Numbers:
    """Images of each class for each part; each class, and each part as a whole, within one of its exact share."""
    targets = np.zeros((len(PARTS), len(sizes)), np.int64)
    owed = np.zeros(len(PARTS))  # what rounding has kept from each part so far
    for label, size in enumerate(sizes):
        targets[:, label] = _apportioned(int(size), shares, np.ones(len(PARTS), bool), owed)
        owed += size * shares - targets[:, label]
    return targets


def _apportioned(total: int, weights: Shares, wanting: npt.NDArray[np.bool_], owed: Shares | float = 0.0) -> Numbers:
    """Whole numbers that add up to ``total``, by largest remainder; ``wanting`` parts get one while it lasts."""
    if total == 0:
        return np.zeros(len(weights), np.int64)
    exact = total * weights / weights.sum()
    numbers = np.floor(exact + 1e-9).astype(np.int64)
    for part in _BY_NEED:
        spare = 0 if part == _TRAIN else 1  # training gets even the only one
        is_assigned = numbers.sum() == total
        if wanting[part] and weights[part] > 0 and numbers[part] == 0 and not (is_assigned and numbers.max() <= spare):
            numbers[numbers.argmax()] -= is_assigned
            numbers[part] = 1
    remainders = exact - numbers
    order = np.argsort(-np.where(remainders > 1e-9, remainders + owed, -np.inf), kind="stable")
    numbers[order[: total - numbers.sum()]] += 1
    return np.asarray(numbers, np.int64)
