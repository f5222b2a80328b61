"""Files that are whole or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handshape.errors import RunError

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path of the same ending; when the block ends well, that file takes the place of ``path``.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file as a whole."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a binary file as a whole."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and machines, as a whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def cannot_write(path: Path, error: Exception) -> RunError:
    """What to tell a user whose disk or folder refused ``path``."""
    number = _refusal(error)
    reason = os.strerror(number) if number else getattr(error, "strerror", None) or str(error)
    return RunError(
        f"Cannot write {path}: {reason.lower()}.",
        "a folder you may write to, with room on its disk",
        "Free some space, or choose another place with --out.",
    )


def require_room(folder: Path, size: int) -> None:
    """Passes when the disk of a folder, which need not exist yet, has ``size`` bytes free.

    HDF5 files and memory maps that outgrow their disk end the program without a word, so ask before writing them.

    Raises:
        RunError: it has less.
    """
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(place).free
    if free < size:
        raise RunError(
            f"There is too little room for {folder}: {free / 1e6:.0f} MB are free on its disk.",
            f"at least {size / 1e6:.0f} MB",
            "Free some space, or choose another place with --out.",
        )


def is_refused(error: Exception) -> bool:
    """Whether the disk is at fault: full, read-only, broken, or the user may not write there."""
    return _refusal(error) is not None


def _refusal(error: Exception) -> int | None:
    """The system's error number; HDF5 gives it in the text of an OSError or a RuntimeError alone."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return error.errno
    return next((number for number in REFUSALS if f"errno = {number}," in str(error)), None)
