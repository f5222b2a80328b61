import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handshape.cli import main
from handshape.console import Console
from handshape.errors import DownloadError
from handshape.hands.models import HandModels, hand_models
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


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and their child processes too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four handshapes, twelve drawn images each."""
    folder = tmp_path_factory.mktemp("drawn") / "practice set"
    draw_practice_set(folder, 12, 0, ["A", "B", "L", "5"], 96, Console(quiet=True))
    return folder


@pytest.fixture(scope="session")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run that many tests look at; none may change it."""
    import contextlib
    import io

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
