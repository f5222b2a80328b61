"""The examples beside exports run without Handshape and answer as ``handshape predict`` does."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np
import pytest
from conftest import Handshape, Trained
from PIL import Image, ImageOps

from handshape import litert
from handshape.cli import main
from handshape.config import ModelSettings
from handshape.console import Console
from handshape.export.bundle import ModelDescription, find_bundle, write_bundle
from handshape.export.formats import FORMATS, require_modules
from handshape.hands.models import HandModels
from handshape.machine import is_installed
from handshape.model.classifier import build_classifier
from handshape.model.decisions import Thresholds
from handshape.model.weights import find_weights
from handshape.practice import draw_practice_set
from handshape.runtime import start_on_cpu

pytestmark = pytest.mark.slow

RUNTIMES = ("litert", "onnx", "openvino", "saved_model")
PATIENCE = 120.0  # seconds for what takes a few, even on a machine that is busy with something else
SIZE = 96
NAMES = ("5", "A", "B", "L")


@dataclass(frozen=True)
class Exported:
    """A model, the folder of its exports, and photographs to ask about."""

    model: Path
    folder: Path
    photographs: dict[str, Path]
    sees_image: bool = True

    @property
    def plain(self) -> dict[str, Path]:
        """The photographs that every decoder reads alike: no JPEG, nothing transparent."""
        return {name: path for name, path in self.photographs.items() if name not in ("turned", "clear")}


def installed() -> str:
    """The formats that can be made here, with commas."""
    here = [name for name in RUNTIMES if all(map(is_installed, FORMATS[name].modules))]
    require_modules([FORMATS[name] for name in here])
    return ",".join(here)


def saved(folder: Path, **pictures: Image.Image) -> dict[str, Path]:
    folder.mkdir()
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in pictures}


@pytest.fixture(scope="module")
def whole(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model of whole images."""
    place = tmp_path_factory.mktemp("whole")
    assert main(["export", str(trained.folder), "--to", installed(), "--out", str(place / "exports")]) == 0
    wide = Image.open(next((trained.data / "L").iterdir())).convert("RGB").resize((210, 140))
    seen = Image.fromarray(np.linspace(0, 255, 210 * 140).reshape(140, 210).astype(np.uint8))
    clear = wide.copy()
    clear.putalpha(seen)
    photographs = saved(place / "photographs", wide=wide, tall=wide.rotate(90, expand=True), clear=clear)
    exif = Image.Exif()
    exif[0x0112] = 6
    photographs["turned"] = place / "turned.jpg"
    wide.resize((1410, 940)).save(photographs["turned"], exif=exif, quality=95)
    return Exported(trained.folder, place / "exports", photographs)


