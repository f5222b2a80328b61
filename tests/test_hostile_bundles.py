"""Bundles whose checksums fit, and whose content does not: one sentence from every verb, and nothing in them is run."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.downloads import file_sha256
from handshape.errors import ModelError
from handshape.export.bundle import find_bundle
from handshape.export.card import card_of
from handshape.export.manifest import MANIFEST, manifest_sha256
from handshape.registry import open_registry
from handshape.serving.proof import prove, prove_recognizer
from handshape.serving.recognizer import Recognizer

Change = Callable[[Path, dict], None]  # of a bundle's folder and its manifest, in place


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "models"))


@pytest.fixture
def changed(trained: Trained, tmp_path: Path) -> Callable[[Change], Path]:
    def change_it(change: Change) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(find_bundle(trained.folder).folder, folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        change(folder, manifest)
        manifest["files"] = {name: file_sha256(folder / name) for name in manifest["files"]}
        manifest["sha256"] = manifest_sha256(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        return folder

    return change_it


def labels(count: int) -> Change:
    """So many names."""
    return lambda _, manifest: manifest.update(labels=[f"sign {number}" for number in range(count)])


def label_twice(_: Path, manifest: dict) -> None:
    manifest["labels"][1] = manifest["labels"][0]


def size(pixels: int) -> Change:
    return lambda _, manifest: manifest["input"].update(size=pixels)


def content(name: str, data: bytes) -> Change:
    return lambda folder, _: (folder / name).write_bytes(data) and None


def cut(name: str, share: float) -> Change:
    def halve(folder: Path, _: dict) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(share * len(data))])

    return halve


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def another_network(*shapes: tuple[int, ...], classes: int) -> Change:
    """A network of other inputs, or with other answers, where the recogniser's own was."""

    def put(folder: Path, _: dict) -> None:
        keras = pytest.importorskip("keras")
        pytest.importorskip("tensorflow")
        from handshape.litert import convert

        inputs = [keras.Input(shape) for shape in shapes]
        joined = [keras.layers.Flatten()(each) for each in inputs]
        joined = keras.layers.Concatenate()(joined) if len(joined) > 1 else joined[0]
        model = keras.Model(inputs, {"probabilities": keras.layers.Dense(classes)(joined)})
        (folder / "model.tflite").write_bytes(convert(model))

    return put


UNFIT = {
    "one label less": (labels(2), "names 2 classes"),
    "one label more": (labels(9), "names 9 classes"),
    "a label twice": (label_twice, "twice"),
    "size 1": (size(1), "size is not a whole number"),
    "size 128": (size(128), "takes inputs of other shapes"),
    "an empty network": (content("model.tflite", b""), "not a LiteRT model"),
    "half a network": (cut("model.tflite", 0.5), "not a LiteRT model"),
    "text for a network": (content("model.tflite", b"hello" * 1000), "not a LiteRT model"),
    "a network of other inputs": (another_network((7,), classes=3), "takes inputs of other shapes"),
    "a network of two pictures": (another_network((96, 96, 3), (96, 96, 3), classes=3), "takes inputs of other shapes"),
    "a network of other answers": (another_network((96, 96, 3), classes=7), "names 4 classes"),
    "no probabilities": (another_network((96, 96, 3), classes=4), "probabilities"),
    "weights of other shape": (content("class_activation.npy", npy(np.zeros((5, 4), np.float32))), "is 5 x 4"),
    "flat weights": (content("class_activation.npy", npy(np.zeros(3, np.float32))), "no table of numbers"),
    "pickled weights": (content("class_activation.npy", npy(np.array([{"a": 1}], object))), "cannot be read"),
    "weights that are no numbers": (
        content("class_activation.npy", npy(np.full((1280, 4), np.nan, np.float32))),
        "holds what is no number",
    ),
    "half the weights": (cut("class_activation.npy", 0.5), "cannot be read"),
    "no weights at all": (content("class_activation.npy", b""), "cannot be read"),
}


