"""The parts of the page's recogniser, in Chromium: arithmetic on pixels, boxes and probabilities is Python's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import BLANK, Seen, browser, opened, raw, served  # noqa: F401
from PIL import Image

from handshape.hands.boxes import Box, cut, square_around, upward
from handshape.hands.palm import PalmOutput, anchors, fit
from handshape.images import Pixels
from handshape.model.decisions import Thresholds, decide
from handshape.serving.site import page_files, read

PICTURE = """const picture = ({ data, width, height }) =>
  ({ data: Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), width, height });"""


@pytest.fixture(scope="module")
def modules(browser: Any) -> Iterator[Seen]:  # noqa: F811
    """A page that imports the recogniser's modules one by one."""
    files = {name: read(content) for name, content in page_files().items()}
    with served({"blank.html": BLANK, **files}) as address, opened(browser) as seen:
        seen.page.goto(address + "blank.html")
        yield seen


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_picture(image: Pixels) -> dict[str, Any]:
    """An image as the page's modules take it."""
    opaque = np.full((*image.shape[:2], 1), 255, np.uint8)
    return {"data": raw(np.concatenate([image, opaque], axis=2)), "width": image.shape[1], "height": image.shape[0]}


def pixels_of(said: dict[str, Any]) -> Pixels:
    return np.array(said["data"], np.uint8).reshape(said["height"], said["width"], -1)[..., :3]


@pytest.mark.parametrize("size", [(64, 48), (7, 5), (101, 150), (300, 20)])
@pytest.mark.parametrize("new", [(40, 30), (64, 48), (9, 80), (1, 1)])
def test_resize_is_pillows_to_the_last_bit(modules: Seen, size: tuple[int, int], new: tuple[int, int]) -> None:
    image = noise(*size)
    script = f"""async ([given, width, height]) => {{ {PICTURE}
      const {{ resize }} = await import("./recognizer/pixels.js");
      const {{ data, ...size }} = resize(picture(given), width, height);
      return {{ data: Array.from(data), ...size }}; }}"""
    said = modules.run(script, [as_picture(image), *new])
    np.testing.assert_array_equal(pixels_of(said), Image.fromarray(image).resize(new, Image.Resampling.BILINEAR))


@pytest.mark.parametrize("factors", [(2, 2), (3, 3), (5, 4), (1, 6), (70, 50)])
def test_reduce_is_pillows_to_the_last_bit(modules: Seen, factors: tuple[int, int]) -> None:
    image = noise(64, 47)
    script = f"""async ([given, ...factors]) => {{ {PICTURE}
      const {{ reduce }} = await import("./recognizer/pixels.js");
      const {{ data, ...size }} = reduce(picture(given), ...factors);
      return {{ data: Array.from(data), ...size }}; }}"""
    said = modules.run(script, [as_picture(image), *factors])
    np.testing.assert_array_equal(pixels_of(said), Image.fromarray(image).reduce(factors))


@pytest.mark.parametrize(
    "box",
    [
        Box(30.3, 22.7, 20.5, 20.5, 0.4),
        Box(2.0, 3.0, 50.0, 50.0, -2.9),
        Box(60.0, 40.0, 200.0, 200.0, 1.2),
        Box(10.0, 44.0, 500.0, 500.0, 0.0),
    ],
    ids=["inside", "over the edge", "reduced", "far larger"],
)
def test_cut_is_pillows_to_the_last_bit(modules: Seen, box: Box) -> None:
    image = noise(64, 47)
    script = f"""async ([given, box, mirrored]) => {{ {PICTURE}
      const {{ cut }} = await import("./recognizer/boxes.js");
      const {{ BYTES }} = await import("./recognizer/pixels.js");
      const target = new Float32Array(32 * 32 * 3);
      cut(picture(given), box, 32, target, {{ values: BYTES, mirrored }});
      return Array.from(target); }}"""
    crop = cut(image, box, 32)
    for mirrored in (False, True):
        said = np.array(modules.run(script, [as_picture(image), box._asdict(), mirrored])).reshape(32, 32, 3)
        np.testing.assert_array_equal(said, crop[:, ::-1] if mirrored else crop)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (641, 479), (192, 192), (100, 30)])
