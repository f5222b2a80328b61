"""One photograph, one answer: from the command line, the API, a stream, Python and the exported formats."""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from api_server import Running, running
from conftest import PHOTOGRAPHS, Handshape
from PIL import Image
from websockets.sync.client import connect

pytest.importorskip("keras")

import handshape as package
from handshape.cli import main
from handshape.export.bundle import find_bundle
from handshape.export.formats import FORMATS
from handshape.hands.inputs import load_view, with_hands
from handshape.hands.models import HandModels
from handshape.images import images_below
from handshape.model.decisions import decide
from handshape.serving.recognizer import Recognition, Recognizer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.photographs,
    pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="real photographs are needed"),
]

COUNT = 500
SAME = 1e-4  # of a probability
EACH = 10  # photographs that are saved in each of the unusual ways
TURN = 0x0112  # the EXIF tag of the orientation
SMALL = {
    "model.img_size": 96,
    "model.weights": "own",
    "model.num_epochs": 3,
    "model.fine_tune_epochs": 1,
    "augmentation.views": 2,
    "training.refit": "off",
}


@dataclass(frozen=True)
class Answered:
    """A recogniser, and what it says of each picture."""

    run: Path
    recognizer: Recognizer
    pictures: list[Path]
    answers: list[Recognition]


@pytest.fixture(scope="module")
def run(photographs: Path, models: HandModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small model with hands, trained on the digits 0 to 5, in a cache of its own."""
    place = tmp_path_factory.mktemp("parity")
    for digit in "012345":
        (place / "digits" / digit).mkdir(parents=True)
        for file in sorted((photographs / "digits_218_signers" / digit).iterdir())[:24]:
            shutil.copy(file, place / "digits" / digit)
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDSHAPE_HOME", str(place / "home"))
        patch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
        command("train", place / "digits", "--out", place, "--name", "run", *settings)
        yield place / "run"


@pytest.fixture(scope="module")
def answered(run: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    pictures = pictures_of(photographs, tmp_path_factory.mktemp("pictures"))
    recognizer = package.load(run)
    assert recognizer.finds_hands
    return Answered(run, recognizer, pictures, [recognizer.recognize(picture) for picture in pictures])


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[Running]:
    with running(run) as here:
        yield here


def command(*words: object) -> None:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([str(word) for word in words])
    assert code == 0, said.getvalue()


def pictures_of(photographs: Path, place: Path) -> list[Path]:
    """Photographs of every set, and some of them again in ways that photographs seldom come in."""
    files = sorted(images_below([photographs]))
    usual = evenly(files, COUNT - EACH * len(UNUSUAL))
    unusual = [save(usual[number::EACH][0], place) for number in range(EACH) for save in UNUSUAL]
    assert len({*usual, *unusual}) == COUNT
    return [*usual, *unusual]


def evenly(files: list[Path], count: int) -> list[Path]:
    return [files[index] for index in np.linspace(0, len(files) - 1, count).round().astype(int)]
