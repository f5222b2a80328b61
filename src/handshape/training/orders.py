"""Which images an epoch shows: of many a part, the next epoch the next part, all of them before one comes again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EPOCHS_FOR_ALL = 8  # in so many, each image is shown at least once


def part_shown(images: int, most: int) -> int:
    """How many of so many an epoch shows, where ``most`` are enough."""
    return min(images, max(most, images // EPOCHS_FOR_ALL))


def stretch(images: int, shown: int, seed: Sequence[int], epoch: int) -> NDArray[np.int64]:
    """An epoch's part of an endless row of permutations, [shown].

    Args:
        images: how many there are.
        shown: how many an epoch takes.
        seed: decides the permutations.
        epoch: counted from 0.
    """
    start, end = epoch * shown, (epoch + 1) * shown
    rounds = range(start // images, -(-end // images))
    orders = [np.random.default_rng([*seed, number, 3]).permutation(images) for number in rounds]
    return np.concatenate(orders)[start - rounds[0] * images : end - rounds[0] * images]