@pytest.mark.parametrize("margin", [0.0, 1 / 3, 1.0])
def test_palms_are_looked_for_in_the_same_square(modules: Seen, size: tuple[int, int], margin: float) -> None:
    image = noise(*size)
    raw_boxes = np.random.default_rng(1).normal(0, 30, (2016, 18)).astype(np.float32)
    logits = np.random.default_rng(2).normal(-9, 4, (2016, 1)).astype(np.float32)
    script = f"""async ([given, margin, boxes, logits]) => {{ {PICTURE}
      const {{ PalmDetector }} = await import("./recognizer/palm.js");
      const square = new Float32Array(192 * 192 * 3);
      const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
      const run = async ([write]) => {{ write(square); return [floats(boxes), floats(logits)]; }};
      const detector = new PalmDetector({{ outputShapes: [[1, 2016, 18], [1, 2016, 1]], run }});
      const output = await detector.look(picture(given), margin);
      return [Array.from(square), output.handBoxes(), output.handBoxes(0.12)]; }}"""
    said, *boxes = modules.run(script, [as_picture(image), margin, raw(raw_boxes), raw(logits)])
    square, letterbox = fit(image, margin)
    np.testing.assert_array_equal(np.round(np.array(said).reshape(192, 192, 3) * 255), square)
    output = PalmOutput(raw_boxes, 1 / (1 + np.exp(-logits[:, 0])), anchors(), letterbox)
    for found, least in zip(boxes, (0.5, 0.12), strict=True):
        expected = output.palms(least).hand_boxes()
        assert len(expected) > 1
        np.testing.assert_allclose([list(box.values()) for box in found], expected, rtol=1e-4, atol=1e-3)


def test_half_precision_is_numpys(modules: Seen) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 10.0**power, 200) for power in range(-9, 4)]).astype(np.float32)
    values = np.concatenate([values, np.float32([0, 1, 2**-14, 2**-24, 2**-25, 1 + 2**-11, 1 + 3 * 2**-11])])
    script = """async (values) => {
      const { toHalf } = await import("./recognizer/landmarks.js");
      return Array.from(toHalf(Float32Array.from(values))); }"""
    np.testing.assert_array_equal(modules.run(script, values.tolist()), values.astype(np.float16).astype(np.float32))


def test_geometry(modules: Seen) -> None:
    points = np.random.default_rng(0).normal(100, 40, (21, 3)).astype(np.float32)
    script = """async ([points, way]) => {
      const { squareAround, upward } = await import("./recognizer/boxes.js");
      return [squareAround(points, [0, 3, 7, 20], 0.7, 2, -0.1), upward(...way)]; }"""
    for way in ([3.0, -4.0], [-1.0, 0.0], [0.0, 5.0], [-2.0, 7.0]):
        box, angle = modules.run(script, [points.ravel().tolist(), way])
        np.testing.assert_allclose(
            list(box.values()), square_around(points[[0, 3, 7, 20]], 0.7, 2.0, -0.1), rtol=1e-5, atol=1e-4
        )
        assert angle == pytest.approx(upward(np.zeros(2), np.array(way)))


@pytest.mark.parametrize("shape", [(3,), (2, 5), (4, 1, 6)])
def test_npy_files_are_read(modules: Seen, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    script = """async (text) => {
      const { readNpy } = await import("./recognizer/npy.js");
      try {
        const { values, shape } = readNpy(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
        return { values: Array.from(values), shape };
      } catch (error) { return error.message; } }"""
    said = {}
    for kind in (np.float32, np.float64):
        np.save(tmp_path / "array.npy", array.astype(kind))
        content = np.frombuffer((tmp_path / "array.npy").read_bytes(), np.uint8)
        said[kind] = modules.run(script, raw(content))
    assert said[np.float32] == {"values": array.ravel().tolist(), "shape": list(shape)}
    assert said[np.float64] == "not an .npy file of float32 in C order"


@pytest.mark.parametrize("probabilities", [[0.2, 0.5, 0.3], [0.5, 0.5, 0.0], [0.1, 0.1, 0.8], [float("nan")] * 3])
@pytest.mark.parametrize("found", [True, False, None])
@pytest.mark.parametrize("least", [Thresholds(0.5), Thresholds(0.6, 0.5), Thresholds(0.0, 0.9)])
def test_decisions_are_pythons(
    modules: Seen, probabilities: list[float], found: bool | None, least: Thresholds
) -> None:
    script = """async ([probabilities, found, thresholds]) => {
      const { decide } = await import("./recognizer/decisions.js");
      return decide(["a", "b", "c"], probabilities, found, thresholds); }"""
    said = modules.run(script, [probabilities, found, least.as_dict()])
    assert said == decide("abc", np.array(probabilities, np.float32), found, least)
