import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.hands.palm import INPUT, PalmOutput, Palms, anchors, decode, fit, overlaps, suppress


def palm(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners, and seven key points along the box's diagonal."""
    diagonal = np.linspace((left, top), (right, bottom), 7)
    return np.concatenate([[[left, top], [right, bottom]], diagonal]).astype(np.float32)


@pytest.mark.parametrize(
    ("index", "cell", "stride"),
    [
        (0, (0, 0), 8),
        (1, (0, 0), 8),
        (2, (1, 0), 8),
        (48, (0, 1), 8),
        (1151, (23, 23), 8),
        (1152, (0, 0), 16),
        (1157, (0, 0), 16),
        (1158, (1, 0), 16),
        (1152 + 72, (0, 1), 16),
        (2015, (11, 11), 16),
    ],
)
def test_anchors_stand_in_the_middle_of_their_cells(index, cell, stride):
    assert anchors().shape == (2016, 2)
    assert anchors()[index] * INPUT == pytest.approx((np.array(cell) + 0.5) * stride)


def test_answers_are_relative_to_their_anchor():
    raw = np.zeros((1, 18), np.float32)
    raw[0, :4] = (19.2, -19.2, 38.4, 19.2)  # a tenth right and up; a fifth wide, a tenth high
    raw[0, -2:] = (96, 48)
    points = decode(raw, np.array([[0.5, 0.5]], np.float32))
    assert points.shape == (1, 9, 2)
    assert points[0, :2] == pytest.approx(np.array([[0.5, 0.35], [0.7, 0.45]]))
    assert points[0, 2] == pytest.approx((0.5, 0.5))
    assert points[0, 8] == pytest.approx((1.0, 0.75))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0),
        ((0, 0, 2, 2), (5, 5, 6, 6), 0),
        ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ],
)
def test_overlap(one, other, overlap):
    assert overlaps(palm(*one), palm(*other)[None])[0] == pytest.approx(overlap)


def test_overlapping_answers_become_one_weighted_by_score():
    points = np.stack([palm(4, 0, 14, 10), palm(100, 0, 110, 10), palm(0, 0, 10, 10)])
    merged, scores = suppress(points, np.array([0.6, 0.7, 0.9], np.float32))
    assert scores == pytest.approx([0.9, 0.7])
    assert merged[0] == pytest.approx(palm(1.6, 0, 11.6, 10), abs=1e-5)
    assert merged[1] == pytest.approx(palm(100, 0, 110, 10))


def test_nothing_stays_nothing():
    merged, scores = suppress(np.empty((0, 9, 2), np.float32), np.empty(0, np.float32))
    assert merged.shape == (0, 9, 2)
    assert Palms(merged, scores).hand_boxes() == []


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_what_is_left_overlaps_little_with_better_ones(seed, count):
    random = np.random.default_rng(seed)
    low = random.uniform(0, 1, (count, 2))
    high = low + random.uniform(0, 0.4, (count, 2))
    points = np.stack([palm(*corners) for corners in np.hstack([low, high])])
    scores = random.uniform(0.5, 1, count).astype(np.float32)
    merged, kept = suppress(points, scores)
    assert 1 <= len(merged) <= count
    assert list(kept) == sorted(kept, reverse=True)
    assert kept[0] == scores.max()
    assert merged.min() >= points.min() - 1e-5
    assert merged.max() <= points.max() + 1e-5


def test_palms_lie_among_the_middles_of_the_answers_that_they_are_made_of():
    random = np.random.default_rng(0)
    _, letterbox = fit(np.zeros((120, 160, 3), np.uint8), 1 / 3)
    raw = random.normal(0, 20, (40, 18)).astype(np.float32)
    output = PalmOutput(raw, random.uniform(0, 1, 40).astype(np.float32), anchors()[::50][:40], letterbox)
    middles, palms = output.middles(0.3), output.palms(0.3)
    assert len(middles) == np.sum(output.scores >= 0.3) >= len(palms.scores) > 0
    assert np.all(palms.middles >= middles.min(axis=0) - 1e-3)
    assert np.all(palms.middles <= middles.max(axis=0) + 1e-3)
    assert output.likely_boxes == output.palms().hand_boxes()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([0.0, 1 / 6, 1 / 3]), st.floats(0, 1), st.floats(0, 1))
def test_into_the_letterbox_and_back(width, height, margin, across, down):
    image = np.zeros((height, width, 3), np.uint8)
    square, letterbox = fit(image, margin)
    assert square.shape == (INPUT, INPUT, 3)
    point = np.array([across * width, down * height], np.float32)
    inside = (letterbox.start + point * letterbox.scale) / INPUT
    assert np.all((inside >= -0.01) & (inside <= 1.01))
    assert letterbox.to_image(inside) == pytest.approx(point, abs=1e-3 * max(width, height))


def test_the_letterbox_is_black_and_the_margin_goes_on_with_the_edge():
    image = np.full((100, 50, 3), 200, np.uint8)
    plain, _ = fit(image)
    assert plain[:, :48].max() == 0
    assert plain[:, 48:144].min() == 200
    widened, letterbox = fit(image, 1 / 3)
    assert widened[1:190, 50:142].min() == 200
    assert widened[:, :47].max() == 0
    assert letterbox.scale == pytest.approx([1.15, 1.15], abs=0.02)


@pytest.mark.parametrize(
    ("wrist", "knuckle", "degrees", "centre"),
    [((50, 60), (50, 40), 0, (50, 40)), ((40, 50), (60, 50), 90, (60, 50)), ((50, 40), (50, 60), 180, (50, 60))],
)
def test_the_hand_lies_where_the_palm_points(wrist, knuckle, degrees, centre):
    points = palm(40, 40, 60, 60)
    points[2], points[4] = wrist, knuckle
    (box,) = Palms(points[None], np.ones(1, np.float32)).hand_boxes()
    assert abs(math.degrees(box.angle)) == pytest.approx(degrees)
    assert (box.x, box.y) == pytest.approx(centre)
    assert (box.width, box.height) == pytest.approx((52, 52))
