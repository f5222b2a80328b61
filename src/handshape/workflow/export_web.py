"""Exporting the page: a folder that any web server shows, in which a model reads hands on each visitor's own device."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.console import Console
from handshape.errors import ModelError, RunError
from handshape.export.bundle import Bundle
from handshape.files import require_disk_space, write_bytes
from handshape.serving.site import (
    DESCRIPTION,
    INDEX,
    Device,
    Files,
    describe,
    model_files,
    page_files,
    practice_files,
    read,
)

ROOM = 60_000_000  # bytes; about half of it is LiteRT's runtime


@dataclass(frozen=True)
class Website:
    """What was written.

    Attributes:
        folder: which a web server is to show.
        files: how many it has.
        size: of all of them, in bytes.
    """

    folder: Path
    files: int
    size: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"folder": str(self.folder), "files": self.files, "bytes": self.size}


def export_web(bundle: Bundle, name: str, folder: Path, console: Console) -> Website:
    """Writes the page with a model in it; one from before is replaced, what else lies in the folder stays.

    Args:
        bundle: of the model.
        name: what the page calls it.
        folder: new, empty, or of an earlier export.
        console: shows the progress.

    Raises:
        ModelError: the bundle has no LiteRT model.
        RunError: the folder holds something else, or cannot be written.
        DownloadError: the hand networks or LiteRT's runtime cannot be had.
    """
    if not bundle.litert.is_file():
        raise ModelError(
            f"The bundle {bundle.folder} has no {bundle.litert.name}, which browsers run.",
            "a bundle made where TensorFlow is installed",
            "Resume or repeat the training with TensorFlow installed.",
        )
    require_place(folder)
    console.status("save", f"Exporting the page with {name} in it")
    files = _site_files(bundle, console)
    require_disk_space(folder, ROOM)
    size = sum(_write(folder / path, read(content)) for path, content in files.items())
    description = json.dumps(describe(bundle, name, bundle.sha256), ensure_ascii=False)
    size += _write(folder / DESCRIPTION, description.encode())
    _remove_stale(folder, files)
    return Website(folder, len(files) + 1, size)


def require_place(folder: Path) -> None:
    """Passes where the page may be written without being mixed with something else.

    Raises:
        RunError: it may not.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file.", "a folder for the page", "Name another place with --out.")
    if folder.is_dir() and any(_is_seen(path) for path in folder.iterdir()) and not _is_page(folder):
        raise RunError(
            f"There is something else in {folder}, which the page would be mixed with.",
            "a new or empty folder, or the one of an earlier export",
            "Name another place with --out.",
        )


def _site_files(bundle: Bundle, console: Console) -> Files:
    files = page_files(server=False) | model_files(bundle) | practice_files(bundle.class_names)
    return files | Device(console).files(bundle.hands > 0)


def _write(path: Path, content: bytes) -> int:
    """The size of what was written."""
    write_bytes(path, content)
    return len(content)


def _remove_stale(folder: Path, files: Files) -> None:
    """Removes what an earlier version wrote into the folders that the page has for itself."""
    for top in {name.partition("/")[0] for name in files if "/" in name}:
        for path in (folder / top).rglob("*"):
            if path.is_file() and path.relative_to(folder).as_posix() not in files:
                path.unlink()


def _is_page(folder: Path) -> bool:
    """Whether an earlier export wrote it."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return (folder / INDEX).is_file() and description.keys() >= {"version", "server", "model"}
    except (OSError, ValueError, AttributeError):
        return False


def _is_seen(path: Path) -> bool:
    """Whether it is no hidden file, such as a .git that a host reads the folder from."""
    return not path.name.startswith(".")
