import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.hands.boxes import Box, Picture, carry_on, cut, square_around, upward

HEIGHT, WIDTH = 90, 120
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
RAMP = np.stack([X * 2, Y * 2, X + Y], axis=-1).astype(np.uint8)  # a pixel's colour says where it is


def ramp_at(points: np.ndarray) -> np.ndarray:
    """Colours of RAMP at points [..., 2], its edges going on."""
    x, y = np.moveaxis(np.clip(points - 0.5, 0, (WIDTH - 1, HEIGHT - 1)), -1, 0)
    return np.stack([x * 2, y * 2, x + y], axis=-1)


def centres(box: Box, size: int) -> np.ndarray:
    shares = (np.arange(size) + 0.5) / size
    grid = np.stack(np.meshgrid(shares, shares), axis=-1).reshape(-1, 2)
    return box.to_image(grid).reshape(size, size, 2)


@pytest.mark.parametrize(
    ("end", "degrees"),
    [((0, -1), 0), ((1, 0), 90), ((-1, 0), -90), ((0, 1), 180), ((1, -1), 45), ((-1, -1), -45), ((-1, 1), -135)],
)
def test_the_angle_of_what_points_somewhere(end, degrees):
    angle = upward(np.array([10.0, 20.0]), np.array([10.0, 20.0]) + end)
    assert math.degrees(angle) % 360 == pytest.approx(degrees % 360)
    assert -math.pi <= angle <= math.pi


def test_corners_of_a_box_turned_by_a_quarter():
    box = Box(50, 40, 20, 10, math.pi / 2)  # clockwise: its upper side now looks to the right
    corners = box.to_image(np.array([[0, 0], [1, 0], [0.5, 0.5], [0.5, 0]]))
    assert corners == pytest.approx(np.array([[55, 30], [55, 50], [50, 40], [55, 40]]), abs=1e-4)


@given(st.floats(-3.1, 3.1), st.floats(1, 3), st.integers(0, 100))
def test_the_square_around_points_holds_them(angle, scale, seed):
    points = np.random.default_rng(seed).uniform(-50, 200, (21, 2)).astype(np.float32)
    box = square_around(points, angle, scale)
    cos, sin = math.cos(angle), math.sin(angle)
    inside = (points - (box.x, box.y)) @ np.array([[cos, -sin], [sin, cos]])
    assert np.abs(inside).max() == pytest.approx(box.width / 2 / scale, rel=1e-3)
    moved = square_around(points, angle, scale, shift=-0.5)
    step = np.array([moved.x - box.x, moved.y - box.y])
    assert step @ (cos, sin) == pytest.approx(0, abs=1e-3)
    assert step @ (-sin, cos) < 0  # up, as the box sees it


def test_the_upright_crop_of_the_whole_is_the_whole():
    square = RAMP[:, :HEIGHT]
    assert np.array_equal(cut(np.ascontiguousarray(square), Box(45, 45, 90, 90, 0.0), 90), square)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(-300, 400),
    st.floats(-300, 400),
    st.floats(1, 800),
    st.floats(-math.pi, math.pi),
    st.sampled_from([8, 33]),
)
def test_a_crop_shows_what_lies_under_it(x, y, side, angle, size):
    box = Box(x, y, side, side, angle)
    crop = cut(RAMP, box, size)
    assert crop.shape == (size, size, 3)
    assert np.array_equal(cut(Picture(RAMP), box, size), crop)
    tolerance = 2 + 2 * max(1, int(side / size))  # averaged pixels reach over the edge
    assert np.abs(crop - ramp_at(centres(box, size))).max() <= tolerance


def test_a_far_smaller_crop_averages():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = cut(stripes, Box(128, 128, 256, 256, 0.3), 32)[8:24, 8:24]
    assert crop.min() > 110
    assert crop.max() < 145


@given(st.integers(1, 9), st.integers(1, 9), st.tuples(*[st.integers(0, 12)] * 4))
def test_edges_go_on_and_what_stands_over_is_left_out(height, width, margins):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    top, left, *room = margins
    expected = np.pad(image, ((top, 12), (left, 12), (0, 0)), mode="edge")[: top + room[0] + 1, : left + room[1] + 1]
    into = np.zeros_like(expected)
    carry_on(image, into, top, left)
    assert np.array_equal(into, expected)


@pytest.mark.parametrize(
    ("other", "change"),
    [
        (Box(50, 40, 20, 20, 3.1), 0),
        (Box(53, 44, 20, 20, 3.1), 0.25),
        (Box(50, 40, 30, 30, 3.1), 0.5),
        (Box(50, 40, 10, 10, 3.1), 0.5),
        (Box(50, 40, 20, 20, -3.1), 2 * math.pi - 6.2),
        (Box(51, 40, 21, 21, 2.9), 0.2),
    ],
)
def test_how_much_another_box_differs(other, change):
    assert Box(50, 40, 20, 20, 3.1).change_to(other) == pytest.approx(change)


@pytest.mark.parametrize(
    ("box", "is_inside"),
    [
        (Box(60, 45, 40, 40, 0), True),
        (Box(60, 45, 400, 400, 0), True),
        (Box(-1, 45, 40, 40, 0), False),
        (Box(60, 90, 40, 40, 0), False),
        (Box(60, 45, 0.5, 0.5, 0), False),
        (Box(60, 45, 10_000, 10_000, 0), False),
        (Box(math.nan, 45, 40, 40, 0), False),
        (Box(60, 45, math.inf, math.inf, 0), False),
    ],
)
def test_boxes_that_cannot_hold_a_hand(box, is_inside):
    assert box.is_inside(RAMP) is is_inside
