"""Files that are whole or absent: written under a temporary name, synced, renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handshape.errors import RunError


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


def cannot_write(path: Path, error: OSError) -> RunError:
    """What to tell a user whose disk or folder refused ``path``."""
    reason = (error.strerror or str(error)).lower()
    return RunError(
        f"Cannot write {path}: {reason}.",
        "a folder you may write to, with room on its disk",
        "Free some space, or choose another place with --out.",
    )