@pytest.mark.parametrize(("change", "says"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_answer_is_neither_registered_nor_used(
    change: Change, says: str, changed, trained: Trained, handshape: Handshape, tmp_path: Path
):
    bundle, image = changed(change), trained.data / "A" / "A_0001.jpg"
    outcome = handshape("models", "add", bundle, "--name", "bad", "--json")
    assert outcome.code == 1
    assert says in outcome.object["error"]
    assert not open_registry().names()
    explained = handshape("explain", bundle, image, "--out", tmp_path / "out", "--json")
    predicted = handshape("predict", bundle, image, "--json")
    assert "Traceback" not in explained.err + predicted.err + outcome.err
    if says != "probabilities":  # such a network has the shapes of one that answers
        assert explained.code == 1


def test_a_version_that_was_registered_before_is_not_promoted(changed, handshape: Handshape, trained: Trained):
    registry = open_registry()
    registry.add("signs", find_bundle(trained.folder), "somewhere")
    registry.add("signs", find_bundle(changed(labels(2))), "somewhere")
    assert handshape("models", "promote", "signs@1").code == 0
    refused = handshape("models", "promote", "signs@2", "--json")
    assert refused.code == 1
    assert "names 2 classes" in refused.object["error"]
    assert registry.state("signs").aliases == {"production": 1}


def test_what_answers_is_proved(trained: Trained):
    bundle = find_bundle(trained.folder)
    prove(bundle)
    recognizer = Recognizer(bundle, threads=1)
    prove_recognizer(recognizer)
    recognizer.activation[:] = 0  # nothing speaks for a class: no heat, but an answer
    prove_recognizer(recognizer)


def test_without_a_network_nothing_is_proved(changed):
    def remove(folder: Path, manifest: dict) -> None:
        (folder / "model.tflite").unlink()
        del manifest["files"]["model.tflite"]

    with pytest.raises(ModelError, match=r"no model\.tflite"):
        prove(find_bundle(changed(remove)))


def of_keras(config: str) -> Change:
    """A Keras file whose description of the network is this one."""

    def put(folder: Path, _: dict) -> None:
        with zipfile.ZipFile(folder / "model.keras") as old:
            parts = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(folder / "model.keras", "w") as new:
            for name, data in {**parts, "config.json": config.encode()}.items():
                new.writestr(name, data)

    return put


def of_lambda(folder: Path, _: dict) -> None:
    keras = pytest.importorskip("keras")
    inputs = keras.Input((96, 96, 3))
    through = keras.layers.Lambda(lambda x: __import__("os").system("touch ran") or x)(inputs)
    keras.Model(inputs, {"probabilities": keras.layers.Flatten()(through)}).save(folder / "model.keras")
    Path("ran").unlink()  # written while the network was put together


KERAS = {
    "a Lambda": of_lambda,
    "no zip": content("model.keras", b"PK nothing"),
    "half a zip": cut("model.keras", 0.5),
    "no network": of_keras("{}"),
    "a class of another program": of_keras('{"module": "subprocess", "class_name": "Popen", "config": {"args": "ls"}}'),
}


@pytest.mark.parametrize("change", KERAS.values(), ids=KERAS)
def test_a_keras_file_that_is_none_is_not_exported(
    change: Change, changed, trained: Trained, handshape: Handshape, tmp_path: Path, monkeypatch
):
    pytest.importorskip("tensorflow")
    monkeypatch.chdir(tmp_path)
    bundle = changed(change)
    outcome = handshape("export", bundle, "--to", "litert", "--data", trained.data, "--out", tmp_path / "out", "--json")
    assert outcome.code == 1
    assert "model.keras cannot be loaded" in outcome.object["error"]
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "ran").exists()


def test_equal_models_are_equal_files(tmp_path: Path, monkeypatch):
    keras = pytest.importorskip("keras")
    from handshape.export.keras_file import save_keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    files = [tmp_path / name for name in ("one.keras", "other.keras")]
    save_keras(model, files[0])
    with zipfile.ZipFile(files[0]) as archive:
        assert json.loads(archive.read("metadata.json"))["date_saved"] == ""
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    save_keras(model, files[1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted(files)
    again = keras.models.load_model(files[0])
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_card_steers_no_terminal(changed):
    def rename(_: Path, manifest: dict) -> None:
        manifest["labels"][0] = "a\x1b[31m\u202eb"

    card = card_of(find_bundle(changed(rename)).details)
    assert "\\x1b[31m\\u202eb" in card
    assert all(letter.isprintable() or letter == "\n" for letter in card)
