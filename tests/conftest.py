import contextlib
import io
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from handshape.cli import main
from handshape.console import Console
from handshape.data.checks import CheckReport, check_folder
from handshape.data.reading import read_files
from handshape.data.samples import list_samples
from handshape.downloads import cache_folder
from handshape.errors import DownloadError
from handshape.hands import search
from handshape.hands.boxes import Box
from handshape.hands.inputs import Photograph, load_photograph, view_of
from handshape.hands.known_hands import load_known_hands
from handshape.hands.landmarks import Hand
from handshape.hands.models import SHA256, HandModels, hand_models
from handshape.hands.search import HandSearch
from handshape.images import Pixels
from handshape.practice import draw_practice_set

PHOTOGRAPHS = Path(__file__).parents[2] / "shared" / "data"
SETTINGS = {
    "data.seed": 3,
    "model.img_size": 96,
    "model.weights": "own",
    "model.num_epochs": 4,
    "model.fine_tune_epochs": 2,
    "augmentation.views": 2,
    "hands.find": "off",
    "training.refit": "off",
}


@dataclass(frozen=True)
class Outcome:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one a line, and nothing but them; NaN and Infinity are no JSON."""

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is not JSON")

        return [json.loads(line, parse_constant=refuse) for line in self.out.splitlines()]

    @property
    def object(self) -> dict[str, Any]:
        """The only JSON object."""
        (only,) = self.objects
        return only


@dataclass(frozen=True)
class Trained:
    """A small run on drawn hands, and what the command said."""

    folder: Path
    data: Path
    outcome: Outcome


Handshape = Callable[..., Outcome]
HandOf = Callable[[Photograph], Hand | None]
PretendHands = Callable[[HandOf], None]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and their child processes too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither use nor fill what the user's programs keep; the networks that find hands are copied from there."""
    kept, home = cache_folder() / "hands", tmp_path_factory.mktemp("home")
    fill(home / "hands", {name: (kept / name).read_bytes() for name in SHA256 if (kept / name).is_file()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDSHAPE_HOME", str(home))
        yield


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


@pytest.fixture
def handshape(capfd: pytest.CaptureFixture[str]) -> Handshape:
    """Runs the command line in this process; what native libraries write is captured too."""

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of this test's own for what the program keeps; it is not there yet."""
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pretend_hands(monkeypatch: pytest.MonkeyPatch) -> PretendHands:
    """Has every search from now on find the hands that a function says, without the hand models."""

    def pretend(hand_of: HandOf) -> None:
        absent = HandModels(Path("absent"), Path("absent"))
        monkeypatch.setattr(search, "find_hands", lambda photographs, *_: pretended_search(hand_of)(photographs))
        for name in ("hand_models", "hand_models_or_none"):
            monkeypatch.setattr(search, name, lambda console: absent)

    return pretend


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four handshapes, twelve drawn images each."""
    folder = tmp_path_factory.mktemp("drawn") / "practice set"
    draw_practice_set(folder, 12, 0, ["A", "B", "L", "5"], 96, Console(quiet=True))
    return folder


@pytest.fixture(scope="session")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run that many tests look at; none may change it."""
    out = tmp_path_factory.mktemp("runs")
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["train", str(drawn), "--out", str(out), "--name", "first", "--json", *assignments()])
    assert code == 0, stderr.getvalue()
    return Trained(out / "first", drawn, Outcome(code, stdout.getvalue(), stderr.getvalue()))


def assignments(**changes: object) -> list[str]:
    """The settings of a small run as ``--set`` words; ``section__key=value`` changes them."""
    values = SETTINGS | {name.replace("__", "."): value for name, value in changes.items()}
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real photographs; tests on photographs are skipped on a machine without it."""
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f"real photographs are not at {PHOTOGRAPHS}")
    return PHOTOGRAPHS


@pytest.fixture(scope="session")
def models() -> HandModels:
    """The networks that find hands; tests that need them are skipped where they cannot be had."""
    try:
        return hand_models(Console(quiet=True))
    except DownloadError as error:
        pytest.skip(f"the hand models cannot be had: {error.happened}")


def encoded(picture: Image.Image | Pixels, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(stream, kind, **options)
    return stream.getvalue()


def fill(root: Path, files: Mapping[str, bytes]) -> Path:
    """A folder with these files in it."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def checked(root: Path) -> CheckReport:
    """What the check of a folder says, the hands aside."""
    folder = list_samples(root)
    files = [folder.file(sample) for sample in folder.samples]
    return check_folder(folder, read_files(files, None, None, Console(quiet=True)).inspections)


def square_of(source: Path | bytes, size: int) -> Pixels:
    """The square [size, size, 3] that a classifier of whole images is shown."""
    return view_of(load_photograph(source, 2 * size), None, size)


def hand_at(
    left: float, top: float, size: float, handedness: Literal["Left", "Right"] = "Right", shape: int = 0
) -> Hand:
    """A known hand whose landmarks fill a square, in pixels; ``shape`` is its row."""
    known = load_known_hands()[0][shape]
    flat = known[:, :2] - known[:, :2].min(axis=0)
    points = np.column_stack([flat * size / flat.max() + (left, top), known[:, 2]]).astype(np.float32)
    box = Box(left + size / 2, top + size / 2, 1.5 * size, 1.5 * size, 0)
    return Hand(box, points, known[:, 3:], handedness, 0.9, 0.95)


def pretended_search(hand_of: HandOf) -> HandSearch:
    """Finds what it is told to."""
    return lambda photographs: ((photograph, hand_of(photograph)) for photograph in photographs)
