"""Files that are whole or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handshape.errors import ModelError, RunError

REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
LEFT_OVER = 24 * 3600  # seconds after which what a killed program left behind is swept
ELSEWHERE = "choose another place with --out"


@contextmanager
def atomic_write(path: Path, otherwise: str = ELSEWHERE) -> Iterator[Path]:
    """Yields a temporary path of the same ending; when the block ends well, that file takes the place of ``path``.

    Args:
        path: the file.
        otherwise: what a user can do who has no room there.

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
        raise cannot_write(path, error, otherwise) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file as a whole."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a binary file as a whole."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and machines, as a whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def cannot_write(path: Path, error: Exception, otherwise: str = ELSEWHERE) -> RunError:
    """What to tell a user whose disk or folder refused ``path``; ``otherwise`` is what else there is to do."""
    number = _refusal(error)
    reason = os.strerror(number).lower() if number else why(error)
    return RunError(
        f"Cannot write {path}: {reason}.",
        "a folder you may write to, with room on its disk",
        f"Free some space, or {otherwise}.",
    )


def cannot_read(path: Path, error: Exception) -> ModelError:
    """What to tell a user who may not read a model, or a registry, at ``path``; nothing says that it is damaged."""
    return ModelError(
        f"Cannot read {path}: {why(error)}.", "a path that you may read", "Check the path and its permissions."
    )


def why(error: Exception) -> str:
    """The reason an error gives, to end a sentence with."""
    system = getattr(error, "strerror", None)
    return system.lower() if system else str(error).rstrip(".") or type(error).__name__


def require_disk_space(folder: Path, size: int) -> None:
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
            f"Free some space, or {ELSEWHERE}.",
        )


def sweep(folder: Path, pattern: str) -> None:
    """Removes what programs that were killed long ago left in a folder under such names."""
    for path in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_OVER:
                remove(path)


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that it holds, as far as that can be done; nothing where there is none."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def is_refused(error: Exception) -> bool:
    """Whether the disk is at fault: full, read-only, broken, or the user may not write there."""
    return _refusal(error) is not None


def _refusal(error: Exception) -> int | None:
    """The system's error number; HDF5 gives it in the text of an error alone, TensorFlow only what it means."""
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return error.errno
    text = str(error)
    return next((number for number in REFUSALS if f"errno = {number}," in text or os.strerror(number) in text), None)
