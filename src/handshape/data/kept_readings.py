"""What was read of the files of a data set, kept for the next time: nobody opens twenty thousand unchanged files again.

A file is known by what the system says of it: path, size, times of change and number. Anything that writes into it
changes one of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.cache import cached_folder
from handshape.data.gathering import FEATURES_FILE, PICTURES_FILE, Gathering, Inspection, Readings
from handshape.downloads import ANOTHER_CACHE
from handshape.errors import ImageError, RunError
from handshape.files import atomic_folder, write_text
from handshape.hands.cache import NUMBERS, packed_hand, unpacked_hand
from handshape.hands.finder import VERSION as FINDER
from handshape.hands.inputs import PICTURES, load_photograph, with_hands
from handshape.hands.landmarks import FEATURES, NO_FEATURES
from handshape.machine import versions

KIND, KEPT = "readings", 6_000_000_000  # bytes; the oldest go first
WORTH_KEEPING = 500  # files; fewer are read in a second
VERSION = 2  # raise it when the same files say something else
INSPECTIONS, THUMBNAILS, HANDS = "inspections.json", "thumbnails.npy", "hands.npy"


def read_or_found(
    files: Sequence[Path], finds_hands: bool, size: int | None, read: Callable[[Gathering], None]
) -> Readings:
    """What files show: found, where all are as they were, else read into a :class:`Gathering`, and kept.

    Args:
        files: images.
        finds_hands: whether hands are looked for.
        size: side of what a classifier is shown, in pixels; None keeps no pictures.
        read: reads them.

    Raises:
        RunError: there is no room for the pictures.
    """
    if size is None or len(files) < WORTH_KEEPING:
        gathering = Gathering(len(files), finds_hands, size)
        read(gathering)
        return gathering.readings()
    folder = cached_folder(KIND, _key_of(files, finds_hands, size), KEPT) / "whole"
    found = _found(folder, finds_hands, size)
    if found is not None and not _has_become_usable(files, found):
        return found
    with atomic_folder(folder, ANOTHER_CACHE) as partial:
        gathering = Gathering(len(files), finds_hands, size, partial)
        read(gathering)
        gathering.close()
        _keep(gathering, partial)
    read_now = _found(folder, finds_hands, size)
    if read_now is None:
        raise RunError(f"What was just written to {folder} cannot be read.", "a disk that keeps it", ANOTHER_CACHE)
    return read_now


def _has_become_usable(files: Sequence[Path], found: Readings) -> bool:
    """Whether a file can be read now that could not be: memory was short, say, or its disk was away."""
    for file, inspection in zip(files, found.inspections, strict=True):
        if inspection.reason:
            with suppress(ImageError):
                load_photograph(file)
                return True
    return False


def _key_of(files: Sequence[Path], finds_hands: bool, size: int) -> str:
    """Whatever the readings depend on, as one word."""
    content = hashlib.blake2b(digest_size=16)
    facts = {
        "size": size,
        "finder": FINDER if finds_hands else None,
        "read": [VERSION, PICTURES],
        "versions": versions(),
    }
    content.update(json.dumps(facts, sort_keys=True).encode())
    for file in files:
        content.update(os.fsencode(file.absolute()) + b"\0" + _state_of(file))
    return content.hexdigest()


def _state_of(file: Path) -> bytes:
    try:
        state = file.stat()
    except (OSError, ValueError):
        return b"none"
    return np.array([state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino], np.uint64).tobytes()


def _keep(gathering: Gathering, folder: Path) -> None:
    """Writes what is not there yet: the pictures and the features of hands are."""
    thumbnails = [each.thumbnail for each in gathering.inspections]
    np.save(folder / THUMBNAILS, _as_rows(thumbnails))
    numbers = [packed_hand(hand)[0] for hand in gathering.hands]
    none = np.full(NUMBERS, np.nan, np.float32).tobytes()
    rows = b"".join(each or none for each in numbers)
    np.save(folder / HANDS, np.frombuffer(rows, np.float32).reshape(-1, NUMBERS))
    told = [{**vars(each), "thumbnail": len(each.thumbnail)} for each in gathering.inspections]
    write_text(folder / INSPECTIONS, json.dumps(told))


def _found(folder: Path, finds_hands: bool, size: int) -> Readings | None:
    """What was kept; None where nothing is, or not all of it."""
    try:
        told: list[dict[str, Any]] = json.loads((folder / INSPECTIONS).read_text(encoding="utf-8"))
        thumbnails, numbers = np.load(folder / THUMBNAILS), np.load(folder / HANDS)
        inspections = tuple(
            Inspection(**{**each, "thumbnail": row[: each["thumbnail"]].tobytes()})
            for each, row in zip(told, thumbnails, strict=True)
        )
        usable = sum(not each.reason for each in inspections)
        pictures = _mapped(folder / PICTURES_FILE, np.uint8, (usable, size, size, 3))
        features = _mapped(folder / FEATURES_FILE, np.float16, (usable, *FEATURES)) if finds_hands else None
        if len(numbers) != usable:
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    unseen = NO_FEATURES.tobytes()  # the hands share it: their features lie apart
    hands = tuple(unpacked_hand(None if np.isnan(row[0]) else row.tobytes(), unseen) for row in numbers)
    return Readings(inspections, hands, with_hands(pictures, hands, features))


def _mapped(file: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of a file.

    Raises:
        ValueError: it is of another size.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if file.stat().st_size != size:
        raise ValueError(f"{file} is not whole.")
    return np.memmap(file, dtype, "r", shape=shape) if size else np.empty(shape, dtype)


def _as_rows(thumbnails: Sequence[bytes]) -> NDArray[np.uint8]:
    """[N, 256], zeros where there is none."""
    longest = max(map(len, thumbnails), default=0)
    joined = b"".join(each.ljust(longest, b"\0") for each in thumbnails)
    return np.frombuffer(joined, np.uint8).reshape(len(thumbnails), longest)
