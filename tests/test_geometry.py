"""Landmarks as numbers: what must not matter does not, and variations stay hands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.hands import geometry
from handshape.hands.geometry import BONES, KNUCKLES, augment_landmarks, hand_size, right_hand, shape_features
from handshape.hands.known_hands import load_known_hands

IMAGE, WORLD = slice(0, 3), slice(3, 6)


@pytest.fixture(scope="module")
def hands() -> np.ndarray:
    return load_known_hands()[0][::40]


@pytest.fixture
def nothing_varies(monkeypatch):
    """Each test lets one thing vary again."""
    for name, value in (("TURN", 0.0), ("STRETCH", 0.0), ("DEPTH", (1, 1)), ("NOISE", 0.0)):
        monkeypatch.setattr(geometry, name, value)
    return monkeypatch


def bones(hands: np.ndarray) -> np.ndarray:
    """From joint to joint, [N, 20, 3]."""
    starts, ends = np.transpose(BONES)
    return hands[:, ends] - hands[:, starts]


def cosines(hands: np.ndarray) -> np.ndarray:
    """Between every two bones of each hand, [N, 20, 20]."""
    directions = bones(hands) / np.linalg.norm(bones(hands), axis=2, keepdims=True)
    return directions @ directions.swapaxes(1, 2)


@settings(max_examples=30, deadline=None)
@given(
    step=st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
    factor=st.floats(0.2, 8),
    metres=st.floats(0.5, 2),
)
def test_place_and_size_do_not_matter(hands, step, factor, metres):
    moved = hands.copy()
    moved[:, :, IMAGE] *= factor
    moved[:, :, :2] += step
    moved[:, :, WORLD] *= metres
    np.testing.assert_allclose(shape_features(moved), shape_features(hands), atol=5e-3)


def test_a_left_hand_is_a_right_one_in_a_mirror(hands):
    for hand in hands:
        mirrored = hand * (-1, 1, 1, -1, 1, 1) + (640, 0, 0, 0, 0, 0)
        left = right_hand(mirrored[:, IMAGE], mirrored[:, WORLD], is_left=True)
        right = right_hand(hand[:, IMAGE], hand[:, WORLD], is_left=False)
        assert left.dtype == right.dtype == np.float32
        np.testing.assert_allclose(shape_features(left[None]), shape_features(right[None]), atol=1e-3)
        as_right = right_hand(mirrored[:, IMAGE], mirrored[:, WORLD], is_left=False)
        assert np.abs(shape_features(as_right[None]) - shape_features(right[None])).max() > 0.1


def test_features_have_the_documented_shape(hands):
    features = shape_features(hands)
    assert features.shape == (len(hands), 666)
    assert features.dtype == np.float32
    assert len(np.unique(features.round(4), axis=0)) == len(hands)


def test_no_hand_gives_finite_numbers():
    assert np.isfinite(shape_features(np.zeros((2, 21, 6), np.float32))).all()
    assert hand_size(np.zeros((2, 21, 6), np.float32)).max() < 1e-5


def test_the_size_of_a_hand():
    hand = np.zeros((1, 21, 6), np.float32)
    hand[0, :, :2] = (100, 200)
    hand[0, KNUCKLES, 0] += (-20, -10, 10, 20)
    hand[0, KNUCKLES, 1] -= 50
    assert hand_size(hand) == pytest.approx(50)


def test_in_a_model_it_is_the_same(hands):
    ops = pytest.importorskip("keras").ops
    for function in (shape_features, hand_size):
        np.testing.assert_allclose(np.asarray(function(hands, ops)), function(hands), atol=1e-5, rtol=1e-5)


def test_its_slope_is_finite_without_a_hand():
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the slope is asked of TensorFlow")
    nothing = tf.zeros((1, 21, 6))
    with tf.GradientTape() as tape:
        tape.watch(nothing)
        total = tf.reduce_sum(shape_features(nothing, keras.ops))
    assert np.isfinite(tape.gradient(total, nothing).numpy()).all()


def test_variations_are_hands_of_the_same_kind(hands):
    varied = augment_landmarks(hands, np.random.default_rng(0))
    assert varied.shape == hands.shape
    assert varied.dtype == np.float32
    for part in (IMAGE, WORLD):
        size = np.linalg.norm(varied[:, KNUCKLES, part].mean(axis=1) - varied[:, 0, part], axis=1)
        before = np.linalg.norm(hands[:, KNUCKLES, part].mean(axis=1) - hands[:, 0, part], axis=1)
        assert ((size / before > 0.5) & (size / before < 1.5)).all()
    assert np.median(np.abs(cosines(varied[:, :, WORLD]) - cosines(hands[:, :, WORLD]))) < 0.15


def test_only_the_generator_decides(hands):
    one, same, other = (augment_landmarks(hands, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other, atol=1)
    twins = augment_landmarks(np.repeat(hands[:1], 2, axis=0), np.random.default_rng(0))
    assert not np.allclose(twins[0], twins[1], atol=1)


def test_without_variation_only_the_wrist_moves(hands, nothing_varies):
    np.testing.assert_allclose(augment_landmarks(hands, np.random.default_rng(0)), hands - hands[:, :1], atol=1e-3)


def test_a_turn_is_a_rotation_of_both_kinds_of_landmarks(hands, nothing_varies):
    nothing_varies.setattr(geometry, "TURN", 25.0)
    varied = augment_landmarks(hands, np.random.default_rng(0))
    for hand, turned in zip(hands, varied, strict=True):
        turns = [np.linalg.lstsq(bones(hand[None, :, p])[0], bones(turned[None, :, p])[0])[0] for p in (IMAGE, WORLD)]
        np.testing.assert_allclose(*turns, atol=1e-3)
        np.testing.assert_allclose(turns[0] @ turns[0].T, np.eye(3), atol=1e-3)
        assert np.linalg.det(turns[0]) == pytest.approx(1, abs=1e-3)  # not a mirror
        degrees = np.rad2deg(np.arccos((np.trace(turns[0]) - 1) / 2))
        assert degrees <= 25 * np.sqrt(3)


def test_other_bones_keep_their_directions(hands, nothing_varies):
    nothing_varies.setattr(geometry, "STRETCH", 0.15)
    varied = augment_landmarks(hands, np.random.default_rng(0))
    for part in (IMAGE, WORLD):
        before, after = bones(hands[:, :, part]), bones(varied[:, :, part])
        ratios = np.linalg.norm(after, axis=2) / np.linalg.norm(before, axis=2)
        assert ratios.min() > 0.849
        assert ratios.max() < 1.151
        assert np.ptp(ratios) > 0.2
        np.testing.assert_allclose(after, before * ratios[:, :, None], atol=1e-2)
