"""The recogniser of the page, in Chromium, against the one in Python."""

import functools
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from api_server import running
from browser import BLANK, Seen, browser, opened, page, raw, served, site_of  # noqa: F401
from conftest import encoded
from helpers import started_runtime
from PIL import Image, ImageOps

from handshape import litert
from handshape.config import ModelSettings
from handshape.console import Console
from handshape.explain.saliency import where_it_looked
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.model.classifier import build_classifier
from handshape.model.decisions import Thresholds
from handshape.model.weights import find_weights
from handshape.practice.examples import example
from handshape.registry import resolve
from handshape.serving.recognizer import Recognizer
from handshape.serving.site import media_type, page_files, read

NAMES = ("5", "A", "B", "L")
OPEN = """async () => {
  const site = await (await fetch("site.json")).json();
  const { openRecognizer } = await import("./recognizer/recognizer.js");
  window.shares = [];
  window.recognizer = await openRecognizer(site, { onProgress: (share) => shares.push(share) });
}"""
READ = """
  window.bitmap = async (name) => createImageBitmap(await (await fetch(name)).blob(), { colorSpaceConversion: "none" });
  window.plain = (answer) => answer && { ...answer, probabilities: Array.from(answer.probabilities ?? []),
    heat: answer.heat && { ...answer.heat, values: Array.from(answer.heat.values) } };
"""
RECOGNIZE = "async ([name, options]) => plain(await recognizer.recognize(await bitmap(name), options))"


@dataclass(frozen=True)
class Compared:
    """A page and a recogniser in Python with the same model, and the photographs that both know by name."""

    seen: Seen
    recognizer: Recognizer
    photographs: dict[str, bytes]

    def answer(self, name: str, **options: bool) -> Any:
        return self.seen.run(RECOGNIZE, [name, options])


@pytest.fixture(scope="module")
def photographs() -> dict[str, bytes]:
    """Drawn hands, one of them a left one, and a wall, by name; PNG, which all decoders read alike."""
    drawn = {f"{label}.png": Image.open(io.BytesIO(example(label, 0))).convert("RGB") for label in ("A", "B", "L")}
    drawn |= {"left.png": ImageOps.mirror(drawn["B.png"]), "wall.png": Image.new("RGB", (240, 130), (90, 120, 160))}
    return {name: encoded(picture) for name, picture in drawn.items()}


@pytest.fixture(scope="module")
def ready(browser: Any, models: HandModels, photographs: dict[str, bytes]) -> Iterator[Compared]:  # noqa: F811
    """The model that comes along."""
    with compared(browser, resolve("asl"), models, photographs) as both:
        yield both


@pytest.fixture(scope="module", params=["pixels", "landmarks", "landmarks hand pixels"])
def untrained(
    request: pytest.FixtureRequest,
    browser: Any,  # noqa: F811
    models: HandModels,
    photographs: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Compared]:
    """Models of other streams; those of pixels alone look at whole photographs."""
    bundle = untrained_bundle(request.param.split(), tmp_path_factory.mktemp("untrained"))
    with compared(browser, bundle, models, photographs) as both:
        yield both


@contextmanager
def compared(chromium: Any, bundle: Bundle, models: HandModels, photographs: dict[str, bytes]) -> Iterator[Compared]:
    """A page and a recogniser that were given the same; nothing may go wrong in the page."""
    with served(site_of(bundle) | photographs) as address, opened(chromium) as seen:
        open_page(seen, address)
        assert seen.run("() => recognizer.backend") == "device"
        yield Compared(seen, Recognizer(bundle, models if bundle.hands else None), photographs)
        assert seen.errors == []


def open_page(seen: Seen, address: str) -> None:
    seen.page.add_init_script(READ)
    seen.page.goto(address + "blank.html")
    seen.run(OPEN)


def untrained_bundle(streams: Sequence[str], place: Path) -> Bundle:
    """A network as it is before training, whose answers are far apart."""
    started_runtime()
    settings = ModelSettings(img_size=96, streams=list(streams))  # type: ignore[call-arg,arg-type]
    classifier = build_classifier(NAMES, settings, find_weights("own", 96, Console(quiet=True)))
    classifier.model.save(place / "model.keras")
    description = ModelDescription(NAMES, 96, Thresholds(0.3, 0.2), 0 if streams == ["pixels"] else 1)
    content = litert.convert(classifier.model)
    write_bundle(place / "bundle", description, place / "model.keras", content, None, {})
    return find_bundle(place / "bundle")


