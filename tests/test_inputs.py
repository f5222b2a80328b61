"""What a classifier is given of a photograph."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded, hand_at, square_of
from PIL import Image

from handshape.errors import ImageError
from handshape.hands.inputs import (
    LARGE,
    Inputs,
    Photograph,
    enough_pixels,
    load_photograph,
    view_of,
    whole_images,
    with_hands,
)
from handshape.hands.landmarks import FEATURES, Hand
from handshape.images import Pixels, read_image, to_square

HAND = hand_at(60, 30, 90)
WIDTH, HEIGHT = 200, 160


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    """Without a symmetry, and smooth enough to be resampled."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    bands = (127 + 100 * np.sin(x / 9), y * 1.5, 60 + 0.4 * x + 0.3 * y)
    return np.stack(bands, axis=2).clip(0, 255).astype(np.uint8)


def mirrored(hand: Hand) -> Hand:
    """The hand in the mirrored photograph."""
    flip = np.float32((-1, 1, 1))
    landmarks = hand.landmarks * flip + np.float32((WIDTH, 0, 0))
    return replace(hand, landmarks=landmarks, world=hand.world * flip, handedness="Left")


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def test_a_left_hand_is_shown_as_a_right_one(pixels):
    photograph = Photograph(pixels)
    view, other = view_of(photograph, HAND, 64), view_of(photograph.mirrored(), mirrored(HAND), 64)
    assert view.shape == other.shape == (64, 64, 3)
    assert view.dtype == np.uint8
    assert difference(view, other) < 2
    assert difference(view[:, ::-1], other) > 10


def test_a_photograph_is_described(pixels, tmp_path):
    content = encoded(pixels, "PNG")
    (tmp_path / "photo.jpg").write_bytes(content)
    for source in (tmp_path / "photo.jpg", content):
        photograph = load_photograph(source)
        np.testing.assert_array_equal(photograph.pixels, pixels)
        assert (photograph.scale, photograph.format, photograph.shorter_side) == (1, "PNG", HEIGHT)
        assert photograph.digest == hashlib.sha256(content).digest()


def test_a_mirror_makes_another_photograph_of_it(pixels):
    photograph = load_photograph(encoded(pixels, "PNG"))
    mirror = photograph.mirrored()
    np.testing.assert_array_equal(mirror.pixels, pixels[:, ::-1])
    assert len({photograph.digest, mirror.digest, mirror.mirrored().digest}) == 3
    assert len(mirror.digest) == 32
    assert (mirror.scale, mirror.format, mirror.shorter_side) == (1, "PNG", HEIGHT)


def test_the_whole_photograph_where_there_is_no_hand(pixels, tmp_path):
    (tmp_path / "photo.png").write_bytes(encoded(pixels, "PNG"))
    for source in (tmp_path / "photo.png", encoded(pixels, "PNG")):
        np.testing.assert_array_equal(square_of(source, 96), to_square(read_image(source), 96))


def test_a_hand_is_cut_out_wherever_the_photograph_comes_from(pixels, tmp_path):
    content = encoded(pixels, "PNG")
    (tmp_path / "photo.png").write_bytes(content)
    expected = view_of(Photograph(pixels), HAND, 96)
    for source in (content, tmp_path / "photo.png"):
        np.testing.assert_array_equal(view_of(load_photograph(source), HAND, 96), expected)
    assert difference(expected, square_of(content, 96)) > 10


def test_large_photographs_are_decoded_smaller_and_shown_alike(pixels):
    large = np.asarray(Image.fromarray(pixels).resize((5000, 4000), Image.Resampling.BICUBIC))
    photograph = load_photograph(encoded(large, "JPEG", quality=95))
    assert photograph.pixels.shape == (2000, 2500, 3)  # a quarter would be less than enough
    assert min(photograph.pixels.shape[:2]) >= LARGE
    assert (photograph.scale, photograph.shorter_side) == (2, 4000)
    view = view_of(photograph, HAND.scaled(25), 96)
    assert difference(view, view_of(Photograph(pixels), HAND, 96)) < 3


