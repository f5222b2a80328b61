"""The bundle: whole or refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Trained

from handshape.errors import ModelError, RunError
from handshape.export.bundle import ModelDescription, find_bundle, read_bundle, write_bundle
from handshape.export.manifest import manifest_sha256
from handshape.hands.inputs import whole_images
from handshape.model.decisions import Thresholds
from handshape.serving.recognizer import Recognizer

THRESHOLDS = Thresholds(0.4)
MODEL = ModelDescription(("B", "A"), 96, THRESHOLDS, 2)
ACTIVATION = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    model = tmp_path / "final.keras"
    model.write_bytes(b"a model")
    details = {"accuracy": {"test": 0.5}}
    write_bundle(tmp_path / "bundle", MODEL, model, b"a network", ACTIVATION, details)
    return tmp_path / "bundle"


def test_it_comes_back_as_it_was_written(written: Path):
    bundle = read_bundle(written)
    assert (bundle.class_names, bundle.size, bundle.hands) == (("B", "A"), 96, 2)
    assert bundle.thresholds == THRESHOLDS
    np.testing.assert_array_equal(np.load(bundle.activation), ACTIVATION)
    assert bundle.details["accuracy"] == {"test": 0.5}
    assert bundle.keras.read_bytes() == b"a model"
    assert bundle.litert.read_bytes() == b"a network"
    assert {path.name for path in written.parent.iterdir()} == {"final.keras", "bundle"}


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "class_activation.npy", "bundle.json"])
def test_any_changed_byte_is_refused(name: str, written: Path):
    file = written / name
    content = bytearray(file.read_bytes())
    for place in range(0, len(content), max(1, len(content) // 40)):
        changed = bytes(content[:place]) + bytes([content[place] ^ 1]) + bytes(content[place + 1 :])
        file.write_bytes(changed)
        if name == "bundle.json" and _same_values(changed, bytes(content)):
            continue  # white space
        with pytest.raises(ModelError, match="damaged"):
            read_bundle(written)


def _same_values(one: bytes, other: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


def test_a_missing_file_is_named(written: Path):
    (written / "model.tflite").unlink()
    with pytest.raises(ModelError, match=r"model\.tflite is missing"):
        read_bundle(written)


def test_a_bundle_from_before_there_were_hands_and_thresholds(written: Path):
    manifest = json.loads((written / "bundle.json").read_text())
    for name in ("hands", "thresholds"):
        del manifest[name]
    del manifest["files"]["class_activation.npy"]
    manifest["format"] = 1
    manifest["sha256"] = manifest_sha256(manifest)
    (written / "bundle.json").write_text(json.dumps(manifest))
    bundle = read_bundle(written)
    assert bundle.hands == 0
    assert bundle.thresholds.accept(np.array([0.0, 1.0]), None).all()  # it said a label whatever it saw
    assert bundle.thresholds.accept(np.array([0.0, 1.0]), np.array([True, False])).all()


@pytest.mark.parametrize("threshold", [-0.1, 1.5, "high", True])
def test_thresholds_that_are_none_are_refused(threshold, written: Path):
    manifest = json.loads((written / "bundle.json").read_text())
    manifest["thresholds"]["with_hand"] = threshold
    manifest["sha256"] = manifest_sha256(manifest)
    (written / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="threshold with_hand"):
        read_bundle(written)


@pytest.mark.parametrize(
    "changes",
    [
        *({"labels": wrong} for wrong in ([], "AB", [""], [1], [{}], {"A": 1}, None, 5)),
        *({"input": wrong} for wrong in ({}, [], {"size": 0}, {"size": -1}, {"size": float("inf")}, {"size": "96"})),
        *({"thresholds": wrong} for wrong in ("x", [], 1, None)),
        *({"hands": wrong} for wrong in (-1, "x", 1.5, None)),
        *({"format": wrong} for wrong in (0, -1, float("nan"), "2", True, None)),
    ],
    ids=str,
)
def test_a_manifest_without_sense_is_refused_whatever_its_checksum(changes, written: Path):
    manifest = json.loads((written / "bundle.json").read_text()) | changes
    manifest["sha256"] = manifest_sha256(manifest)
    (written / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"is damaged: bundle\.json cannot be read"):
        read_bundle(written)


@pytest.mark.parametrize(("name", "method"), [("bundle.json", "read_bytes"), ("model.keras", "open"), ("", "stat")])
def test_what_may_not_be_read_is_not_called_damaged(name: str, method: str, written: Path, monkeypatch):
    allowed = getattr(Path, method)

    def refuse(path: Path, *words: object, **named: object) -> object:
        if path == written / name or path.parent == written / name:
            raise PermissionError(13, "Permission denied")
        return allowed(path, *words, **named)

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(ModelError, match=r"Cannot read .*: permission denied") as caught:
        find_bundle(written)
    assert "damaged" not in caught.value.text


def test_a_newer_format_is_refused_with_a_way_out(written: Path):
    manifest = json.loads((written / "bundle.json").read_text())
    manifest["format"] = 99
    manifest["sha256"] = manifest_sha256(manifest)
    (written / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="pip install --upgrade"):
        read_bundle(written)


def test_a_bundle_without_litert_is_refused_by_the_recogniser(tmp_path: Path):
    model = tmp_path / "final.keras"
    model.write_bytes(b"a model")
    bundle = write_bundle(tmp_path / "bundle", MODEL, model, None, None, {})
    assert not bundle.activation.exists()
    with pytest.raises(ModelError, match=r"no model\.tflite"):
        Recognizer(bundle)


def test_what_is_no_network_is_refused(written: Path):
    with pytest.raises(ModelError, match="not a LiteRT model"):
        Recognizer(read_bundle(written))


def test_an_earlier_bundle_survives_a_failed_write(written: Path, tmp_path: Path):
    with pytest.raises(RunError, match="Cannot write"):
        write_bundle(written, replace(MODEL, class_names=("X",)), tmp_path / "missing.keras", None, None, {})
    assert read_bundle(written).class_names == ("B", "A")
    assert {path.name for path in tmp_path.iterdir()} == {"final.keras", "bundle"}


def test_a_run_and_its_bundle_are_the_same_model(trained: Trained, tmp_path: Path):
    bundle = find_bundle(trained.folder)
    assert bundle == find_bundle(trained.folder / "bundle")
    assert bundle.class_names == ("5", "A", "B", "L")
    moved = tmp_path / "elsewhere"
    shutil.copytree(bundle.folder, moved)
    image = whole_images(np.zeros((1, 96, 96, 3), np.uint8))
    here, there = Recognizer(bundle), Recognizer(find_bundle(moved))
    np.testing.assert_array_equal(here.probabilities(image), there.probabilities(image))
    assert here.probabilities(image).sum() == pytest.approx(1, abs=1e-5)


def test_bytes_and_files_are_recognised_alike(trained: Trained):
    recogniser = Recognizer(find_bundle(trained.folder), threads=1)
    file = trained.data / "B" / "B_0002.jpg"
    from_file, from_bytes = recogniser.recognize(file), recogniser.recognize(file.read_bytes())
    assert from_file.top == from_bytes.top
    accepted = from_file.confidence >= recogniser.thresholds.with_hand
    assert from_file.decision == (from_file.top[0][0] if accepted else "unknown")
    assert from_file.hand is None
