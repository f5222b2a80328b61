import numpy as np
import pytest
from helpers import STILL
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.config import AugmentationSettings
from handshape.training.augment.affine import draw_affines, warp


def matrices(affines):
    full = np.concatenate([affines, np.ones((len(affines), 1))], axis=1).reshape(-1, 3, 3)
    return full.astype(np.float64)


def test_nothing_asked_nothing_moved():
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    affines = draw_affines(np.random.default_rng(1), 4, 32, AugmentationSettings(**STILL))
    np.testing.assert_array_equal(warp(images, affines), images)


def test_a_mirror_is_a_mirror():
    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    affines = draw_affines(np.random.default_rng(1), 64, 16, AugmentationSettings(**{**STILL, "horizontal_flip": True}))
    moved = warp(images, affines)
    mirrored = (moved == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (moved == images).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 10 < mirrored.sum() < 54


@settings(max_examples=25, deadline=None)
@given(
    angle=st.floats(0, 180),
    zoom=st.floats(0, 0.9),
    shift=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
)
def test_maps_stay_within_their_ranges(angle, zoom, shift, seed):
    options = AugmentationSettings(
        **{**STILL, "rotation_range": angle, "zoom_range": zoom, "width_shift_range": shift, "horizontal_flip": True}
    )
    size = 64
    maps = matrices(draw_affines(np.random.default_rng(seed), 50, size, options))
    scale = np.sqrt(np.abs(np.linalg.det(maps[:, :2, :2])))
    assert (scale >= 1 - zoom - 1e-5).all()
    assert (scale <= 1 + zoom + 1e-5).all()
    centre = np.array([(size - 1) / 2, (size - 1) / 2, 1])
    moved = maps @ centre - centre
    assert (np.abs(moved[:, 0]) <= shift * size + 1e-3).all()
    assert (np.abs(moved[:, 1]) <= 1e-3).all()


def test_the_border_repeats():
    images = np.full((1, 16, 16, 3), 200, np.uint8)
    options = AugmentationSettings(**{**STILL, "width_shift_range": 0.9})
    moved = warp(images, draw_affines(np.random.default_rng(3), 1, 16, options))
    assert (moved == 200).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides(seed):
    options = AugmentationSettings()
    first, again, other = (draw_affines(np.random.default_rng(s), 5, 128, options) for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
