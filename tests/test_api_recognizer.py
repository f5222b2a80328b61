"""Recognising from many threads, from pictures in memory, and along a film."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Trained
from PIL import Image

from handshape.errors import ImageError
from handshape.export.bundle import find_bundle
from handshape.hands.models import HandModels
from handshape.serving.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer(trained: Trained) -> Recognizer:
    return Recognizer(find_bundle(trained.folder), threads=2)


@pytest.fixture(scope="module")
def photos(trained: Trained) -> list[Path]:
    return sorted(trained.data.glob("*/*.*"))[::5]


def test_a_picture_may_come_in_many_ways(recognizer: Recognizer, photos):
    image = Image.open(photos[0]).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    lossless = recognizer.recognize(stream.getvalue())
    values = np.asarray(image)
    opaque = np.dstack([values, np.full(image.size[::-1], 255, np.uint8)])
    for picture in (image, values, opaque, values.astype(np.float32), values / 255):
        assert recognizer.recognize(picture).top == lossless.top
    from_file = recognizer.recognize(photos[0])
    assert recognizer.recognize(str(photos[0])).top == from_file.top
    for kind in (bytes, bytearray, memoryview):
        assert recognizer.recognize(kind(photos[0].read_bytes())).top == from_file.top


def test_a_picture_in_memory_is_left_as_it_is_and_read_upright(recognizer: Recognizer, photos):
    upright = Image.open(photos[0]).convert("RGB").resize((120, 90))
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(stream, "PNG", exif=exif)
    turned = Image.open(stream)
    before = turned.tobytes()
    assert recognizer.recognize(turned).top == recognizer.recognize(upright).top
    assert (turned.tobytes(), turned.size) == (before, (90, 120))


@pytest.mark.parametrize(
    "picture",
    [
        np.full((9, 9, 3), -1.0),
        np.full((9, 9, 3), 2.0),
        np.full((9, 9, 3), np.nan),
        np.zeros((9, 9, 2), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        np.zeros(9, np.uint8),
        Image.new("F", (9, 9)),
        Image.new("RGB", (0, 0)),
        Image.new("RGB", (0, 5)),
        42,
        "a\0b",
        "/tmp/\ud800.jpg",
        "a" * 300,
    ],
    ids=[
        *("negative", "of either range", "no numbers"),
        *("two channels", "empty", "one axis", "floating point image", "no pixels", "no columns"),
        *("number", "null byte", "lone surrogate", "long name"),
    ],
)
def test_what_is_no_picture(picture, recognizer: Recognizer):
    with pytest.raises(ImageError) as caught:
        recognizer.recognize(picture)
    assert caught.value.expected
    (error,) = recognizer.recognize_all([picture])  # nor does it take others with it
    assert isinstance(error, ImageError)


@pytest.mark.parametrize(
    ("picture", "hint"),
    [
        (np.full((9, 9, 3), -1.0), "numpy.clip(array, 0, 1)"),
        (np.zeros((9, 9, 3), np.int64), "array.astype(numpy.uint8)"),
        (np.zeros((3, 9, 9), np.uint8), "array.transpose(1, 2, 0)"),
        (io.BytesIO(b"x"), "picture.read()"),
        (np.zeros(9, np.uint8), ""),
        (42, ""),
    ],
    ids=["negative", "whole numbers", "channels first", "stream", "one axis", "number"],
)
def test_the_hint_fits_what_was_given(picture, hint: str, recognizer: Recognizer):
    with pytest.raises(ImageError) as caught:
        recognizer.recognize(picture)
    assert hint in caught.value.fix
    assert bool(hint) == bool(caught.value.fix)


def test_a_pillow_image_whose_file_is_closed(recognizer: Recognizer, photos):
    with Image.open(photos[0]) as image:
        pass
    with pytest.raises(ImageError, match=r"cannot be read: its file is closed\.(.|\n)*image\.load\(\)"):
        recognizer.recognize(image)


def test_a_pillow_image_that_is_cut_short(recognizer: Recognizer, photos):
    content = photos[0].read_bytes()
    with pytest.raises(ImageError, match="cannot be read"):
        recognizer.recognize(Image.open(io.BytesIO(content[: len(content) // 2])))


def test_batches_and_threads_give_the_answers_of_one_after_the_other(recognizer: Recognizer, photos):
    alone = [recognizer.recognize(photo).top for photo in photos]
    answers = recognizer.recognize_all([*photos, b"no image", *photos])
    assert isinstance(answers[len(photos)], ImageError)
    del answers[len(photos)]
    assert [answer.top for answer in answers] == alone * 2
    with ThreadPoolExecutor(8) as pool:
        assert [answer.top for answer in pool.map(recognizer.recognize, photos * 4)] == alone * 4


@pytest.mark.photographs
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="real photographs are needed")
def test_hands_are_followed_from_many_threads(trained: Trained, models: HandModels, photographs: Path):
    from dataclasses import replace

    files = sorted((photographs / "asl24_signer_t").glob("[AB]/*"))[:6]
    recognizer = Recognizer(replace(find_bundle(trained.folder), hands=1), models, threads=2)
    alone = [recognizer.recognize(file) for file in files]
    assert all(answer.hand for answer in alone)
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(recognizer.recognize, files * 3))
    assert [answer.top for answer in together] == [answer.top for answer in alone] * 3
    followed = recognizer.follow(files[0], alone[0].hand)
    moved = np.abs(followed.hand.landmarks[:, :2] - alone[0].hand.landmarks[:, :2]).mean()
    assert moved < 0.1 * np.ptp(alone[0].hand.landmarks[:, :2])
