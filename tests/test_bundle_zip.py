"""A bundle as one zip, its model card, and bundles of every format."""

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.errors import HandshapeError, ModelError, RunError
from handshape.export import archive
from handshape.export.archive import keep
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.export.card import card_of
from handshape.export.manifest import manifest_sha256
from handshape.model.decisions import NEVER, Thresholds

ACTIVATION = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    model = tmp_path / "final.keras"
    model.write_bytes(b"a model" * 1000)
    details = {"accuracy": {"test": 0.5}}
    description = ModelDescription(("B", "A"), 96, Thresholds(0.4), 2)
    return write_bundle(tmp_path / "bundle", description, model, b"network", ACTIVATION, details)


@pytest.fixture
def packed(bundle: Bundle, tmp_path: Path) -> Path:
    bundle.pack(tmp_path / "model.zip")
    return tmp_path / "model.zip"


def repacked(packed: Path, **changes: bytes | None) -> Path:
    """The zip with other contents of some files (``_`` for the dot); None leaves one out."""
    named = {name.replace("_", ".", 1): content for name, content in changes.items()}
    file = packed.with_name("changed.zip")
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = named.pop(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    assert not named
    return file


def manifest_with(bundle: Bundle, **changes: object) -> bytes:
    """The manifest, changed by someone who knows how to make its checksum fit."""
    manifest = dict(bundle.details) | changes
    return json.dumps(manifest | {"sha256": manifest_sha256(manifest)}).encode()


def test_a_zip_is_the_bundle(bundle: Bundle, packed: Path, home: Path):
    found = find_bundle(packed)
    assert found.folder == home / "bundles" / bundle.sha256
    assert (found.class_names, found.thresholds, found.details) == (
        bundle.class_names,
        bundle.thresholds,
        bundle.details,
    )
    assert {file.name for file in found.folder.iterdir()} == {file.name for file in bundle.folder.iterdir()}
    assert found.keras.read_bytes() == bundle.keras.read_bytes()
    assert find_bundle(packed) == found
    assert [folder.name for folder in (home / "bundles").iterdir()] == [bundle.sha256]


def test_the_same_bundle_gives_the_same_zip(bundle: Bundle, packed: Path, tmp_path: Path):
    shutil.copytree(bundle.folder, tmp_path / "copy")
    find_bundle(tmp_path / "copy").pack(tmp_path / "again.zip")
    assert packed.read_bytes() == (tmp_path / "again.zip").read_bytes()
    assert packed.stat().st_size < bundle.keras.stat().st_size


def test_a_folder_that_somebody_zipped(bundle: Bundle, tmp_path: Path):
    (bundle.folder / ".DS_Store").write_bytes(b"")
    file = Path(shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path, "bundle"))
    assert find_bundle(file).sha256 == bundle.sha256


def test_a_damaged_copy_in_the_cache_is_taken_out_anew(bundle: Bundle, packed: Path):
    cached = find_bundle(packed)
    cached.keras.write_bytes(b"another")
    assert find_bundle(packed).keras.read_bytes() == bundle.keras.read_bytes()
    (cached.folder / "bundle.json").unlink()
    assert find_bundle(packed).sha256 == bundle.sha256


def test_what_was_changed_is_refused(bundle: Bundle, packed: Path, home: Path):
    for changes, says in (
        ({"model_keras": b"another"}, r"model\.keras has changed"),
        ({"model_tflite": None}, r"model\.tflite is missing"),
        ({"bundle_json": b"{}"}, r"bundle\.json cannot be read"),
        ({"bundle_json": b"\xff"}, r"bundle\.json cannot be read"),
        ({"bundle_json": json.dumps(dict(bundle.details) | {"hands": 1}).encode()}, r"bundle\.json has changed"),
        ({"bundle_json": None}, r"there is no bundle\.json in it"),
        ({"bundle_json": manifest_with(bundle, format=99)}, "pip install --upgrade"),
        ({"bundle_json": manifest_with(bundle, files=[["model.keras", ""]])}, "not names with checksums"),
    ):
        with pytest.raises(ModelError, match=says):
            find_bundle(repacked(packed, **changes))  # type: ignore[arg-type]
    assert not (home / "bundles").exists() or not list((home / "bundles").iterdir())


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/tmp/escaped", "sub/escaped", "..\\escaped", "C:escaped", "..", ".", "", "a\0"],
)
def test_nothing_is_written_outside(name: str, bundle: Bundle, tmp_path: Path, home: Path):
    evil = b"evil"
    manifest = manifest_with(bundle, files={name: hashlib.sha256(evil).hexdigest()})
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("bundle.json", manifest)
        file.writestr(name.rstrip("\0") or "empty", evil)
    with pytest.raises(ModelError, match="names a file outside of it"):
        find_bundle(tmp_path / "evil.zip")
    assert not list(tmp_path.rglob("*escaped*"))
    shutil.rmtree(bundle.folder)
    bundle.folder.mkdir()
    (bundle.folder / "bundle.json").write_bytes(manifest)
    with pytest.raises(ModelError, match="names a file outside of it"):
        find_bundle(bundle.folder)


