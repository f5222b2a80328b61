import dataclasses
import functools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Handshape, Trained
from numpy.typing import NDArray

from handshape.config import ModelSettings
from handshape.console import Console
from handshape.data.samples import natural_key
from handshape.downloads import file_sha256
from handshape.errors import HandshapeError, RunError, RuntimeUnavailableError
from handshape.export import exports, formats
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.export.exports import RECORD, Exports, Photographs, export_model, failure, read_exports
from handshape.export.formats import FORMATS, Format, Source, formats_named, require_modules
from handshape.export.keras_file import load_keras
from handshape.export.usage import EXAMPLES, README
from handshape.files import PARTIAL, REPLACED
from handshape.hands.inputs import Inputs
from handshape.hands.landmarks import FEATURES
from handshape.model.classifier import build_classifier
from handshape.model.decisions import Thresholds
from handshape.model.networks import KerasNetwork, LiteRtNetwork, Network
from handshape.model.weights import find_weights
from handshape.runtime import start_on_cpu
from handshape.training.fusion import usual_kernel

EVERY = tuple(FORMATS.values())


def images_of(count: int, size: int) -> Inputs:
    random = np.random.default_rng(4)
    image = random.integers(0, 256, (count, size // 8, size // 8, 3), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    present = (np.arange(count) % 4 > 0).astype(np.float32)[:, None]
    landmarks = random.normal(scale=30, size=(count, 21, 6)).astype(np.float32) * present[..., None]
    features = (random.normal(size=(count, *FEATURES)) * present[..., None, None]).astype(np.float16)
    return Inputs(image, landmarks, present, features)


def photographs_for(network: Network, count: int, size: int) -> Photographs:
    """Images of which the network recognises every one."""
    inputs = images_of(count, size)
    return Photographs(inputs, network(inputs).argmax(axis=1))


@pytest.fixture(scope="module", autouse=True)
def loaded_once() -> Iterator[None]:
    """Loading a model and converting it takes seconds, and nothing here changes one."""
    loaded: dict[Path, Any] = {}
    converted: dict[Path, bytes] = {}
    write_anew = FORMATS["litert"].write

    def load(bundle: Bundle) -> Any:
        if bundle.folder not in loaded:
            loaded[bundle.folder] = load_keras(bundle)
        return loaded[bundle.folder]

    def write(source: Source, path: Path) -> None:
        if source.bundle.folder not in converted:
            write_anew(source, path)
            converted[source.bundle.folder] = path.read_bytes()
        path.write_bytes(converted[source.bundle.folder])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "load_keras", load)
        patch.setitem(FORMATS, "litert", dataclasses.replace(FORMATS["litert"], write=write))
        yield


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> Bundle:
    return find_bundle(trained.folder)


@pytest.fixture(scope="module")
def proof(bundle: Bundle) -> Photographs:
    return photographs_for(LiteRtNetwork(bundle.litert), 12, bundle.size)


@pytest.fixture(scope="module")
def with_hands(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Callable[[str], Bundle]:
    """Networks of some streams as they are before training."""

    @functools.cache
    def of(streams: str) -> Bundle:
        import keras

        folder = tmp_path_factory.mktemp("hands")
        start_on_cpu()
        keras.utils.set_random_seed(0)
        settings = ModelSettings(img_size=96, streams=streams.split(","))  # type: ignore[call-arg]
        classifier = build_classifier(["A", "B", "C"], settings, find_weights("own", 96, Console(quiet=True)))
        classifier.fusion.set_weights([usual_kernel(list(classifier.streams)).astype(np.float32)])
        classifier.model.save(folder / "model.keras")
        description = ModelDescription(("A", "B", "C"), 96, Thresholds(0.5), 1)
        return write_bundle(folder / "bundle", description, folder / "model.keras", None, None, {})

    return of


class Wrong:
    """A format that is a copy of the bundle's LiteRT model, and answers with the next class."""

    def __init__(self, path: Path) -> None:
        self.network = LiteRtNetwork(path)

    def __call__(self, inputs: Inputs) -> NDArray[np.float32]:
        return np.roll(self.network(inputs), 1, axis=1)


def copy(source: Source, path: Path) -> None:
    path.write_bytes(source.bundle.litert.read_bytes())


WRONG = Format("wrong", "wrong.tflite", (), None, copy, Wrong)
WRITTEN = {"model.tflite", RECORD, README, *EXAMPLES["litert"]}  # of an export to litert alone


def export(bundle: Bundle, chosen: list[Format], proof: Photographs, folder: Path) -> Exports:
    return export_model(bundle, chosen, proof.inputs[:4], proof, folder, Console(quiet=True))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_an_export_proves_itself_through_the_command_line(handshape: Handshape, trained: Trained) -> None:
    outcome = handshape("export", trained.folder, "--to", "litert, saved_model,litert", "--json")
    folder = trained.folder / "exports"
    try:
        assert outcome.code == 0, outcome.err
        assert list(outcome.object["exports"]) == ["litert", "saved_model"]
        rows = (trained.folder / "splits.csv").read_text().splitlines()[1:]
        kept_back = [row for row in rows if row.split(",")[2] != "train"]
        for name, result in outcome.object["exports"].items():
            assert result["kept"], result
            assert result["images"] == len(kept_back)
            assert result["largest_difference"] <= 1e-4
            assert result["agreement"] == 1.0
            assert result["milliseconds"] > 0
            assert result["bytes"] == sum((folder / path).stat().st_size for path in result["files"])
            assert all(file_sha256(folder / path) == sha256 for path, sha256 in result["files"].items())
            assert (folder / FORMATS[name].path).exists()
        record = json.loads((folder / RECORD).read_text())
        assert record["labels"] == sorted({row.split(",")[1] for row in rows}, key=natural_key)
        assert record["exports"] == outcome.object["exports"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_table_is_for_people(handshape: Handshape, trained: Trained, tmp_path: Path) -> None:
    outcome = handshape("export", trained.folder, "--to", "litert", "--data", trained.data, "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    for words in ("keras", "litert", "100.0%", "Saved model.tflite"):
        assert words in outcome.out
    for words in ("Comparing on 39 photographs", "9 others", "README.md", "Exported in "):
        assert words in outcome.err


def test_a_bundle_alone_has_no_photographs(handshape: Handshape, bundle: Bundle, tmp_path: Path) -> None:
    alone = shutil.copytree(bundle.folder, tmp_path / "alone")
    outcome = handshape("export", alone, "--to", "litert", "--json")
    assert outcome.code == 1
    assert "--data FOLDER" in outcome.object["error"]


def test_an_unknown_format_is_wrong_usage(handshape: Handshape, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        handshape("export", "model", "--to", "litert,coreml")
    assert stopped.value.code == 2
    said = capfd.readouterr().err
    assert "no export format 'coreml'" in said
    assert "litert-float16" in said


def test_formats_are_named_with_commas() -> None:
    assert formats_named("onnx, litert,onnx") == (FORMATS["onnx"], FORMATS["litert"])
    with pytest.raises(HandshapeError, match=r"no export format 'coreml'") as caught:
        formats_named("litert,coreml")
    assert all(name in caught.value.expected for name in FORMATS)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("tensorflow", "pip install -e '.[train]'"),
        ("tf2onnx", "pip install -e '.[export]'"),
        ("openvino", "pip install -e '.[export]'"),
        ("ai_edge_quantizer", "pip install -e '.[export]'"),
    ],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, missing: str, words: str) -> None:
    monkeypatch.setattr(formats, "is_installed", lambda module: module != missing)
    with pytest.raises(RuntimeUnavailableError) as caught:
        require_modules(EVERY)
    assert words in caught.value.fix
    if missing != "tensorflow":
        assert missing.replace("_", "-") in caught.value.happened
        require_modules([FORMATS["litert"], FORMATS["saved_model"]])


def test_what_is_no_match_falls_back(
    bundle: Bundle, proof: Photographs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = export(bundle, [dataclasses.replace(WRONG, fallback="litert")], proof, tmp_path)
    wrong, instead = made.each
    assert wrong.parity.export == 0.0
    assert instead.format is FORMATS["litert"]
    assert not instead.fault
    assert failure(made) is None
    assert set(files_in(tmp_path)) == WRITTEN
    said = capsys.readouterr().err
    label = bundle.class_names[proof.targets[0]]
    assert f"{label} loses 100.0 points" in said
    assert "Making litert instead" in said


def test_what_is_no_match_is_not_kept(bundle: Bundle, proof: Photographs, tmp_path: Path) -> None:
    (tmp_path / "wrong.tflite").write_bytes(b"an earlier one")
    (tmp_path / "mine.txt").write_bytes(b"the user's")
    made = export(bundle, [WRONG, FORMATS["litert"]], proof, tmp_path)
    assert [each.format.name for each in made.failed] == ["wrong"]
    assert "wrong" in (failure(made) or HandshapeError("")).happened
    assert set(files_in(tmp_path)) == {*WRITTEN, "mine.txt"}
    assert not read_exports(tmp_path)["exports"]["wrong"]["kept"]


def test_exports_of_the_same_model_stay_and_those_of_others_are_forgotten(
    bundle: Bundle, proof: Photographs, tmp_path: Path
) -> None:
    for model, names in ((file_sha256(bundle.keras), ["onnx", "litert"]), ("another", ["litert"])):
        (tmp_path / "model.onnx").write_bytes(b"made before")
        (tmp_path / RECORD).write_text(json.dumps({"model_sha256": model, "exports": {"onnx": {"kept": True}}}))
        export(bundle, [FORMATS["litert"]], proof, tmp_path)
        assert list(read_exports(tmp_path)["exports"]) == names
        assert (tmp_path / "model.onnx").read_bytes() == b"made before"


def test_a_folder_takes_the_place_of_an_earlier_one(bundle: Bundle, proof: Photographs, tmp_path: Path) -> None:
    def write(source: Source, path: Path) -> None:
        path.mkdir()
        (path / "net.tflite").write_bytes(source.bundle.litert.read_bytes())

    folder = Format("folder", "folder", (), None, write, lambda path: LiteRtNetwork(path / "net.tflite"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    made = export(bundle, [folder], proof, tmp_path)
    assert set(files_in(tmp_path)) == {RECORD, README, "folder/net.tflite"}
    assert list(made.each[0].files) == ["folder/net.tflite"]


def test_a_stopped_export_leaves_what_was_there(bundle: Bundle, proof: Photographs, tmp_path: Path) -> None:
    export(bundle, [FORMATS["litert"]], proof, tmp_path)
    before = files_in(tmp_path)
    killed = tmp_path / f"{PARTIAL}killed"
    killed.mkdir()
    (killed / "model.tflite").write_bytes(b"half")
    os.utime(killed, (0, 0))

    def stopped(source: Source, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(bundle, [FORMATS["litert"], dataclasses.replace(WRONG, write=stopped)], proof, tmp_path)
    assert files_in(tmp_path) == before


def test_what_a_killed_export_had_moved_away_comes_back(bundle: Bundle, proof: Photographs, tmp_path: Path) -> None:
    for name in ("saved_model", "openvino"):
        (tmp_path / f"{REPLACED}12345678-{name}").mkdir()
        (tmp_path / f"{REPLACED}12345678-{name}" / "old").write_text(name)
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "new").touch()
    export(bundle, [FORMATS["litert"]], proof, tmp_path)
    assert set(files_in(tmp_path)) == {*WRITTEN, "saved_model/old", "openvino/new"}


def test_a_full_disk_is_said_in_words(bundle: Bundle, proof: Photographs, tmp_path: Path) -> None:
    def full(source: Source, path: Path) -> None:
        raise RuntimeError(f"{path}/variables.data; No space left on device [Op:SaveV2]")

    with pytest.raises(RunError, match=r"Cannot write .*: no space left on device"):
        export(bundle, [dataclasses.replace(WRONG, write=full)], proof, tmp_path)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_record_that_is_none_counts_as_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    assert read_exports(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["landmarks,hand", "landmarks,hand,pixels", "hand", "landmarks,pixels", "pixels"])
def test_every_format_answers_as_keras_does(
    streams: str,
    bundle: Bundle,
    with_hands: Callable[[str], Bundle],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    every = streams in ("landmarks,hand", "landmarks,hand,pixels")
    tried = list(formats_named(",".join(FORMATS) if every else "litert-int8,onnx,openvino"))
    for module in {module for each in tried for module in each.modules}:
        pytest.importorskip(module)
    chosen = bundle if streams == "pixels" else with_hands(streams)
    proof = photographs_for(KerasNetwork(load_keras(chosen)), 40, chosen.size)
    capfd.readouterr()
    made = {each.format.name: each for each in export(chosen, tried, proof, tmp_path).each}
    assert capfd.readouterr().out == ""
    for name, each in made.items():
        assert each.parity.largest_difference <= {"litert-float16": 0.02, "litert-int8": 0.5}.get(name, 1e-4), name
    assert made["litert-int8"].size < chosen.keras.stat().st_size / 3
    assert made["litert-int8"].parity.agreement > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["landmarks,hand,pixels", "pixels"])
def test_int8_has_the_whole_pixel_stream_in_integers(
    streams: str, bundle: Bundle, with_hands: Callable[[str], Bundle], tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_quantizer")
    from ai_edge_litert.interpreter import Interpreter

    chosen = bundle if streams == "pixels" else with_hands(streams)
    source = Source(chosen, exports.load_keras(chosen), images_of(8, chosen.size))
    before = source.model.get_weights()
    FORMATS["litert-int8"].write(source, tmp_path / "model.tflite")
    assert all(np.array_equal(*pair) for pair in zip(source.model.get_weights(), before, strict=True))
    network = Interpreter(str(tmp_path / "model.tflite"))
    tensors = network.get_tensor_details()
    layers = "^(?!.*hand_).*(trunk|tail|pooled|logits)"
    stream = {each["name"]: each["dtype"] for each in tensors if re.search(layers, each["name"])}
    assert len(stream) > 150
    (scores,) = (name for name, dtype in stream.items() if dtype not in (np.int8, np.int32))
    assert "logits" in scores and scores.endswith("dequant")
    biases = [
        network.get_tensor(each["index"]) for each in tensors if each["dtype"] == np.int32 and "BN" in each["name"]
    ]
    assert len(biases) >= 50
    assert max(np.abs(bias.astype(np.int64)).max() for bias in biases) < 2**31 - 1  # none has overflowed
