"""One photograph, one answer: from the command line, the API, a stream, Python and the exported formats."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from api_server import Running, running
from conftest import PHOTOGRAPHS, Handshape, assignments
from PIL import Image
from websockets.sync.client import connect

pytest.importorskip("keras")

import handshape as package
from handshape.cli import main
from handshape.data.samples import list_images
from handshape.export.formats import FORMATS
from handshape.hands.inputs import load_photograph, view_of, with_hands
from handshape.hands.models import HandModels
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


@dataclass(frozen=True)
class Answered:
    """A recogniser, and what it says of each picture."""

    run: Path
    recognizer: Recognizer
    pictures: list[Path]
    answers: list[Recognition]


@pytest.fixture(scope="module")
def run(photographs: Path, models: HandModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small model of every stream, trained on the digits 0 to 5, in a cache of its own."""
    place = tmp_path_factory.mktemp("parity")
    for digit in "012345":
        (place / "digits" / digit).mkdir(parents=True)
        for file in sorted((photographs / "digits_218_signers" / digit).iterdir())[:24]:
            shutil.copy(file, place / "digits" / digit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDSHAPE_HOME", str(place / "home"))
        patch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
        changes = assignments(hands__find="auto", model__streams="[landmarks,hand,pixels]")
        command("train", place / "digits", "--out", place, "--name", "run", *changes)
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
    usual = evenly(sorted(list_images([photographs])), COUNT - EACH * len(UNUSUAL))
    unusual = []
    for number, file in enumerate(evenly(usual, EACH)):
        image = Image.open(file).convert("RGB")
        for name, write in UNUSUAL.items():
            unusual.append(place / f"{number} {name}")
            write(image, unusual[-1])
    assert len({*usual, *unusual}) == COUNT
    return [*usual, *unusual]


def evenly(files: list[Path], count: int) -> list[Path]:
    return [files[index] for index in np.linspace(0, len(files) - 1, count).round().astype(int)]


def turned(image: Image.Image, file: Path) -> None:
    exif = Image.Exif()
    exif[TURN] = 6  # to be turned clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(file, exif=exif)


def deep(image: Image.Image, file: Path) -> None:
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(file)


def clear(image: Image.Image, file: Path) -> None:
    faded = image.copy()
    faded.putalpha(Image.linear_gradient("L").resize(image.size))
    faded.save(file)


UNUSUAL: dict[str, Callable[[Image.Image, Path], None]] = {
    "turned.jpg": turned,
    "print.jpg": lambda image, file: image.convert("CMYK").save(file),
    "deep.png": deep,
    "clear.png": clear,
    "grey.jpg": lambda image, file: image.convert("L").save(file),
    "few.png": lambda image, file: image.convert("P").save(file),
}


def test_the_pictures_are_what_they_are_meant_to_be(answered: Answered) -> None:
    decisions = {answer.decision for answer in answered.answers}
    assert {"unknown", "no hand"} < decisions
    assert len(decisions) > 5
    assert 0.5 < np.mean([answer.hand is not None for answer in answered.answers]) < 1
    modes = {Image.open(picture).mode for picture in answered.pictures}
    assert {"RGB", "CMYK", "I;16", "RGBA", "L", "P"} <= modes
    assert sum(TURN in Image.open(picture).getexif() for picture in answered.pictures) >= EACH


def test_predict(answered: Answered, handshape: Handshape) -> None:
    said = handshape("predict", answered.run, *answered.pictures, "--json").objects
    assert [result["path"] for result in said] == [str(picture) for picture in answered.pictures]
    compare(answered, said)


def test_the_api(answered: Answered, server: Running) -> None:
    said = []
    for start in range(0, COUNT, 10):
        contents = [picture.read_bytes() for picture in answered.pictures[start : start + 10]]
        said += server.send(*contents).object["results"]
    compare(answered, said)


def test_the_first_frame_of_a_stream(answered: Answered, server: Running) -> None:
    said = []
    for picture in answered.pictures:
        with connect(f"ws://127.0.0.1:{server.port}/v1/stream", compression=None, proxy=None) as stream:
            stream.send(picture.read_bytes())
            said.append(json.loads(stream.recv(60)))
    followed = [answered.recognizer.follow(picture, None) for picture in answered.pictures]
    answers = [  # of a film, hands that are hard to see are not searched for
        whole if frame.hand else frame for whole, frame in zip(answered.answers, followed, strict=True)
    ]
    hands = [[answer.hand is not None for answer in each] for each in (answers, answered.answers)]
    assert 0.9 * sum(hands[1]) < sum(hands[0])
    compare(replace(answered, answers=answers), said)


def test_exported_formats_given_what_the_recogniser_sees(answered: Answered) -> None:
    formats = ["litert", *(["onnx"] if is_onnx_here() else [])]
    command("export", answered.run, "--to", ",".join(formats))
    hands = [answer.hand for answer in answered.answers]
    recognizer = answered.recognizer
    class_names, thresholds, size = recognizer.class_names, recognizer.thresholds, recognizer.size
    views = [
        view_of(load_photograph(picture), hand, size) for picture, hand in zip(answered.pictures, hands, strict=True)
    ]
    inputs = with_hands(np.stack(views), hands)
    for name in formats:
        network = FORMATS[name].open(answered.run / "exports" / FORMATS[name].path)
        said = [
            {
                "decision": decide(class_names, probabilities, bool(hand), thresholds),
                "top": list(zip(class_names, probabilities.tolist(), strict=True)),
            }
            for probabilities, hand in zip(network(inputs), hands, strict=True)
        ]
        compare(answered, said)


def is_onnx_here() -> bool:
    return all(find_spec(module) for module in FORMATS["onnx"].modules)


def compare(answered: Answered, said: list[dict]) -> None:
    """Decisions, probabilities and, where they are said, hands."""
    for picture, answer, result in zip(answered.pictures, answered.answers, said, strict=True):
        expected = answer.as_dict()
        assert result["decision"] == expected["decision"], picture
        probabilities = dict(result["top"])
        assert {label: probabilities[label] for label, _ in answer.top} == pytest.approx(dict(answer.top), abs=SAME)
        assert result.get("hand", expected["hand"]) == expected["hand"], picture
