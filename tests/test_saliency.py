"""Where the classifier looked, and how that lies over a photograph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.explain.saliency import (
    CELL_OFFSET,
    _moved,
    class_activation,
    enlarge,
    heat_colors,
    onto_photograph,
    overlay,
    whole_box,
)
from handshape.hands.boxes import Box, cut

WEIGHTS = np.array([1.0, -1.0, 0.5], np.float32)


def cell(row: int, column: int, size: int = 4) -> np.ndarray:
    """A map of which one cell is hot."""
    heat = np.zeros((size, size), np.float32)
    heat[row, column] = 1
    return heat


def test_activation_is_the_dense_weights_over_the_feature_map():
    features = np.array([[[2, 0, 0], [0, 2, 0]], [[1, 0, 2], [0, 0, 1]]], np.float32)  # 2, -2 / 2, 0.5
    np.testing.assert_allclose(class_activation(features, WEIGHTS), [[1, 0], [1, 0.25]])


def test_activation_is_nothing_where_nothing_speaks_for_the_class():
    features = np.ones((3, 5, 3), np.float16)
    heat = class_activation(features, -np.ones(3))
    assert heat.shape == (3, 5) and heat.dtype == np.float32 and not heat.any()


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_activation_does_not_depend_on_the_scale(scale: float, seed: int):
    features = np.random.default_rng(seed).random((4, 4, 3))
    heat = class_activation(features, WEIGHTS)
    assert heat.min() >= 0 and heat.max() == pytest.approx(1)
    np.testing.assert_allclose(class_activation(features * scale, WEIGHTS), heat, atol=1e-5)


@pytest.mark.parametrize(("features", "weights"), [((4, 4), (3,)), ((4, 4, 3), (4,)), ((1, 4, 4, 3), (3,))])
def test_activation_refuses_other_shapes(features: tuple[int, ...], weights: tuple[int, ...]):
    with pytest.raises(ValueError, match="Need features"):
        class_activation(np.zeros(features), np.zeros(weights))


@pytest.mark.parametrize("heat", [np.ones((4, 4)), np.full((7, 3), 0.3), np.zeros((4, 4))])
def test_even_heat_stays_even(heat: np.ndarray):
    np.testing.assert_allclose(enlarge(heat, 50), heat[0, 0], atol=1e-5)


@pytest.mark.parametrize(("row", "column"), [(1, 1), (1, 2), (2, 1)])
def test_the_strongest_place_stays_where_its_cell_looks(row: int, column: int):
    smooth = enlarge(cell(row, column), 400)
    assert smooth.max() == pytest.approx(1) and smooth.min() >= 0
    places = np.array(np.unravel_index(smooth.argmax(), smooth.shape)) + 0.5
    np.testing.assert_allclose(places, (np.array([row, column]) + 0.5 + CELL_OFFSET) * 100, atol=2)


@settings(max_examples=25, deadline=None)
@given(
    x=st.floats(80, 220),
    y=st.floats(80, 120),
    side=st.floats(40, 110),
    angle=st.floats(-3.1, 3.1),
    seed=st.integers(0, 9),
)
def test_heat_lies_where_the_crop_was_cut(x: float, y: float, side: float, angle: float, seed: int):
    """Cutting the crop's box out of the laid heat gives the crop's heat back."""
    heat = np.random.default_rng(seed).random((4, 4)).astype(np.float32)
    box = Box(x, y, side, side, angle)
    laid = onto_photograph(heat, box, 200, 300)
    assert laid.shape == (200, 300)
    again = cut(np.repeat(np.rint(laid * 255).astype(np.uint8)[..., None], 3, axis=2), box, 64)[..., 0] / 255
    inside = slice(8, -8)  # the border is half outside
    np.testing.assert_allclose(again[inside, inside], enlarge(heat, 64)[inside, inside], atol=0.08)
    rows, columns = np.nonzero(laid)
    reach = side / np.sqrt(2) + 2
    assert np.hypot(columns + 0.5 - x, rows + 0.5 - y).max() <= reach


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (Box(150, 100, 90, 90, 0.0), Box(150, 100, 90, 90, 0.0)),
        (Box(140, 100, 110, 110, 0.4), Box(150, 95, 80, 80, 0.4)),
        (Box(150, 110, 100, 100, -3.0), Box(145, 100, 70, 70, 2.9)),
        (Box(150, 100, 60, 60, 1.2), Box(155, 90, 120, 120, -0.8)),
    ],
)
def test_heat_of_one_square_lies_in_another_as_in_the_photograph(seen: Box, shown: Box):
    heat = enlarge(np.random.default_rng(1).random((7, 7)).astype(np.float32), 256)
    laid = onto_photograph(heat, seen, 200, 300)
    again = onto_photograph(_moved(heat, seen, shown), shown, 200, 300)
    inside = onto_photograph(np.ones((7, 7), np.float32), shown, 200, 300) > 0.99
    assert inside.sum() > 1000
    assert np.abs(again - laid)[inside].mean() < 0.02


def test_a_whole_photograph_is_a_padded_square():
    wide = np.zeros((100, 200, 3), np.uint8)
    assert whole_box(wide) == Box(100, 50, 200, 200, 0)
    laid = onto_photograph(cell(0, 1), whole_box(wide), 100, 200)  # the upper quarter of the square is padding
    assert laid[0].max() > laid[50].max()


def test_without_heat_the_photograph_keeps_its_brightness():
    photograph = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    shown = overlay(photograph, np.zeros((40, 30), np.float32))
    weights = [0.299, 0.587, 0.114]
    np.testing.assert_allclose(shown @ weights, photograph @ weights, atol=1)


def test_the_photograph_shows_through_the_strongest_heat():
    halves = np.zeros((10, 20, 3), np.uint8)
    halves[:, 10:] = 255
    shown = overlay(halves, np.ones((10, 20), np.float32)).astype(int)
    assert (shown[0, 19] - shown[0, 0]).min() > 50
    assert shown[0, 0, 0] > shown[0, 0, 2] + 20  # and is yellow


def test_colours_grow_lighter_in_even_steps():
    colors = heat_colors() / 255
    light = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = light @ [0.2126, 0.7152, 0.0722]
    lightness = np.cbrt(luminance)
    steps = np.diff(lightness[::15])
    assert colors.shape == (256, 3) and np.diff(luminance[::3]).min() > 0
    assert steps.max() < 1.6 * steps.min()
