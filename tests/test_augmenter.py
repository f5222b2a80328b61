"""Views of training images: only hands get other rooms and other light, and the hand stays what it is."""

import numpy as np
import pytest

pytest.importorskip("keras")

from helpers import SIZE, STILL

from handshape.config import AugmentationSettings
from handshape.hands.boxes import Box
from handshape.hands.crops import crop_box, points_in_crops
from handshape.hands.geometry import right_hand
from handshape.hands.known_hands import load_known_hands
from handshape.hands.landmarks import Hand
from handshape.training.augment import Augmenter
from handshape.training.augment.background import augment_background, hand_mask
from handshape.training.augment.light import augment_light


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """Six hands, and six images without one."""
    return points_in_crops(np.concatenate([load_known_hands()[0][::200][:6], np.zeros((6, 21, 6), np.float32)]), SIZE)


@pytest.mark.parametrize("handedness", ["Right", "Left"])
def test_landmarks_are_placed_in_the_crop_that_is_shown(handedness):
    known = load_known_hands()[0][5]
    hand = Hand(Box(0, 0, 1, 1, 0), known[:, :3] + np.float32((40, 60, 0)), known[:, 3:], handedness, 0.9, 0.9)
    box = crop_box(hand)
    placed = points_in_crops(right_hand(hand.landmarks, hand.world, handedness == "Left")[None], SIZE)[0]
    if handedness == "Left":
        placed = (SIZE, 0) + placed * (-1, 1)  # its crop is shown in a mirror
    np.testing.assert_allclose(box.to_image(placed / SIZE), hand.landmarks[:, :2], atol=1e-2)


def test_a_mask_covers_the_hand_and_leaves_the_room(points):
    for hand in points[:6]:
        mask = hand_mask(hand, SIZE)
        inside = hand.round().astype(int).clip(0, SIZE - 1)
        assert (mask[inside[:, 1], inside[:, 0]] > 127).all()
        assert 0.1 < (mask > 127).mean() < 0.8
        assert mask[0, [0, -1]].max() < 127  # the fingers' side of the crop


def test_the_hand_stays_before_another_background(images, points):
    changed = augment_background(images, points, images, np.random.default_rng(0))
    np.testing.assert_array_equal(changed[6:], images[6:])
    altered = [row for row in range(6) if not np.array_equal(changed[row], images[row])]
    assert 2 <= len(altered) <= 6
    for row in altered:
        mask = hand_mask(points[row], SIZE)
        np.testing.assert_array_equal(changed[row][mask == 255], images[row][mask == 255])
        assert np.abs(changed[row][mask == 0].astype(int) - images[row][mask == 0]).mean() > 20


def test_other_light_keeps_what_is_shown():
    ramp = np.repeat(np.linspace(40, 200, SIZE, dtype=np.uint8)[None, :, None], SIZE, axis=0).repeat(3, axis=2)
    lit = augment_light(np.stack([ramp] * 40), np.random.default_rng(0))
    assert lit.dtype == np.uint8
    assert np.ptp(lit.mean(axis=(1, 2, 3))) > 40  # bright and dark rooms
    for each in lit:
        columns = each.mean(axis=(0, 2))
        assert np.corrcoef(columns, ramp[0, :, 0])[0, 1] > 0.9
    assert augment_light(lit[:0], np.random.default_rng(0)).shape == (0, SIZE, SIZE, 3)


def test_images_without_a_hand_are_only_moved(images, points):
    views = Augmenter(images, points, AugmentationSettings(**STILL))
    drawn = views.draw(np.arange(12), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[6:], images[6:])
    assert all(not np.array_equal(drawn[row], images[row]) for row in range(6))
    np.testing.assert_array_equal(drawn, views.draw(np.arange(12), np.random.default_rng(0)))


def test_both_can_be_turned_off(images, points):
    views = Augmenter(images, points, AugmentationSettings(**STILL, background=False, light=False))
    np.testing.assert_array_equal(views.draw(np.arange(12), np.random.default_rng(0)), images)


def test_found_hands_are_never_mirrored(images, points):
    still = AugmentationSettings(**STILL | {"horizontal_flip": True}, background=False, light=False)
    drawn = Augmenter(images, points, still).draw(np.arange(12), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[:6], images[:6])
    mirrored = (drawn[6:] == images[6:, :, ::-1]).all(axis=(1, 2, 3))
    assert 0 < mirrored.sum() < 6
