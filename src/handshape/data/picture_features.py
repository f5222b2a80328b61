"""Pictures of hands as numbers that tell their shapes apart: where their edges point. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handshape.data.store import Store
from handshape.mapped import let_go

SIDE, CELL, DIRECTIONS = 32, 4, 8  # pixels of the picture, pixels of a cell, directions of edges
MAX_STRENGTH = 0.3  # of a cell's strength that one direction may have
WIDTH = (SIDE // CELL) ** 2 * DIRECTIONS
BATCH = 64  # pictures at a time; of 224 pixels, 10 MB that stay in the processor's cache

Features = npt.NDArray[np.float32]


def picture_features(crops: npt.NDArray[np.uint8], rows: Sequence[int] | None = None) -> Features:
    """The edges in crops of hands [N, S, S, 3], S at least 32: histograms of directions (Dalal and Triggs 2005).

    Args:
        crops: of hands.
        rows: which of them; None takes all.

    Returns:
        [n, 512] float32; memory-mapped where they are many.

    Raises:
        RunError: there is no room for them.
    """
    chosen = np.arange(len(crops)) if rows is None else np.asarray(rows, np.int64)
    store = Store(len(chosen), (WIDTH,), np.float32)
    for start in range(0, len(chosen), BATCH):
        for each in _edges(_small(crops[chosen[start : start + BATCH]])):
            store.add(each)
        let_go(crops)
    return store.array()


def _small(crops: npt.NDArray[np.uint8]) -> Features:
    """Their grey in pictures [N, 32, 32]: means of whole blocks of pixels, what is left over at the edges left out."""
    block = crops.shape[1] // SIDE
    margin = crops.shape[1] % SIDE // 2
    inner = slice(margin, margin + block * SIDE)
    rows = (
        crops[:, inner, inner].reshape(len(crops), SIDE, block, -1).sum(axis=2, dtype=np.uint16)
    )  # the most goes here
    means = rows.reshape(len(crops), SIDE, SIDE, -1).sum(axis=3, dtype=np.float32) / np.float32(3 * block**2)
    return np.asarray(means)


def _edges(grey: Features) -> Features:
    """Histograms of the directions of edges in each cell of pictures [N, 32, 32], scaled by their surroundings."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(across, down)
    direction = np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS
    low = np.floor(direction).astype(np.int64)
    share = direction - low
    cells = SIDE // CELL
    cell = np.arange(SIDE) // CELL
    first = ((np.arange(len(grey))[:, None, None] * cells + cell[:, None]) * cells + cell) * DIRECTIONS
    votes = np.zeros(len(grey) * WIDTH)
    for number, weight in ((low, strength * (1 - share)), (low + 1, strength * share)):
        votes += np.bincount((first + number % DIRECTIONS).ravel(), weight.ravel(), len(votes))
    histograms = votes.reshape(len(grey), cells, cells, DIRECTIONS)
    energy = np.pad((histograms**2).sum(axis=3), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(energy[:, y : y + cells, x : x + cells] for y in range(3) for x in range(3))
    histograms /= np.sqrt(np.asarray(around) + 0.01)[..., None]
    return np.minimum(histograms, MAX_STRENGTH).reshape(len(grey), -1).astype(np.float32)