def require_near(landmarks: list[list[float]], hand: Hand) -> None:
    """The networks reckon with other instructions, which depth, a guess, feels most."""
    assert np.all(np.abs(np.array(landmarks) - hand.landmarks) < (0.5, 0.5, 3))


def test_answers_are_pythons(ready: Compared) -> None:
    names = ready.recognizer.class_names
    for name, content in ready.photographs.items():
        said, expected = ready.answer(name, follow=False), ready.recognizer.recognize(content)
        assert (said["decision"], said["top"][0][0]) == (expected.decision, expected.top[0][0])
        for label, probability in expected.top:
            assert said["probabilities"][names.index(label)] == pytest.approx(probability, abs=1e-3)
        assert (said["hand"] is None) == (expected.hand is None)
        if expected.hand is not None:
            assert said["hand"]["handedness"] == expected.hand.handedness
            require_near(said["hand"]["landmarks"], expected.hand)
            np.testing.assert_allclose(said["hand"]["world"], expected.hand.world, atol=1e-3)
            np.testing.assert_allclose(list(said["hand"]["box"].values()), expected.hand.box, atol=0.5)
    assert ready.answer("left.png", follow=False)["hand"]["handedness"] == "Left"
    assert ready.seen.run("() => shares.at(-1)") == 1


def test_other_streams(untrained: Compared) -> None:
    names = untrained.recognizer.class_names
    for name, content in untrained.photographs.items():
        said, expected = untrained.answer(name, follow=False), untrained.recognizer.recognize(content)
        assert said["decision"] == expected.decision
        for label, probability in expected.top:
            assert said["probabilities"][names.index(label)] == pytest.approx(
                probability, abs=1e-2
            )  # untrained, they magnify


def test_a_film_is_followed(ready: Compared) -> None:
    """The hand wanders, leaves, and comes again; Python sees the same."""
    hand = np.asarray(Image.open(io.BytesIO(ready.photographs["L.png"])))
    frames = {f"frames/{step}.png": np.roll(hand, 6 * step, axis=1) for step in range(4)}
    frames["frames/gone.png"] = np.asarray(Image.open(io.BytesIO(ready.photographs["wall.png"])))
    contents = {name: encoded(frame) for name, frame in frames.items()}
    ready.seen.page.route("**/frames/*", functools.partial(fulfil, contents))
    previous = None
    ready.seen.run("() => recognizer.forget()")
    for name, content in [*contents.items(), *list(contents.items())[:1]]:
        said, expected = ready.answer(name), ready.recognizer.follow(content, previous)
        previous = expected.hand
        assert said["decision"] == expected.decision
        assert (said["hand"] is None) == (previous is None)
        if previous is not None:
            require_near(said["hand"]["landmarks"], previous)
    assert previous is not None


def test_where_it_looked(ready: Compared) -> None:
    weights = np.load(ready.recognizer.bundle.activation)
    for name in ("L.png", "left.png", "wall.png"):
        expected, features = ready.recognizer.explain(ready.photographs[name])
        number = ready.recognizer.class_names.index(expected.top[0][0])
        heat = where_it_looked(features, weights, number, expected.hand)
        said = ready.answer(name, follow=False, heat=True)["heat"]
        assert (said is None) == (heat is None)
        if heat is not None:
            assert np.abs(np.reshape(said["values"], (said["height"], said["width"])) - heat).mean() < 0.01
    assert ready.answer("L.png", follow=False)["heat"] is None


