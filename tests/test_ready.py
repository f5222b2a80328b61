"""The models that come with Handshape, as users have them: through the command line, with nothing trained."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from api_server import running
from conftest import Handshape, Trained

import handshape as library
from handshape.console import Console
from handshape.export.bundle import find_bundle
from handshape.hands.models import HandModels
from handshape.practice import HANDSHAPES, LETTERS, draw_practice_set
from handshape.registry import ready_folder, ready_names

SEED = 4_711_000  # of hands that neither the models nor what they start from has seen
CLASSES = {"asl": LETTERS, "digits": tuple(name for name in HANDSHAPES if name not in LETTERS)}
LARGEST = 3_000_000  # bytes


@pytest.fixture(autouse=True)
def elsewhere(home: Path, tmp_path: Path, models: HandModels, monkeypatch) -> Path:
    """An empty folder to work in, and a user who has nothing yet but the networks that find hands."""
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
    monkeypatch.delenv("HANDSHAPE_REGISTRY", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture(scope="module", params=CLASSES)
def unseen(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A model, and drawn hands of its classes that it never saw."""
    folder = tmp_path_factory.mktemp("unseen") / "drawn"
    draw_practice_set(folder, 4, SEED, CLASSES[request.param], 192, Console(quiet=True))
    return request.param, folder


def test_each_is_small_and_knows_its_classes():
    assert ready_names() == sorted(CLASSES)
    for name, class_names in CLASSES.items():
        bundle = find_bundle(ready_folder(name))
        assert sorted(bundle.class_names) == sorted(class_names)
        assert bundle.litert.is_file() and bundle.keras.is_file() and bundle.activation.is_file()
        assert sum((bundle.folder / file).stat().st_size for file in bundle.files) < LARGEST


def test_nothing_of_the_machine_that_made_them_is_in_them():
    for name in CLASSES:
        bundle = find_bundle(ready_folder(name))
        for file in ("bundle.json", "CARD.md"):
            text = (bundle.folder / file).read_text(encoding="utf-8")
            assert str(Path(__file__).parents[2]) not in text and "/tmp/" not in text
        assert "data" not in bundle.details["settings"]


def test_they_recognise_hands_that_they_never_saw(unseen: tuple[str, Path], handshape: Handshape):
    name, folder = unseen
    measured = handshape("evaluate", name, folder, "--json").object
    assert measured["seen_in_training"] == 0
    assert measured["accuracy"] >= 0.9


def test_predict_and_explain_say_once_what_the_model_is(unseen: tuple[str, Path], handshape: Handshape):
    name, folder = unseen
    photo = folder / CLASSES[name][1] / f"{CLASSES[name][1]}_0001.jpg"
    first, second = handshape("predict", name, photo), handshape("predict", name, photo)
    assert first.code == second.code == 0
    assert first.out == second.out
    assert f"{name} comes with Handshape" in first.err and "it never saw" in first.err
    assert second.err == ""
    assert handshape("explain", name, photo, "--out", "seen").code == 0
    assert (Path("seen") / f"{photo.stem}.explained.png").is_file()


def test_a_folder_of_photographs_does_not_hide_a_model(unseen: tuple[str, Path], handshape: Handshape):
    name, folder = unseen
    (Path.cwd() / name).symlink_to(folder)
    photo = next(Path(name).glob("*/*.jpg"))
    assert handshape("predict", name, photo).code == 0


def test_in_python():
    recognizer = library.load("asl")
    assert recognizer.class_names == LETTERS
    assert recognizer.finds_hands


def test_the_card_says_from_whom_it_learned_and_on_whom_it_was_measured(handshape: Handshape):
    for name, credited in (("asl", ("David Lee", "t32rahman")), ("digits", ("ardamavi",))):
        card = handshape("models", "show", name).out
        for words in (*credited, "Apache-2.0", "public domain", "MIT", "from elsewhere", "does not translate"):
            assert words in card
        measured = find_bundle(ready_folder(name)).details["measures"]["external"]
        assert measured
        assert all(each["n"] > 100 for each in measured.values())


def test_they_are_listed_and_ones_own_comes_first(trained: Trained, handshape: Handshape):
    listed = handshape("models", "--json").object
    assert listed["models"] == []
    assert [each["name"] for each in listed["ready"]] == ["asl", "digits"]
    assert Path(handshape("models", "path", "asl").out.strip()) == ready_folder("asl")
    assert handshape("models", "add", trained.folder, "--name", "asl").code == 0
    photo = next(trained.data.glob("*/*.jpg"))
    outcome = handshape("predict", "asl", photo, "--json")
    assert "asl is your own registered model, not the one that comes with Handshape" in outcome.err
    assert {label for label, _ in outcome.object["top"]} == {"A", "B", "L", "5"}
    assert "no, yours is" in handshape("models").out
    assert handshape("models", "add", "digits").out.startswith("digits@1 is digits")
    assert find_bundle(Path(handshape("models", "path", "digits@1").out.strip())).class_names == CLASSES["digits"]


def test_serve_without_a_name(unseen: tuple[str, Path]):
    name, folder = unseen
    command = [sys.executable, "-m", "handshape", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        lines = [program.stderr.readline() for _ in range(2)]
        program.terminate()
        events = [json.loads(line) for line in program.stdout]
    assert lines[0].startswith("Serving asl on http://127.0.0.1:")
    assert "asl comes with Handshape" in lines[1]
    assert events[0]["version"] == find_bundle(ready_folder("asl")).sha256
    with running(name) as server:
        photo = next(folder.glob("*/*.jpg"))
        assert server.send(photo.read_bytes()).object["results"][0]["decision"]


def test_exports_compare_with_what_is_in_the_package(unseen: tuple[str, Path], handshape: Handshape):
    pytest.importorskip("tensorflow")
    name, folder = unseen
    refused = handshape("export", name, "--to", "litert")
    assert refused.code == 1 and "--data FOLDER" in refused.err
    made = handshape("export", name, "--to", "litert", "--data", folder, "--json").object
    assert made["exports"]["litert"]["kept"]
    assert Path("exports/model.tflite").is_file()
