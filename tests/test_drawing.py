"""A photograph with its hand, its heat and its caption."""

from __future__ import annotations

import numpy as np
import pytest

from handshape.explain.drawing import MAX_SIDE, MIN_SIDE, Caption, draw_explanation, draw_heat, draw_landmarks
from handshape.hands.boxes import Box
from handshape.hands.landmarks import Hand

CAPTION = Caption("B", 0.97, (("B", 0.97), ("D", 0.02)))
HEAT = np.eye(4, dtype=np.float32)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 120, np.uint8)


def hand_in(side: float) -> Hand:
    """A hand whose landmarks stand in a grid in the middle of a square photograph."""
    numbers = np.arange(21)
    x, y = side * (0.3 + 0.1 * (numbers % 5)), side * (0.7 - 0.1 * (numbers // 5))
    landmarks = np.stack([x, y, np.zeros(21)], axis=1).astype(np.float32)
    box = Box(side / 2, side / 2, side * 0.8, side * 0.8, 0.0)
    return Hand(box, landmarks, np.zeros((21, 3), np.float32), "Right", 0.9, 0.99)


@pytest.mark.parametrize(
    ("height", "width"), [(100, 100), (176, 132), (480, 640), (3000, 4000), (1, 1), (20, 900), (900, 20)]
)
def test_any_photograph_becomes_a_picture_of_a_comfortable_size(height: int, width: int):
    picture = draw_explanation(grey(height, width), None, HEAT, CAPTION)
    longest = min(max(height, width, MIN_SIDE), MAX_SIDE)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert MIN_SIDE <= picture.shape[1] <= longest + 40
    assert picture.shape[0] > longest * height / max(height, width)


def test_hand_and_heat_stand_side_by_side():
    photograph, hand = grey(200, 200), hand_in(200)
    both, one, none = (
        draw_explanation(photograph, *parts, CAPTION) for parts in ((hand, HEAT), (hand, None), (None, None))
    )
    assert both.shape[1] > 1.9 * one.shape[1]
    assert one.shape == none.shape and (one != none).any()


def test_landmarks_are_drawn_where_they_are():
    photograph, hand = grey(600, 600), hand_in(600)
    drawn = draw_landmarks(photograph, hand)
    for number, color in ((0, (255, 255, 255)), (4, (230, 159, 0)), (8, (86, 180, 233)), (20, (229, 139, 189))):
        x, y = hand.landmarks[number, :2].astype(int)
        np.testing.assert_allclose(drawn[y, x], color, atol=3)
    assert (drawn[:100] == 120).all() and (drawn[:, 550:] == 120).all()


def test_a_small_photograph_shows_its_landmarks_at_the_same_place():
    """The hand is scaled with the photograph."""
    small, large = (draw_explanation(grey(side, side), hand_in(side), None, CAPTION) for side in (60, 480))
    assert small.shape == large.shape
    assert np.abs(small.astype(int) - large).mean() < 0.5


def test_heat_stays_inside_its_box_whose_border_is_drawn():
    shown = draw_heat(grey(300, 300), np.ones((4, 4), np.float32), Box(150, 150, 100, 100, 0.0))
    assert (shown[:80] == 120).all() and (shown[:, :80] == 120).all()
    assert shown[150, 150, 0] > shown[150, 150, 2] + 50
    assert shown[150, 100].min() > 180


@pytest.mark.parametrize("label", ["unknown", "no hand", "Ärger", "안녕", "<b>", "a" * 300, "$x_1$", " two\nlines "])
def test_any_decision_can_be_written(label: str):
    captions = (CAPTION, Caption(label, 0.4, ((label, 0.4), ("B", 0.3))))
    usual, other = (draw_explanation(grey(100, 100), None, HEAT, caption) for caption in captions)
    assert usual.shape == other.shape and (usual != other).any()
    assert (other[:, -4:] == 255).all()  # nothing runs over the edge


def test_only_certainty_is_written_as_all():
    pictures = [draw_explanation(grey(100, 100), None, None, Caption("B", share)) for share in (0.999, 0.99999, 1)]
    assert (pictures[0] == pictures[1]).all() and (pictures[1] != pictures[2]).any()
