"""Pictures of hands as numbers that tell their shapes apart: where their edges point. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handshape.files import let_go

SIDE, CELL, DIRECTIONS = 32, 4, 8  # pixels of the picture, pixels of a cell, directions of edges
MAX_STRENGTH = 0.3  # of a cell's strength that one direction may have
BATCH = 512  # pictures at a time

Features = npt.NDArray[np.float32]


def picture_features(crops: npt.NDArray[np.uint8], rows: Sequence[int] | None = None) -> Features:
    """The edges in crops of hands [N, S, S, 3], S at least 32: histograms of directions (Dalal and Triggs 2005).

    Args:
        crops: of hands.
        rows: which of them; None takes all.

    Returns:
        [n, 512] float32.
    """
    chosen = np.arange(len(crops)) if rows is None else np.asarray(rows, np.int64)
    side = crops.shape[1]
    block = side // SIDE
    margin = (side - block * SIDE) // 2
    found = [np.zeros((0, (SIDE // CELL) ** 2 * DIRECTIONS), np.float32)]
    for start in range(0, len(chosen), BATCH):
        inner = slice(margin, margin + block * SIDE)
        grey = crops[chosen[start : start + BATCH], inner, inner].mean(axis=3, dtype=np.float32)
        let_go(crops)
        small = grey.reshape(len(grey), SIDE, block, SIDE, block).mean(axis=(2, 4))
        found.append(_edges(small))
    return np.concatenate(found)


def _edges(grey: Features) -> Features:
    """Histograms of the directions of edges in each cell of pictures [N, 32, 32], scaled by their surroundings."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(across, down)
    direction = np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS
    low = np.floor(direction).astype(np.int64)
    share = direction - low
    cells = SIDE // CELL
    histograms = np.zeros((len(grey), cells, cells, DIRECTIONS), np.float32)
    for number in range(DIRECTIONS):
        votes = np.where(low % DIRECTIONS == number, 1 - share, 0) + np.where(
            (low + 1) % DIRECTIONS == number, share, 0
        )
        histograms[..., number] = (strength * votes).reshape(len(grey), cells, CELL, cells, CELL).sum(axis=(2, 4))
    energy = np.pad((histograms**2).sum(axis=3), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(energy[:, y : y + cells, x : x + cells] for y in range(3) for x in range(3))
    histograms /= np.sqrt(np.asarray(around) + 0.01)[..., None]
    return np.minimum(histograms, MAX_STRENGTH).reshape(len(grey), -1).astype(np.float32)
