"""The page's recogniser on photographs of people, beside Python's on the same files and on the same pixels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser  # noqa: F401
from conftest import encoded
from PIL import Image, ImageOps
from test_web_recognizer import Compared, compared

from handshape.data.samples import list_samples
from handshape.hands.models import HandModels
from handshape.images import read_image
from handshape.registry import resolve

pytestmark = [pytest.mark.photographs, pytest.mark.slow]
SIGNER = "asl24_signer_t"
STEP = 8  # every eighth photograph
POINT = 0.01  # of accuracy
OTHERS = ("asl26_two_sessions", "asl26_crowd", "asl24_dark_room", "no_hand")
FRAMES = 50  # of each of the others
FRAME = (640, 480)
ALIKE = 0.995  # share of frames
NEAR, SHARE_NEAR = 1e-3, 0.95  # of probabilities, and the share of frames: hands that are hard to read magnify
APART_AT_MOST = 1e-2  # what the two builds of the networks reckon differently


@pytest.fixture(scope="module")
def files(photographs: Path) -> dict[str, bytes]:
    """The signer's photographs by name, as they are: each has its label before the hyphen."""
    samples = list_samples(photographs / SIGNER).samples[::STEP]
    return {
        f"{sample.label}-{number}.jpg": (photographs / SIGNER / sample.path).read_bytes()
        for number, sample in enumerate(samples)
    }


@pytest.fixture(scope="module")
def frames(photographs: Path) -> dict[str, bytes]:
    """Photographs of several people and rooms as frames of a camera, in a format that all decoders read alike."""
    made = {}
    for name in OTHERS:
        paths = sorted((photographs / name).rglob("*.jpg"))
        for number in np.linspace(0, len(paths) - 1, FRAMES).astype(int):
            picture = ImageOps.pad(read_image(paths[number]), FRAME, Image.Resampling.BILINEAR)
            made[f"{name}-{number}.png"] = encoded(picture)
    return made


@pytest.fixture(scope="module")
def both(
    browser: Any,  # noqa: F811
    models: HandModels,
    files: dict[str, bytes],
    frames: dict[str, bytes],
) -> Iterator[Compared]:
    with compared(browser, resolve("asl"), models, files | frames) as made:
        yield made


def test_a_signer_is_read_as_well_as_in_python(both: Compared, files: dict[str, bytes]) -> None:
    labels = [name.partition("-")[0] for name in files]
    here = [both.recognizer.recognize(content).top[0][0] for content in files.values()]
    there = [both.answer(name, follow=False)["top"][0][0] for name in files]
    shares = [
        np.mean([said == label for said, label in zip(all_said, labels, strict=True)]) for all_said in (here, there)
    ]
    assert len(labels) >= 100
    assert shares[0] > 0.9
    assert abs(shares[0] - shares[1]) <= POINT, (shares, [(a, b) for a, b in zip(here, there, strict=True) if a != b])


def test_frames_are_decided_as_in_python(both: Compared, frames: dict[str, bytes]) -> None:
    names = both.recognizer.class_names
    other, apart = [], []
    for name, content in frames.items():
        said, expected = both.answer(name, follow=False), both.recognizer.recognize(content)
        if said["decision"] != expected.decision:
            other.append((name, said["decision"], expected.decision))
        apart.append(max(abs(said["probabilities"][names.index(label)] - value) for label, value in expected.top))
    assert len(frames) == FRAMES * len(OTHERS)
    assert 1 - len(other) / len(frames) >= ALIKE, other
    assert max(apart) <= APART_AT_MOST
    assert np.mean(np.array(apart) <= NEAR) >= SHARE_NEAR, sorted(apart)[-8:]
