"""How much each hand counts in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def balanced(targets: NDArray[np.integer], source: NDArray[np.integer]) -> NDArray[np.float32]:
    """Weights [N] of mean 1, so that every class counts the same, and every source by the square root of its size.

    Args:
        targets: [N], class numbers.
        source: [N], numbers of people, or of whatever else the hands come from.
    """
    weights = 1 / np.sqrt(np.bincount(source)[source])
    weights /= np.bincount(targets, weights)[targets]
    return (weights / weights.mean() if len(weights) else weights).astype(np.float32)