def test_a_bomb_is_not_let_off(bundle: Bundle, tmp_path: Path, home: Path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BUNDLE", 1 << 20)
    zeros = b"\0" * (3 << 20)
    manifest = manifest_with(bundle, files={"model.keras": hashlib.sha256(zeros).hexdigest()})
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bundle.json", manifest)
        file.writestr("model.keras", zeros)
    assert (tmp_path / "bomb.zip").stat().st_size < 10_000
    with pytest.raises(ModelError, match="brings it above"):
        find_bundle(tmp_path / "bomb.zip")
    assert not list((home / "bundles").iterdir())


def test_cut_and_changed_zips_give_a_message(packed: Path, bundle: Bundle, tmp_path: Path):
    content, file = packed.read_bytes(), tmp_path / "some.zip"
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 60).tolist():
        for changed in (content[:place], content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]):
            file.write_bytes(changed)
            try:
                assert find_bundle(file).sha256 == bundle.sha256
            except HandshapeError as error:
                assert error.expected or error.fix


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_damage_of_any_compression_is_that_of_the_zip_not_of_the_cache(method: int, bundle: Bundle, tmp_path: Path):
    file = tmp_path / "some.zip"
    with zipfile.ZipFile(file, "w", method) as packed:
        for name in ("bundle.json", *bundle.details["files"]):
            packed.write(bundle.folder / name, name)
        bodies = [(entry.header_offset + 30 + len(entry.filename), entry.compress_size) for entry in packed.infolist()]
    content = file.read_bytes()
    rng = np.random.default_rng(method)
    for start, size in bodies:  # of LZMA's second half the end is no part of the content
        for place in rng.integers(start, start + size // 2, 20).tolist():
            file.write_bytes(
                content[:place] + bytes(byte ^ 0x5A for byte in content[place : place + 4]) + content[place + 4 :]
            )
            with pytest.raises(ModelError, match=r"damaged|is not a bundle"):
                find_bundle(file)


def test_headers_that_lead_elsewhere(packed: Path):
    content = packed.read_bytes()
    central = content.index(b"PK\1\2")
    before_its_beginning = content[:-6] + (len(content)).to_bytes(4, "little") + content[-2:]
    no_text = b"".join((content[:6], b"\0\x08", content[8:30], b"\xf4", content[31:]))
    no_text = no_text[: central + 8] + b"\0\x08" + no_text[central + 10 :]
    for changed in (before_its_beginning, no_text):
        packed.write_bytes(changed)
        with pytest.raises(ModelError, match="is not a bundle"):
            find_bundle(packed)


def test_a_zip_that_may_not_be_read(packed: Path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(ModelError, match=r"Cannot read .*model\.zip: permission denied"):
        find_bundle(packed)


def test_a_file_that_breaks_off_is_no_fault_of_the_cache(bundle: Bundle):
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the network is gone")

    with pytest.raises(OSError, match="the network is gone"):
        keep((bundle.folder / "bundle.json").read_bytes(), lambda name: Broken(), "elsewhere")


@pytest.mark.parametrize("content", [b"", b"no zip", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_no_zip(content: bytes, tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(ModelError, match=r"photo\.jpg is not a bundle"):
        find_bundle(tmp_path / "photo.jpg")


def test_a_cache_that_cannot_be_written(packed: Path, home: Path):
    home.write_text("a file")
    with pytest.raises(RunError, match=r"Cannot write (.|\n)*choose another place with HANDSHAPE_HOME"):
        find_bundle(packed)


def test_whoever_is_second_takes_what_the_first_put_there(bundle: Bundle, home: Path):
    """Another program finishes the same bundle while this one fetches it."""

    def open_file(name: str) -> io.BytesIO:
        target = home / "bundles" / bundle.sha256
        if not target.exists():
            shutil.copytree(bundle.folder, target)
        return io.BytesIO((bundle.folder / name).read_bytes())

    folder = keep((bundle.folder / "bundle.json").read_bytes(), open_file, "elsewhere")
    assert find_bundle(folder).sha256 == bundle.sha256
    assert [path.name for path in folder.parent.iterdir()] == [bundle.sha256]


def test_an_older_bundle_has_no_card_but_one_is_written_for_it(bundle: Bundle, tmp_path: Path):
    (bundle.folder / "CARD.md").unlink()
    files = {name: sha256 for name, sha256 in bundle.details["files"].items() if name != "CARD.md"}
    old = {
        key: value for key, value in bundle.details.items() if key not in ("hands", "thresholds", "accuracy", "sha256")
    }
    for manifest in (dict(bundle.details) | {"files": files}, old | {"files": files, "format": 1}):
        (bundle.folder / "bundle.json").write_text(json.dumps(manifest | {"sha256": manifest_sha256(manifest)}))
        found = find_bundle(bundle.folder)
        assert found.card.startswith("# A recogniser of 2 handshapes\n")
        found.pack(tmp_path / f"{manifest['format']}.zip")
        assert find_bundle(tmp_path / f"{manifest['format']}.zip").card == found.card
    assert "looks for no hands" in found.card
    assert "always answers with a label" in found.card
    assert "Nothing was measured" in found.card


def facts(**changes: object) -> dict:
    manifest = {
        "labels": ["A", "B"],
        "input": {"size": 128},
        "hands": 1,
        "thresholds": Thresholds(0.4).as_dict(),
        "split": "by signer (9 signers)",
        "images": {"train": 1200, "validation": 30, "test": 60},
        "signers": 9,
        "accuracy": {"validation": 0.95, "test": 0.9},
        "measures": {
            "test": {"n": 60, "per_class": {"A": {"recall": 1.0, "support": 40}, "B": {"recall": 0.7, "support": 20}}},
            "validation": {"n": 30},
            "external": {"office": {"n": 200, "accuracy": 0.71}},
            "worst_signer": {"n": 12, "accuracy": 0.5},
            "hands_found": 0.97,
            "without_sign": {"n": 40, "share": 0.025, "low": 0.004, "high": 0.129},
        },
    }
    return manifest | changes


def test_a_card_says_what_was_measured_on_whom():
    card = card_of(facts())
    for words in (
        "1,200 photographs. They and those below are of 9 people.",
        "| kept for the test: people kept out of training | 60 | 90.0% |",
        "| from elsewhere: `office` | 200 | 71.0% |",
        "| of the person it reads worst | 12 | 50.0% |",
        "A hand was found in 97.0% of the test photographs.",
        "Of 40 photographs without a sign that it was not tuned on, 2.5% were taken for one (95% interval 0% to 13%).",
        "It reads worst: `B` (70% right).",
        "0.400 or more",
        "It does not translate a sign language.",
        "J and Z",
        "must not decide about people",
        "Apache-2.0",
    ):
        assert words in card
    assert "not known" not in card
    assert "went on learning" not in card


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        (["landmarks", "hand"], "of each sees 21 landmarks and the last feature map of the landmark network."),
        (["landmarks", "pixels"], "of each sees a crop of 128x128 pixels and 21 landmarks."),
        (["pixels"], "of each sees a crop of 128x128 pixels."),
        (None, "of each sees a crop of 128x128 pixels and 21 landmarks."),
    ],
)
def test_a_card_says_what_the_model_sees(streams: list[str] | None, words: str):
    card = card_of(facts(settings={"model": {"streams": streams}}) if streams else facts())
    assert words in card


def test_a_card_says_what_is_not_known():
    card = card_of(facts(signers=None, measures={}, learned_from_all=True, thresholds=Thresholds(NEVER).as_dict()))
    assert "How many people are in them is not known." in card
    assert "perhaps the same people as in training | ? | 90.0% |" in card
    assert "How well it does with photographs from elsewhere is not known." in card
    assert "went on learning" in card
    assert "never enough" in card


@pytest.mark.parametrize("label", ["a|b", "a`b", "``", "<b>", "# x", "[x](y)", "two\nlines", "*", "| --- |"])
def test_no_name_of_a_class_is_markdown(label: str):
    manifest = facts(class_names=[label])
    manifest["measures"]["external"] = {label: {"n": 1, "accuracy": 0.5}}
    (row,) = [line for line in card_of(manifest).splitlines() if "from elsewhere" in line]
    assert row.count("|") == 4
    code = row.removeprefix("| from elsewhere: ").removesuffix(" | 1 | 50.0% |")
    fence = len(code) - len(code.lstrip("`"))
    assert fence >= 1
    assert "`" * fence not in code[fence:-fence]


def test_the_card_of_a_training(trained: Trained, handshape: Handshape):
    bundle = find_bundle(trained.folder)
    file = bundle.folder / "CARD.md"
    assert file.name in bundle.details["files"]
    card = file.read_text(encoding="utf-8")
    assert card == bundle.card
    assert card.startswith(
        "# A recogniser of 4 handshapes\n\nIt recognises one static handshape in a photograph: `5`, `A`"
    )
    results = json.loads((trained.folder / "results" / "evaluation_results.json").read_text())
    measures = bundle.details["measures"]
    assert f"| {results['test']['n']} | {results['accuracy']['test']:.1%} |" in card
    assert measures["test"] == {name: results["test"][name] for name in measures["test"]}
    assert bundle.details["images"] == {part: results["split"][part] for part in ("train", "validation", "test")}
    assert (bundle.details["signers"], measures["external"], measures["worst_signer"]) == (12, {}, None)