@pytest.fixture(scope="module")
def usual(models: HandModels, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network of the streams that models usually have."""
    return with_streams({"landmarks": (0, 2, 0), "hand": (0, 2, 0)}, tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def with_hands(models: HandModels, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A network of every stream."""
    counts = {"landmarks": (0, 2, 0), "hand": (0, 2, 0), "pixels": (4, 4, 0)}
    return with_streams(counts, tmp_path_factory.mktemp("hands"))


def with_streams(counts: dict[str, tuple[float, ...]], place: Path) -> Exported:
    """A network as it is before training, whose answers are far apart; ``counts`` are the columns of its fusion."""
    start_on_cpu()
    settings = ModelSettings(img_size=SIZE, streams=list(counts))  # type: ignore[call-arg,arg-type]
    classifier = build_classifier(NAMES, settings, find_weights("own", SIZE, Console(quiet=True)))
    classifier.fusion.set_weights([np.array(list(counts.values()), np.float32).T])
    if classifier.prior is not None:
        classifier.prior.set_weights([np.log([[0.1, 0.2, 0.6, 0.1]])])
    classifier.model.save(place / "model.keras")
    description = ModelDescription(NAMES, SIZE, Thresholds(0.3, 0.9), 1)
    content = litert.convert(classifier.model)
    write_bundle(place / "bundle", description, place / "model.keras", content, None, {})
    draw_practice_set(place / "drawn", 3, 0, NAMES, 200, Console(quiet=True))
    words = ["--to", installed(), "--data", str(place / "drawn"), "--out", str(place / "exports")]
    assert main(["export", str(place / "bundle"), *words]) == 0
    right = Image.open(place / "drawn" / "L" / "L_0001.jpg").convert("RGB")
    none = Image.new("RGB", (240, 120), (90, 120, 160))
    photographs = saved(place / "photographs", right=right, left=ImageOps.mirror(right), none=none)
    return Exported(place / "bundle", place / "exports", photographs, "pixels" in counts)


@pytest.fixture(params=["whole", "usual", "with_hands"])
def exported(request: pytest.FixtureRequest) -> Exported:
    """Each of the three models."""
    return request.getfixturevalue(request.param)


def predictions(exported: Exported, handshape: Handshape) -> dict[str, dict[str, Any]]:
    """What ``handshape predict`` says of each photograph; beside it is a file with the hand, as examples take it."""
    said = {}
    for name, photograph in exported.photographs.items():
        outcome = handshape("predict", exported.model, photograph, "--json", "--landmarks")
        photograph.with_suffix(".json").write_text(outcome.out)
        said[name] = outcome.object
    return said


def words_for(photograph: Path, exported: Exported) -> list[str]:
    """What an example is called with."""
    hand = photograph.with_suffix(".json")
    has_hand = json.loads(hand.read_text())["hand"] or not exported.sees_image
    return [str(photograph)] * exported.sees_image + [str(hand)] * bool(has_hand)


def said_by(*command: object, folder: Path | None = None) -> str:
    """What a program prints."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def require_same(decision: str, probabilities: dict[str, float], predicted: dict[str, Any]) -> None:
    assert decision == predicted["decision"]
    assert set(probabilities) == set(NAMES)
    for name, probability in predicted["top"]:
        assert probabilities[name] == pytest.approx(probability, abs=1e-3)


def require_json(text: str, predicted: dict[str, Any]) -> None:
    said = json.loads(text)
    require_same(said["decision"], said["probabilities"], predicted)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_python(runtime: str, exported: Exported, handshape: Handshape) -> None:
    example = exported.folder / f"example_{runtime}.py"
    if not example.exists():
        pytest.skip(f"what {runtime} needs is not installed")
    predicted = predictions(exported, handshape)
    if "left" in predicted:
        hands = {name: (answer["hand"] or {}).get("handedness") for name, answer in predicted.items()}
        assert hands == {"right": "Right", "left": "Left", "none": None}
    asked = list(exported.photographs.items())[: 1 if runtime == "saved_model" else None]  # TensorFlow starts slowly
    for name, photograph in asked:
        require_json(said_by(sys.executable, example, *words_for(photograph, exported)), predicted[name])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder node_modules with what the examples need; tests are skipped where it cannot be had."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    options = ["--no-audit", "--no-fund", "--onnxruntime-node-install=skip"]
    command = [npm, "install", *options, "sharp", "onnxruntime-node", "@litertjs/core"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=5 * PATIENCE, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot fetch what the examples need: {done.stderr.strip().splitlines()[-1:]}")
    return folder / "node_modules"


def beside(exported: Exported, packages: Path) -> None:
    """Has examples find the packages."""
    if not (exported.folder / "node_modules").exists():
        (exported.folder / "node_modules").symlink_to(packages, target_is_directory=True)


def test_javascript_in_node(exported: Exported, packages: Path, handshape: Handshape) -> None:
    example = exported.folder / "example_onnx.mjs"
    if not example.exists():
        pytest.skip("what onnx needs is not installed")
    beside(exported, packages)
    predicted = predictions(exported, handshape)
    for name, photograph in exported.plain.items():
        require_json(said_by("node", example, *words_for(photograph, exported)), predicted[name])


class Page(SimpleHTTPRequestHandler):
    """Serves a folder; the example in it is made to send its answer back."""

    said: "Queue[str]" = Queue()
    script = b"""<script type="module">
const answer = document.getElementById("answer");
const tell = () => fetch("/said", { method: "POST", body: answer.textContent });
new MutationObserver(tell).observe(answer, { childList: true });
</script>"""

    def do_GET(self) -> None:
        if not self.path.startswith("/example_litert.html"):
            super().do_GET()
            return
        content = (Path(self.directory) / "example_litert.html").read_bytes()
        content = content.replace(b'<script type="module">', self.script + b'<script type="module">')
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.said.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def shown(browser: str, folder: Path, query: str, profile: Path) -> str:
    """What the example answers in a browser."""
    Page.said = Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Page(*args, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/example_litert.html?{query}"
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", address]
    with subprocess.Popen([browser, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            return Page.said.get(timeout=PATIENCE)
        except Empty:
            pytest.fail("the page never answered")
        finally:
            program.terminate()
            server.shutdown()
            server.server_close()


def test_javascript_in_a_browser(exported: Exported, packages: Path, handshape: Handshape, tmp_path: Path) -> None:
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    browser = next(filter(None, found), None)
    if not browser:
        pytest.skip("there is no Chromium")
    beside(exported, packages)
    predicted = predictions(exported, handshape)
    for name, photograph in exported.plain.items():
        files = [Path(word) for word in words_for(photograph, exported)]
        for file in files:
            shutil.copy(file, exported.folder)
        kinds = ("photo", "hand") if exported.sees_image else ("hand",)
        query = "&".join(f"{kind}={file.name}" for kind, file in zip(kinds, files, strict=False))
        require_json(shown(browser, exported.folder, query, tmp_path / name), predicted[name])


def test_cpp(exported: Exported, handshape: Handshape, tmp_path: Path) -> None:
    """OpenVINO's package for Python comes with headers and libraries; those of the others do not."""
    compiler = shutil.which("g++")
    library = next(
        (Path(path) / "openvino" for path in sys.path if (Path(path) / "openvino" / "include").is_dir()), None
    )
    if not compiler or not library or not (exported.folder / "example_openvino.cpp").exists():
        pytest.skip("there is no g++, or no OpenVINO with headers")
    linked = next((library / "libs").glob("libopenvino.so*"))
    program = tmp_path / "example"
    where = ["-isystem", library / "include", linked, f"-Wl,-rpath,{library / 'libs'}"]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    said_by(compiler, "-std=c++17", "-O2", *warnings, exported.folder / "example_openvino.cpp", *where, "-o", program)
    predicted = predictions(exported, handshape)
    for name, photograph in exported.plain.items():
        words = []
        if exported.sees_image:
            words.append(tmp_path / "photograph.ppm")
            Image.open(photograph).convert("RGB").save(words[0])
        hand = predicted[name]["hand"]
        if hand:
            words.append(tmp_path / "hand.txt")
            points = [value for point in hand["landmarks"] + hand["world"] for value in point]
            words[-1].write_text(" ".join(map(str, [hand["handedness"], *points, hand["features"]])))
        decision, *lines = said_by(program, *words, folder=exported.folder).splitlines()
        probabilities = {line.split()[1]: float(line.split()[0]) for line in lines}
        require_same(decision, probabilities, predicted[name])


def test_every_export_names_its_inputs_and_outputs(with_hands: Exported) -> None:
    """Examples and README.md call them so."""
    from ai_edge_litert.interpreter import Interpreter

    bundle = find_bundle(with_hands.model)
    network = Interpreter(str(with_hands.folder / "model.tflite"))
    (signature,) = network.get_signature_list().values()
    assert set(signature["inputs"]) == {"image", "landmarks", "hand_present", "hand_features"}
    assert set(signature["outputs"]) == {"probabilities", "features"}
    answer = network.get_signature_runner()(
        image=np.zeros((1, SIZE, SIZE, 3), np.float32),
        landmarks=np.zeros((1, 21, 6), np.float32),
        hand_present=np.zeros((1, 1), np.float32),
        hand_features=np.zeros((1, 7, 7, 192), np.float32),
    )
    assert answer["features"].shape == (1, 7, 7, 384)
    assert answer["probabilities"].shape == (1, len(bundle.class_names))
