"""Hands that were found before, by the content of their image.

A folder of .npz shards, each written whole under a name of its own: any number of programs may add to it at a time,
on one machine or several, and a program may be killed at any moment. A shard that cannot be read is passed over.
"""

from __future__ import annotations

import time
import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.errors import RunError
from handshape.files import atomic_write
from handshape.hands.boxes import Box
from handshape.hands.landmarks import LANDMARKS, Hand

KEEP_EVERY_S = 5.0
MANY_SHARDS = 16  # more than these become one
# found (2: with company), box, handedness (negative: left), presence, landmarks, world: 134 float32
COLUMNS = 8 + 6 * LANDMARKS

Digest = bytes  # SHA-256 of a file's content


class HandCache:
    """The hands of one version of the finder; a context that keeps what was added when it ends, however it ends.

    A folder that cannot be written costs a warning and the time to search again, nothing else.

    Args:
        folder: where the shards are; made when there is something to keep.
        console: where a warning goes.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._fresh: dict[Digest, Hand | None] = {}
        self._kept_at = time.monotonic()

    def __enter__(self) -> HandCache:
        digests, self._rows = _read_shards(self._shards())
        self._place_of = {digest.tobytes(): place for place, digest in enumerate(digests)}
        return self

    def __exit__(self, *exception: object) -> None:
        self._keep()
        self._tidy()

    def __contains__(self, digest: Digest) -> bool:
        """Whether an image was searched before."""
        return digest in self._place_of

    def __getitem__(self, digest: Digest) -> Hand | None:
        """What was found in an image that was searched before; None where there was no hand."""
        return _unpacked(self._rows[self._place_of[digest]])

    def add(self, digest: Digest, hand: Hand | None) -> None:
        """What was found in an image; a few seconds' worth is written at a time."""
        self._fresh[digest] = hand
        if time.monotonic() - self._kept_at > KEEP_EVERY_S:
            self._keep()

    def _keep(self) -> None:
        if self._fresh:
            digests = np.array([np.frombuffer(digest, np.uint8) for digest in self._fresh])
            self._write(digests, np.stack([_packed(hand) for hand in self._fresh.values()]))
        self._fresh, self._kept_at = {}, time.monotonic()

    def _tidy(self) -> None:
        """Makes many shards one."""
        shards = self._shards()
        if len(shards) > MANY_SHARDS:
            digests, rows = _read_shards(shards)
            _, first = np.unique(digests, axis=0, return_index=True)
            if self._write(digests[first], rows[first]):
                for shard in shards:
                    shard.unlink(missing_ok=True)

    def _shards(self) -> list[Path]:
        return sorted(self._folder.glob("[!.]*.npz"))  # what begins with a dot, somebody is writing

    def _write(self, digests: NDArray[np.uint8], rows: NDArray[np.float32]) -> bool:
        try:
            with atomic_write(self._folder / f"{uuid.uuid4().hex}.npz") as partial, partial.open("wb") as file:
                np.savez_compressed(file, digests=digests, hands=rows)
        except RunError as error:
            self._console.warn(f"The hands found are not kept for the next time. {error.happened}")
            return False
        return True


def _read_shards(paths: Iterable[Path]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    nothing = (np.empty((0, 32), np.uint8), np.empty((0, COLUMNS), np.float32))
    digests, rows = zip(nothing, *map(_read_shard, paths), strict=True)
    return np.concatenate(digests), np.concatenate(rows)


def _read_shard(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Digests [N, 32] and rows [N, COLUMNS]; none where the shard is damaged or another program has just merged it."""
    try:
        with np.load(path) as shard:
            digests, rows = shard["digests"], shard["hands"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        digests, rows = np.empty(0), np.empty(0)
    fits = digests.dtype == np.uint8 and rows.dtype == np.float32
    if not fits or digests.shape != (len(rows), 32) or rows.shape != (len(digests), COLUMNS):
        return np.empty((0, 32), np.uint8), np.empty((0, COLUMNS), np.float32)
    return digests, rows


def _packed(hand: Hand | None) -> NDArray[np.float32]:
    row = np.zeros(COLUMNS, np.float32)
    if hand is not None:
        side = -1 if hand.handedness == "Left" else 1
        row[:8] = (1 + hand.has_company, *hand.box, side * hand.handedness_score, hand.score)
        row[8:] = np.concatenate([hand.landmarks.ravel(), hand.world.ravel()])
    return row


def _unpacked(row: NDArray[np.float32]) -> Hand | None:
    if not row[0]:
        return None
    points = row[8:].reshape(2, LANDMARKS, 3).copy()
    handedness = float(row[6])
    return Hand(
        box=Box(*(float(value) for value in row[1:6])),
        landmarks=points[0],
        world=points[1],
        handedness="Left" if handedness < 0 else "Right",
        handedness_score=abs(handedness),
        score=float(row[7]),
        has_company=bool(row[0] > 1),
    )
