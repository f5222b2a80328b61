"""Thousands of damaged files: each is read or refused in a sentence; nothing else happens."""

import io
import json
import multiprocessing
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import Trained
from PIL import Image

from handshape.config import load_settings
from handshape.downloads import file_sha256
from handshape.errors import HandshapeError, ImageError, SettingsError
from handshape.export.bundle import find_bundle
from handshape.export.manifest import MANIFEST, manifest_sha256
from handshape.hands.inputs import load_photograph
from handshape.sections import Settings
from handshape.serving.proof import prove

LONGEST = 10.0  # seconds that one may take
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Other bytes in its head or anywhere, cut short, or a piece twice."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 2, 4, 16, 64])):
        data[chance.randrange(min(len(data), chance.choice([32, 256, len(data)])))] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    if chance.random() < 0.1:
        start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        data[start:start] = data[start:end]
    return bytes(data)


def timed(read: Callable[[], object]) -> None:
    start = time.monotonic()
    read()
    assert time.monotonic() - start < LONGEST


def test_two_thousand_images(trained: Trained):
    with Image.open(next(trained.data.glob("*/*.*"))) as image:
        picture = image.convert("RGB").resize((64, 48))
    whole = []
    for kind in FORMATS:
        stream = io.BytesIO()
        picture.save(stream, kind)
        whole.append(stream.getvalue())
    chance, outcomes = random.Random(1), Counter[str]()

    def read(content: bytes) -> None:
        try:
            outcomes["read"] += load_photograph(content).pixels.ndim == 3
        except ImageError as error:
            assert "\n" not in error.happened and len(error.happened) < 500
            outcomes["refused"] += 1

    for number in range(2000):
        content = damaged(whole[number % len(whole)], chance)
        timed(lambda content=content: read(content))
    assert sum(outcomes.values()) == 2000
    assert min(outcomes.values()) > 200  # of both kinds there were many


def any_value(chance: random.Random, depth: int = 0) -> object:
    """Whatever YAML can say."""
    kinds = ["number", "text", "word", "huge"] + ["list", "mapping"] * (depth < 3)
    kind = chance.choice(kinds)
    if kind == "number":
        return chance.choice([0, -1, 1e308, float("nan"), float("-inf"), True, None, 10**30, 0.5])
    if kind == "text":
        return "".join(chr(chance.choice([9, 10, 27, 34, 58, 0x202E, 0x1F600, *range(32, 127)])) for _ in range(9))
    if kind == "word":
        return chance.choice(["on", "off", "auto", "nan", "../..", "~", "null", "2024-02-30", "!!python/object"])
    if kind == "huge":
        return "x" * 20_000
    if kind == "list":
        return [any_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {str(any_value(chance, 3))[:50]: any_value(chance, depth + 1) for _ in range(chance.randrange(4))}


def test_five_hundred_settings_files(tmp_path: Path):
    chance, usual, outcomes = random.Random(2), Settings().model_dump(), Counter[str]()
    file = tmp_path / "settings.yaml"

    def read() -> None:
        try:
            outcomes["read"] += isinstance(load_settings(config_file=file), Settings)
        except SettingsError as error:
            assert len(error.text) < 3000
            outcomes["refused"] += 1

    for number in range(500):
        if number % 2:
            file.write_bytes(damaged(yaml.safe_dump(usual).encode(), chance))
        else:
            section = chance.choice(list(usual))
            name = chance.choice([*usual[section], "unknown"])
            file.write_text(yaml.safe_dump({section: {name: any_value(chance)}}, allow_unicode=True), "utf-8")
        timed(read)
    assert sum(outcomes.values()) == 500
    assert min(outcomes.values()) > 10


def _prove_damaged(source: Path, place: Path, seed: int) -> str:
    """What comes of a bundle with one damaged file, whose checksums fit."""
    chance = random.Random(seed)
    folder = place / str(seed)
    shutil.copytree(source, folder)
    name = chance.choice(["model.tflite", "class_activation.npy", MANIFEST])
    (folder / name).write_bytes(damaged((folder / name).read_bytes(), chance))
    if name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["files"] = {each: file_sha256(folder / each) for each in manifest["files"]}
        manifest["sha256"] = manifest_sha256(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))
    start = time.monotonic()
    try:
        prove(find_bundle(folder))
        outcome = "answers"
    except HandshapeError as error:
        outcome = "refused" if "\n" not in error.happened else f"more than a line: {error.happened}"
    shutil.rmtree(folder)
    return outcome if time.monotonic() - start < LONGEST else "too slow"


@pytest.mark.slow
def test_two_hundred_bundles(trained: Trained, tmp_path: Path):
    """Each in a process of its own, for a network runs in native code."""
    source, outside = find_bundle(trained.folder).folder, sorted(tmp_path.iterdir())
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=25) as pool:
        waiting = [pool.apply_async(_prove_damaged, (source, tmp_path, seed)) for seed in range(200)]
        outcomes = Counter(each.get(timeout=300) for each in waiting)
    assert set(outcomes) == {"answers", "refused"}
    assert outcomes["refused"] > 100
    assert sorted(tmp_path.iterdir()) == outside  # nothing was written beside them