@pytest.mark.parametrize(("threads", "setup"), [(1, ""), (2, ""), (1, "WebAssembly.validate = () => false")])
def test_every_build_of_the_runtime_answers_alike(
    page: Seen,  # noqa: F811
    models: HandModels,
    threads: int,
    setup: str,
) -> None:
    image = np.random.default_rng(0).random((1, 192, 192, 3), np.float32)
    page.page.add_init_script(setup)
    script = """async ([bytes, threads]) => {
      const { openRuntime } = await import("./recognizer/litert.js");
      const runtime = await openRuntime(new URL("litert/wasm/", location.href), threads);
      const network = await runtime.load(new Uint8Array(await (await fetch("hands/palm.tflite")).arrayBuffer()));
      const image = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)).buffer;
      const outputs = await network.run([(target) => target.set(new Float32Array(image))]);
      return outputs.map((values) => Array.from(values)); }"""
    with served(site_of(resolve("asl"))) as address:
        page.page.goto(address + "blank.html")
        said = page.run(script, [raw(image), threads])
    for values, expected in zip(said, litert.Network(models.palm)(image), strict=True):
        np.testing.assert_allclose(values, expected.ravel(), atol=1e-2)
    assert page.errors == []


def test_only_the_newest_waits(ready: Compared) -> None:
    script = """async () => {
      const bitmaps = await Promise.all([1, 2, 3, 4].map(() => bitmap("L.png")));
      const answers = await Promise.all(bitmaps.map((each) => recognizer.recognize(each)));
      return answers.map((answer) => answer && answer.decision); }"""
    first, *dropped, last = ready.seen.run(script)
    assert (first, dropped, last) == ("L", [None, None], "L")


def test_a_closed_recognizer_says_so(browser: Any, models: HandModels, photographs: dict[str, bytes]) -> None:  # noqa: F811
    with served(site_of(resolve("asl")) | photographs) as address, opened(browser) as seen:
        open_page(seen, address)
        script = """async () => {
          const taken = await bitmap("L.png");
          taken.close();
          const asked = [await recognizer.recognize(taken).catch((error) => error.message)];
          recognizer.close();
          recognizer.forget();
          return [...asked, await recognizer.recognize(await bitmap("L.png")).catch((error) => error.message)]; }"""
        assert seen.run(script) == ["recognizer_failed", "recognizer_failed"]


@pytest.mark.parametrize(
    ("facts", "setup", "message"),
    [
        ({}, "", "recognizer_unreachable"),
        ({"device": False}, "", "recognizer_unreachable"),
        ({}, "delete globalThis.WebAssembly", "recognizer_unsupported"),
    ],
    ids=["no files", "the server lacks them", "no WebAssembly"],
)
def test_what_is_missing_is_said(page: Seen, facts: dict[str, Any], setup: str, message: str) -> None:  # noqa: F811
    model = {"labels": [], "thresholds": {}, "sha256": "", "finds_hands": True}
    description = json.dumps({"server": False, "model": model, **facts}).encode()
    files = {name: read(content) for name, content in page_files().items()}
    page.page.add_init_script(setup)
    with served({"blank.html": BLANK, "site.json": description, **files}) as address:
        page.page.goto(address + "blank.html")
        assert page.run(f"() => ({OPEN})().catch((error) => error.message)") == message


def test_without_webassembly_the_server_answers(page: Seen, photographs: dict[str, bytes]) -> None:  # noqa: F811
    with running("asl") as server:
        files = site_of(resolve("asl"), server=True) | photographs
        page.page.add_init_script("delete globalThis.WebAssembly")
        page.page.route("**/*", functools.partial(fulfil, files))
        open_page(page, f"http://127.0.0.1:{server.port}/")
        assert page.run("() => recognizer.backend") == "server"
        said = page.run(RECOGNIZE, ["L.png", {}])
        assert (said["decision"], said["hand"]["handedness"]) == ("L", "Right")
        assert np.shape(said["hand"]["landmarks"]) == np.shape(said["hand"]["world"]) == (21, 3)
        assert set(said["hand"]["box"]) == {"x", "y", "width", "height", "angle"}
        assert page.run(RECOGNIZE, ["wall.png", {}])["decision"] == "no hand"
        page.run("() => recognizer.forget()")
        assert page.run(RECOGNIZE, ["B.png", {"follow": False}])["decision"] == "B"
        page.run("() => recognizer.close()")
        assert page.errors == []


def fulfil(files: dict[str, Any], route: Any) -> None:
    """Answers for a server that has no such files."""
    name = urlsplit(route.request.url).path.removeprefix("/")
    content = files[name]
    route.fulfill(body=content if isinstance(content, bytes) else content(), content_type=media_type(name))
