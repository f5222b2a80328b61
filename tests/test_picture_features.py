"""Edges in pictures of hands: where they point, whatever the size of the crop and wherever the crops are kept."""

from pathlib import Path

import numpy as np
import pytest

from handshape.data import store
from handshape.data.picture_features import DIRECTIONS, WIDTH, picture_features

Crops = np.ndarray


def ramps(side: int) -> Crops:
    """Crops that grow brighter to the right, downwards, and towards the lower right; the last has no edges."""
    down, across = np.mgrid[:side, :side] / side
    greys = np.stack([across, down, (across + down) / 2, np.full((side, side), 0.5)])
    return (255 * greys[..., None].repeat(3, axis=3)).astype(np.uint8)


@pytest.mark.parametrize("side", [32, 64, 70, 101, 224])
def test_edges_point_where_they_point(side: int) -> None:
    features = picture_features(ramps(side))
    assert features.shape == (4, WIDTH) and features.dtype == np.float32
    by_cell = features.reshape(4, -1, DIRECTIONS)
    for picture, direction in enumerate([0, DIRECTIONS // 2, DIRECTIONS // 4]):
        assert set(by_cell[picture].argmax(axis=1)) == {direction}
    assert not by_cell[3].any()


def test_many_pictures_lie_in_a_file_and_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (150, 40, 40, 3), np.uint8)
    crops.tofile(tmp_path / "crops.raw")
    mapped = np.memmap(tmp_path / "crops.raw", np.uint8, "r", shape=crops.shape)
    expected = picture_features(crops)
    monkeypatch.setattr(store, "MEMORY_LIMIT", 0)
    found = picture_features(mapped)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(picture_features(mapped, [149, 3]), expected[[149, 3]])
    assert picture_features(mapped, []).shape == (0, WIDTH)
