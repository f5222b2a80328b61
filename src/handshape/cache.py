"""Folders of the cache for what is worth keeping but can be made again; the oldest go when they take too much room."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from handshape.downloads import cache_folder

IN_USE = 3600.0  # seconds since a folder was asked for, in which another program may be working with it


def cached_folder(kind: str, key: str, limit: int) -> Path:
    """The folder of ``key`` among those of a kind, made if need be.

    Where the cache cannot be written, a temporary one that goes with the program.

    Args:
        kind: a folder of the cache.
        key: names what lies in it, whatever that depends on.
        limit: bytes that all folders of the kind may take; the ones that were longest not asked for go first.
    """
    folder = cache_folder() / kind / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".used").touch()
    except OSError:
        temporary = Path(tempfile.mkdtemp(prefix="handshape-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return temporary
    _make_room(folder, limit)
    return folder


def _make_room(kept: Path, limit: int) -> None:
    used = {place: _used_at(place) for place in kept.parent.iterdir() if place != kept and place.is_dir()}
    size = sum(_size_of(place) for place in used)
    for place in sorted(used, key=used.__getitem__):
        if size <= limit or time.time() - used[place] < IN_USE:
            return
        size -= _size_of(place)
        shutil.rmtree(place, ignore_errors=True)


def _used_at(folder: Path) -> float:
    with suppress(OSError):
        return (folder / ".used").stat().st_mtime
    return 0.0


def _size_of(folder: Path) -> int:
    with suppress(OSError):  # another program is removing it
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return 0