@pytest.mark.parametrize(("kind", "size"), [("PNG", (2500, 10)), ("JPEG", (300, 200)), ("JPEG", (1500, 900))])
def test_other_photographs_keep_their_size(kind, size):
    photograph = load_photograph(encoded(np.zeros((*size[::-1], 3), np.uint8), kind))
    assert photograph.pixels.shape[1::-1] == size
    assert (photograph.scale, photograph.shorter_side) == (1, min(size))


@pytest.mark.parametrize(("size", "finds_hands", "side"), [(96, True, LARGE), (96, False, 192), (600, False, 1200)])
def test_whole_images_need_few_pixels(size, finds_hands, side):
    assert enough_pixels(size, finds_hands) == side


def test_the_scale_is_that_of_the_upright_photograph(pixels):
    large = Image.fromarray(pixels).resize((5000, 4000))
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph = load_photograph(encoded(large, "JPEG", exif=exif))
    assert photograph.pixels.shape == (2500, 2000, 3)
    assert photograph.scale == 2


@pytest.mark.parametrize("source", [b"no photograph", Path("absent.jpg")])
def test_what_is_no_photograph_is_refused(source):
    with pytest.raises(ImageError):
        load_photograph(source)


def test_inputs_of_hands():
    hand, left = HAND, mirrored(HAND)
    inputs = with_hands(np.zeros((3, 8, 8, 3), np.uint8), [hand, None, left])
    assert (inputs.landmarks.shape, inputs.landmarks.dtype) == ((3, 21, 6), np.float32)
    assert (inputs.hand_present.shape, inputs.hand_present.dtype) == ((3, 1), np.float32)
    assert inputs.found.tolist() == [True, False, True]
    np.testing.assert_array_equal(inputs.landmarks[0], np.hstack([hand.landmarks, hand.world]))
    assert not inputs.landmarks[1].any()
    np.testing.assert_array_equal(inputs.landmarks[2], np.hstack([left.landmarks, left.world]) * (-1, 1, 1, -1, 1, 1))
    none = with_hands(np.zeros((0, 8, 8, 3), np.uint8), [])
    assert len(none) == 0
    assert none.hand_features.shape == (0, *FEATURES)


def test_features_come_with_the_hands_or_apart_from_them():
    images, seen = np.zeros((3, 8, 8, 3), np.uint8), np.random.default_rng(0).normal(size=FEATURES).astype(np.float16)
    hands = [None, replace(HAND, features=seen), None]
    inputs = with_hands(images, hands)
    assert inputs.hand_features.dtype == np.float16
    np.testing.assert_array_equal(inputs.hand_features[1], seen)
    assert not inputs.hand_features[[0, 2]].any()
    apart = inputs.hand_features.copy()
    assert with_hands(images, [None, HAND, None], apart).hand_features is apart


def test_whole_images_show_no_hand():
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    inputs = whole_images(images)
    assert inputs.image is images
    assert not inputs.found.any()
    assert not inputs.landmarks.any()
    assert inputs.hand_features.shape == (2, *FEATURES)
    assert not inputs.hand_features.any()


def test_each_network_is_given_what_it_takes():
    inputs = with_hands(np.zeros((2, 8, 8, 3), np.uint8), [HAND, None])
    assert inputs.by_channels((3,))[0] is inputs.image
    shapes = {3: (2, 8, 8, 3), 6: (2, 21, 6), 1: (2, 1), 192: (2, *FEATURES)}
    for channels in ((3, 6, 1, 192), (192, 3, 6, 1), (1, 6), (192, 6, 1)):
        assert [values.shape for values in inputs.by_channels(channels)] == [shapes[each] for each in channels]


@pytest.mark.parametrize("part", [slice(1, 3), np.array([2, 1]), np.array([False, True, True, False])])
def test_a_part_of_the_inputs_stays_together(part):
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=3)
    seen = replace(HAND, features=np.ones(FEATURES, np.float16))
    inputs = with_hands(images, [None, seen, None, seen])
    chosen: Inputs = inputs[part]
    rows = np.arange(4)[part]
    assert len(chosen) == 2
    assert chosen.image[:, 0, 0, 0].tolist() == rows.tolist()
    assert chosen.found.tolist() == (rows % 2 == 1).tolist()
    np.testing.assert_array_equal(chosen.landmarks.any(axis=(1, 2)), chosen.found)
    np.testing.assert_array_equal(chosen.hand_features.all(axis=(1, 2, 3)), chosen.found)
