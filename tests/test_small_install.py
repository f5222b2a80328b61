"""``pip install .`` without extras: small, without TensorFlow, and with the same answers as here."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from api_server import BOUNDARY, form
from conftest import Handshape, Trained

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
LARGEST = 250_000_000  # bytes
PACKAGED = ("pyproject.toml", "README.md", "LICENSE")
HEAVY = ("tensorflow", "keras", "torch", "jax", "matplotlib")


@dataclass(frozen=True)
class Install:
    """An environment that holds Handshape alone."""

    folder: Path

    def run(self, program: str, *words: object) -> str:
        """What a program of the environment says."""
        done = subprocess.run(self.command(program, *words), env=bare(), capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, program: str, *words: object) -> list[str]:
        return [str(self.folder / ("Scripts" if os.name == "nt" else "bin") / program), *map(str, words)]


def bare() -> dict[str, str]:
    """The environment variables of these tests, without those that lead to packages elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """From a copy of the source, so that what an earlier build left is not installed."""
    place = tmp_path_factory.mktemp("small")
    source = place / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in PACKAGED:
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    install = Install(place / "venv")
    try:
        options = ("-q", "--retries", "1", "-c", ROOT / "constraints.txt")
        install.run("python", "-m", "pip", "install", *options, source)
    except AssertionError as error:
        if "connection broken by" in str(error):
            pytest.skip("the package index cannot be reached")
        raise
    return install


def test_it_is_small(small: Install) -> None:
    files = [file for file in small.folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert 50_000_000 < sum(file.stat().st_size for file in files) < LARGEST


def test_nothing_heavy_is_there(small: Install) -> None:
    ask = f"import importlib.util; print([name for name in {HEAVY} if importlib.util.find_spec(name)])"
    assert small.run("python", "-c", ask).strip() == "[]"


def test_it_predicts_and_serves_as_here(small: Install, trained: Trained, handshape: Handshape) -> None:
    photos = sorted(trained.data.glob("*/*.*"))[::4]
    here = [without_time(result) for result in handshape("predict", trained.folder, *photos, "--json").objects]
    assert len({result["decision"] for result in here}) > 1
    said = small.run("handshape", "predict", trained.folder, *photos, "--json")
    assert [without_time(json.loads(line)) for line in said.splitlines()] == here
    with serving(small, trained.folder) as address:
        assert [
            without_time(result) for result in json.loads(post(f"{address}/v1/recognize", photos))["results"]
        ] == here
        assert post(f"{address}/v1/explain", photos[:1]).startswith(b"\x89PNG")


def test_what_comes_with_it_works_as_here(small: Install, trained: Trained, handshape: Handshape) -> None:
    photos = sorted(trained.data.glob("[ABL]/*.*"))[::6]
    here = [without_time(result) for result in handshape("predict", "asl", *photos, "--json").objects]
    said = small.run("handshape", "predict", "asl", *photos, "--json")
    assert [without_time(json.loads(line)) for line in said.splitlines()] == here
    assert "Come with Handshape" in small.run("handshape", "models")
    assert "David Lee" in small.run("handshape", "models", "show", "asl")
    load = "import handshape; print(len(handshape.load('digits').class_names))"
    assert small.run("python", "-c", load).strip() == "10"


def without_time(result: dict) -> dict:
    return {name: value for name, value in result.items() if name != "milliseconds"}


@contextmanager
def serving(small: Install, model: Path) -> Iterator[str]:
    """The address of a server in that environment, which ends well."""
    command = small.command("handshape", "serve", model, "--port", 0, "--json")
    with subprocess.Popen(command, env=bare(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
        try:
            yield re.findall(r"http://[\w.]+:\d+", program.stderr.readline())[0]
        finally:
            program.terminate()
            program.communicate(timeout=20)
    assert program.returncode == 0 or os.name == "nt"


def post(address: str, photos: list[Path]) -> bytes:
    body = form([photo.read_bytes() for photo in photos], [str(photo) for photo in photos])
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as answer:
        return answer.read()
