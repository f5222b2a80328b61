"""What is written beside exports, of models of every kind: whole, filled in, and nobody else's."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import hand_at
from PIL import Image

from handshape.console import Console
from handshape.export.bundle import Bundle
from handshape.export.usage import EXAMPLES, README, render, write_usage
from handshape.hands import models as pinned
from handshape.hands.finder import HandFinder
from handshape.hands.inputs import load_photograph, view_of, with_hands
from handshape.hands.landmarks import FEATURES, WITH_FEATURES_SHA256, Hand
from handshape.hands.models import HandModels
from handshape.model.decisions import NEVER, Thresholds
from handshape.serving.recognizer import hand_as_dict

NAMES = ('A"\\', "$x", "Ünï </script>", "B")
KINDS = {  # the inputs of a model, and how many hands are looked for
    "whole images": (frozenset({"image"}), 0),
    "crops": (frozenset({"image"}), 2),
    "both streams": (frozenset({"image", "landmarks", "hand_present"}), 1),
    "landmarks": (frozenset({"landmarks", "hand_present"}), 1),
    "landmarks and hand": (frozenset({"landmarks", "hand_present", "hand_features"}), 1),
    "every stream": (frozenset({"image", "landmarks", "hand_present", "hand_features"}), 1),
}
TEXTS = [name for names in EXAMPLES.values() for name in names]


def bundle_of(hands: int) -> Bundle:
    return Bundle(NAMES, 96, Thresholds(0.625, NEVER), hands, Path("bundle"), {})


def record_of(path: str, kept: bool = True) -> dict[str, Any]:
    """What ``exports.json`` says of a format."""
    measures = {"bytes": 3_140_000, "milliseconds": 1.5, "largest_difference": 2.5e-5, "images": 40}
    return {"path": path, "kept": kept, "export": 0.95, "keras": 0.975, **measures}


def written(kind: str, folder: Path, exported: dict[str, dict[str, Any]]) -> set[str]:
    inputs, hands = KINDS[kind]
    write_usage(folder, bundle_of(hands), inputs, exported, Console())
    return {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_python_is_python(kind: str) -> None:
    inputs, hands = KINDS[kind]
    for name in TEXTS:
        if name.endswith(".py"):
            text = render(name, bundle_of(hands), inputs, {}, "model.file")
            compile(text, name, "exec")
            assert ("def crop(" in text) == (hands > 0 and "image" in inputs)
            assert ("def features(" in text) == ("base64" in text) == ("hand_features" in inputs)
            assert ("PIL" in text) == ("image" in inputs)
            assert not [line for line in text.splitlines() if "import" in line and "handshape" in line]
            found: dict[str, Any] = {}
            constants = [line for line in text.splitlines() if line.startswith(("CLASS_NAMES", "WITH"))]
            exec("import math\n" + "\n".join(constants), found)
            assert found["CLASS_NAMES"] == list(NAMES)
            assert found["WITH_HAND"] == 0.625
            assert found.get("WITHOUT_HAND") == (NEVER if hands else None)


@pytest.mark.parametrize("hand", [None, hand_at(30, 40, 250), hand_at(-40, 90, 80, "Left", 7), hand_at(5, 0, 700)])
@pytest.mark.parametrize("form", ["wide.png", "tall.png", "turned.jpg", "clear.png"])
@pytest.mark.parametrize("kind", ["whole images", "every stream"])
def test_examples_see_what_handshape_sees(kind: str, form: str, hand: Hand | None, tmp_path: Path) -> None:
    inputs, hands = KINDS[kind]
    features = np.random.default_rng(3).normal(0, 4, FEATURES).astype(np.float16)
    seen = replace(hand, features=features) if hands and hand else None
    photograph = load_photograph(picture(tmp_path / form), 1024 if hands else 192)
    expected = with_hands(view_of(photograph, seen, 96)[None], [seen])
    example: dict[str, Any] = {"__name__": "example", "__file__": str(tmp_path / "example.py")}
    exec(render("example_litert.py", bundle_of(hands), inputs, {}, "model.tflite"), example)
    words = [hand_as_dict(seen, landmarks=True) if seen else None] if hands else []
    given = example["inputs_of"](str(tmp_path / form), *words)
    assert set(given) == inputs
    assert all(value.dtype == np.float32 for value in given.values())
    difference = np.abs(given["image"] - expected.image)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01  # landmarks are rounded in JSON
    if hands:
        np.testing.assert_allclose(given["landmarks"], expected.landmarks, atol=1e-4)
        np.testing.assert_array_equal(given["hand_present"], expected.hand_present)
        np.testing.assert_array_equal(given["hand_features"], expected.hand_features)


def picture(path: Path) -> Path:
    """A photograph of noise, as its name says."""
    shape = (27, 18) if path.stem == "tall" else (18, 27)
    noise = np.random.default_rng(5).integers(0, 256, (*shape, 4 if path.stem == "clear" else 3), np.uint8)
    size = (3300, 2200) if path.stem == "turned" else (shape[1] * 12, shape[0] * 12)  # a JPEG to be decoded smaller
    exif = Image.Exif()
    if path.stem == "turned":
        exif[0x0112] = 6
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, exif=exif)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_javascript_is_javascript(kind: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    inputs, hands = KINDS[kind]
    page = render("example_litert.html", bundle_of(hands), inputs, {}, "model.tflite")
    assert page.count("<script") == page.count("</script>") == 2
    script = page.split('<script type="module">')[1].partition("</script>")[0]
    for number, text in enumerate([render("example_onnx.mjs", bundle_of(hands), inputs, {}, "model.onnx"), script]):
        (tmp_path / f"{number}.mjs").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [node, "--check", tmp_path / f"{number}.mjs"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Example.kt", "example_litert.cpp", "example_onnx.cpp", "example_openvino.cpp"])
def test_other_languages_are_whole(kind: str, name: str) -> None:
    inputs, hands = KINDS[kind]
    text = render(name, bundle_of(hands), inputs, {}, "model.file")
    for opened, closed in ("{}", "()", "[]"):
        assert text.count(opened) == text.count(closed)
    assert "{{" not in text.replace('{{"', "") and "{%" not in text
    assert ('"A\\"\\\\", "$x"' in text) == (not name.endswith(".kt"))
    assert ('"A\\"\\\\", "\\$x"' in text) == name.endswith(".kt")
    assert all(f'"{each}"' in text for each in (*inputs, "probabilities"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_says_what_goes_in_and_what_comes_out(kind: str) -> None:
    inputs, hands = KINDS[kind]
    formats = {"litert-int8": record_of("model_int8.tflite"), "saved_model": record_of("saved_model")}
    text = render(README, bundle_of(hands), inputs, formats)
    assert json.dumps(NAMES, ensure_ascii=False) in text
    assert "| litert-int8 | `model_int8.tflite` | 3.1 | 1.5 | 95.0 % / 97.5 % | 0.000025 | example_litert.py" in text
    shapes = {"image": "[1, 96, 96, 3]", "landmarks": "[1, 21, 6]", "hand_present": "[1, 1]"}
    for name, shape in (shapes | {"hand_features": "[1, 7, 7, 192]"}).items():
        assert (f"| `{name}` | {shape} |" in text) == (name in inputs)
    assert all((words in text) == ("hand_features" in inputs) for words in (WITH_FEATURES_SHA256, "get_tensor(157)"))
    assert ("## Crops" in text) == (hands > 0 and not inputs.isdisjoint({"image", "hand_features"}))
    headings = {re.sub(r"[^\w ]", "", line.lstrip("# ")).replace(" ", "-").lower() for line in text.splitlines()}
    assert set(re.findall(r"\(#([\w-]+)\)", text)) <= headings
    assert "0.625 or more" in text
    assert ("| no hand | never | `no hand` |" in text) == (hands > 0)
    files = [pinned.PALM, pinned.LANDMARKS, pinned.WHEEL, pinned.WHEEL_SHA256, *pinned.SHA256.values()]
    assert all((each in text) == (hands > 0) for each in files)
    assert ("Up to 2 hands" in text) == (hands == 2)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_readme_says_how_features_are_read(mirror: bool, models: HandModels, drawn: Path) -> None:
    """Its words as arithmetic, on the square that the JSON of a hand names."""
    shown = np.asarray(Image.open(drawn / "5" / "5_0001.jpg").convert("RGB"))
    photograph = np.ascontiguousarray(shown[:, ::-1]) if mirror else shown
    (hand,) = HandFinder(models).find(photograph)
    said = hand_as_dict(hand, landmarks=True)
    x, y, width, angle = said["square"]
    steps = ((np.arange(224) + 0.5) / 224 - 0.5) * width
    u, v = np.meshgrid(steps, steps)
    columns, rows = x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle)
    example: dict[str, Any] = {"__name__": "example", "__file__": "example.py"}
    exec(render("example_litert.py", bundle_of(1), KINDS["every stream"][0], {}, "model.tflite"), example)
    crop = np.floor(example["bilinear"](photograph.astype(float), columns - 0.5, rows - 0.5))
    if said["handedness"] == "Left":
        crop = crop[:, ::-1]
    text = render(README, bundle_of(1), KINDS["every stream"][0], {"onnx": record_of("model.onnx")})
    code = text.split("```python")[1].partition("```")[0].replace(pinned.LANDMARKS, str(models.landmarks))
    read: dict[str, Any] = {"crop": (crop[None] / 255).astype(np.float32)}
    exec(code, read)
    assert said["handedness"] == ("Left" if mirror else "Right")
    difference = np.abs(read["hand_features"][0] - example["features"](said))
    assert difference.max() < 0.05 * np.ptp(example["features"](said))


def test_examples_open_the_first_format_that_is_there(tmp_path: Path) -> None:
    exported = {name: record_of(f"{name}.file") for name in ("litert-int8", "litert-float16", "openvino")}
    names = written("both streams", tmp_path, exported)
    assert names == {README, *EXAMPLES["litert"], *EXAMPLES["openvino"]}
    assert '"litert-float16.file"' in (tmp_path / "example_litert.py").read_text()
    assert '"openvino/model.xml"' in (tmp_path / "example_openvino.cpp").read_text()


def test_what_was_not_kept_has_no_example(tmp_path: Path) -> None:
    written("whole images", tmp_path, {"onnx": record_of("model.onnx"), "litert": record_of("model.tflite")})
    left = written("whole images", tmp_path, {"onnx": record_of("model.onnx", kept=False)})
    assert left == set(EXAMPLES["litert"])


def test_the_files_of_others_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / README).write_text("# My application\n")
    (tmp_path / "example_onnx.py").mkdir()
    names = written("whole images", tmp_path, {"onnx": record_of("model.onnx")})
    assert names == {README, *EXAMPLES["onnx"]}
    assert (tmp_path / README).read_text() == "# My application\n"
    said = capsys.readouterr().err.replace("\n", "")
    assert said.count("was not written by Handshape") == 2
