"""What a classifier is given of a photograph."""

import io

import numpy as np
import pytest
from PIL import Image

from handshape.errors import ImageError
from handshape.hands.boxes import Box
from handshape.hands.inputs import LARGE, Inputs, load_photograph, load_view, view_of, whole_images, with_hands
from handshape.hands.known_hands import load_known_hands
from handshape.hands.landmarks import Hand
from handshape.images import load_square

WIDTH, HEIGHT = 200, 160


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """Without a symmetry, and smooth enough to be resampled."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    bands = (127 + 100 * np.sin(x / 9), y * 1.5, 60 + 0.4 * x + 0.3 * y)
    return np.stack(bands, axis=2).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def hand() -> Hand:
    known = load_known_hands()[0][0]
    flat = known[:, :2] - known[:, :2].min(axis=0)
    points = np.column_stack([flat * 90 / flat.max() + (60, 30), known[:, 2]]).astype(np.float32)
    return Hand(Box(100, 75, 120, 120, 0), points, known[:, 3:], "Right", 0.9, 0.95)


def mirrored(hand: Hand) -> Hand:
    """The hand in the mirrored photograph."""
    points = hand.landmarks * np.float32((-1, 1, 1)) + np.float32((WIDTH, 0, 0))
    return Hand(hand.box, points, hand.world * np.float32((-1, 1, 1)), "Left", 0.9, 0.95)


def encoded(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def test_a_left_hand_is_shown_as_a_right_one(photograph, hand):
    left = mirrored(hand)
    view, other = view_of(photograph, hand, 64), view_of(np.ascontiguousarray(photograph[:, ::-1]), left, 64)
    assert view.shape == other.shape == (64, 64, 3)
    assert view.dtype == np.uint8
    assert difference(view, other) < 2
    assert difference(view[:, ::-1], other) > 10


def test_the_whole_photograph_where_there_is_no_hand(photograph, tmp_path):
    (tmp_path / "photo.png").write_bytes(encoded(photograph, "PNG"))
    for source in (tmp_path / "photo.png", encoded(photograph, "PNG")):
        np.testing.assert_array_equal(load_view(source, None, 96), load_square(source, 96))


def test_a_hand_is_cut_out_wherever_the_photograph_comes_from(photograph, hand, tmp_path):
    content = encoded(photograph, "PNG")
    (tmp_path / "photo.png").write_bytes(content)
    expected = view_of(photograph, hand, 96)
    np.testing.assert_array_equal(load_view(content, hand, 96), expected)
    np.testing.assert_array_equal(load_view(tmp_path / "photo.png", hand, 96), expected)
    assert difference(expected, load_square(content, 96)) > 10


def test_large_photographs_are_decoded_smaller_and_shown_alike(photograph, hand):
    large = np.asarray(Image.fromarray(photograph).resize((5000, 4000), Image.Resampling.BICUBIC))
    pixels, scale = load_photograph(encoded(large, "JPEG", quality=95))
    assert pixels.shape == (2000, 2500, 3)  # a quarter would be less than enough
    assert min(pixels.shape[:2]) >= LARGE
    assert scale == 2
    view = load_view(encoded(large, "JPEG", quality=95), hand.scaled(25), 96)
    assert difference(view, view_of(photograph, hand, 96)) < 3


@pytest.mark.parametrize(("kind", "size"), [("PNG", (2500, 10)), ("JPEG", (300, 200)), ("JPEG", (1500, 900))])
def test_other_photographs_keep_their_size(kind, size):
    pixels, scale = load_photograph(encoded(np.zeros((*size[::-1], 3), np.uint8), kind))
    assert pixels.shape[1::-1] == size
    assert scale == 1


def test_the_scale_is_that_of_the_upright_photograph(photograph):
    large = np.asarray(Image.fromarray(photograph).resize((5000, 4000)))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels, scale = load_photograph(encoded(large, "JPEG", exif=exif))
    assert pixels.shape == (2500, 2000, 3)
    assert scale == 2


def test_what_is_no_photograph_is_refused(hand):
    for found in (hand, None):
        with pytest.raises(ImageError):
            load_view(b"no photograph", found, 96)


def test_inputs_of_hands(hand):
    left = mirrored(hand)
    inputs = with_hands(np.zeros((3, 8, 8, 3), np.uint8), [hand, None, left])
    assert (inputs.landmarks.shape, inputs.landmarks.dtype) == ((3, 21, 6), np.float32)
    assert (inputs.hand_present.shape, inputs.hand_present.dtype) == ((3, 1), np.float32)
    assert inputs.found.tolist() == [True, False, True]
    np.testing.assert_array_equal(inputs.landmarks[0], np.hstack([hand.landmarks, hand.world]))
    assert not inputs.landmarks[1].any()
    np.testing.assert_array_equal(inputs.landmarks[2], np.hstack([left.landmarks, left.world]) * (-1, 1, 1, -1, 1, 1))
    assert len(with_hands(np.zeros((0, 8, 8, 3), np.uint8), [])) == 0


def test_whole_images_show_no_hand():
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    inputs = whole_images(images)
    assert inputs.image is images
    assert not inputs.found.any()
    assert not inputs.landmarks.any()


def test_each_network_is_given_what_it_takes(hand):
    inputs = with_hands(np.zeros((2, 8, 8, 3), np.uint8), [hand, None])
    assert inputs.by_rank((4,))[0] is inputs.image
    assert [values.shape for values in inputs.by_rank((4, 3, 2))] == [(2, 8, 8, 3), (2, 21, 6), (2, 1)]
    assert [values.shape for values in inputs.by_rank((2, 3))] == [(2, 1), (2, 21, 6)]


@pytest.mark.parametrize("part", [slice(1, 3), np.array([2, 1]), np.array([False, True, True, False])])
def test_a_part_of_the_inputs_stays_together(part, hand):
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=3)
    inputs = with_hands(images, [None, hand, None, hand])
    chosen: Inputs = inputs[part]
    rows = np.arange(4)[part]
    assert len(chosen) == 2
    assert chosen.image[:, 0, 0, 0].tolist() == rows.tolist()
    assert chosen.found.tolist() == (rows % 2 == 1).tolist()
    np.testing.assert_array_equal(chosen.landmarks.any(axis=(1, 2)), chosen.found)
