"""Hands that were found before, by the content of their image: a SQLite file.

Any number of programs may read and add to it at a time, and each may be killed at any moment.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.cache import limit_of
from handshape.console import Console
from handshape.files import discard, why
from handshape.hands.boxes import Box
from handshape.hands.landmarks import FEATURES, LANDMARKS, Hand

KEEP_EVERY_S = 5.0
PATIENCE_S = 30.0  # for another program that writes
LIMIT = 2_000_000_000  # bytes of the file, with about 100,000 hands; the oldest make room

NUMBERS = 8 + 2 * 3 * LANDMARKS  # of a hand, beside its features

Digest = bytes  # SHA-256 of a file's content; of a frame that follows another, see handshape.hands.films


class HandCache:
    """The hands of one version of the finder; a context that keeps what was added when it ends, however it ends.

    A file that cannot be written costs a warning and the time to search again, nothing else; a damaged one is replaced.

    Args:
        file: where they are; made when there is something to keep.
        console: where a warning goes.
    """

    def __init__(self, file: Path, console: Console) -> None:
        self._file = file
        self._console = console
        self._fresh: dict[Digest, Hand | None] = {}
        self._kept_at = time.monotonic()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> HandCache:
        with self._refusals():
            self._database = _opened(self._file)
        return self

    def __exit__(self, *exception: object) -> None:
        self._keep()
        if self._database is not None:
            self._database.close()

    def get(self, digest: Digest) -> tuple[Hand | None] | None:
        """What was found in an image, in a tuple, None where there was no hand; None if it was not searched before."""
        if digest in self._fresh:
            return (self._fresh[digest],)
        if self._database is not None:
            with self._refusals():
                query = "SELECT numbers, features FROM hands WHERE digest = ?"
                row = self._database.execute(query, (digest,)).fetchone()
                return (unpacked_hand(*row),) if row else None
        return None

    def add(self, digest: Digest, hand: Hand | None) -> None:
        """What was found in an image; a few seconds' worth is written at a time."""
        self._fresh[digest] = hand
        if time.monotonic() - self._kept_at > KEEP_EVERY_S:
            self._keep()

    def _keep(self) -> None:
        if self._database is not None and self._fresh:
            rows = [(digest, *packed_hand(hand)) for digest, hand in self._fresh.items()]
            with self._refusals(), self._database:
                _make_room(self._database, len(rows))
                self._database.executemany("INSERT OR IGNORE INTO hands VALUES (?, ?, ?)", rows)
        self._fresh, self._kept_at = {}, time.monotonic()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Goes on without the file where it refuses something, with a new one where it turns out to be damaged."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            database, self._database = self._database, None
            if database is not None and _is_damage(error):
                database.close()
                with self._refusals():
                    self._database = _renewed(self._file)
            else:
                self._console.warn(
                    f"The hands found are not kept for the next time. {self._file} cannot be used: {why(error)}."
                )


def _opened(file: Path) -> sqlite3.Connection:
    try:
        return _connected(file)
    except sqlite3.Error as error:
        if not _is_damage(error):  # it cannot be opened, or is busy
            raise
        return _renewed(file)


def _is_damage(error: Exception) -> bool:
    """Whether the file is no database, or a hand in it is none; for the rest SQLite has errors of their own."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, ValueError)


def _renewed(file: Path) -> sqlite3.Connection:
    """An empty one in its place; a journal left beside it would be played back into that."""
    for each in (file, file.with_name(f"{file.name}-journal")):
        discard(each)
    return _connected(file)


def _connected(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file, timeout=PATIENCE_S)
    with suppress(sqlite3.OperationalError):  # it can be remade, so no write waits for the disk
        database.execute("PRAGMA synchronous = OFF")
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS hands (digest BLOB PRIMARY KEY, numbers BLOB, features BLOB)")
    return database


def _make_room(database: sqlite3.Connection, rows: int) -> None:
    """Removes the oldest where the file has reached its limit; their place in it is used again."""
    (pages,), (size,), (free,) = (
        database.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size", "freelist_count")
    )
    if (pages - free) * size > (limit_of("hands", LIMIT) or LIMIT):
        database.execute("DELETE FROM hands WHERE rowid IN (SELECT rowid FROM hands ORDER BY rowid LIMIT ?)", (rows,))


def packed_hand(hand: Hand | None) -> tuple[bytes | None, bytes | None]:
    """A hand's numbers, ``NUMBERS`` of float32, and its features, as bytes."""
    if hand is None:
        return None, None
    side = -1 if hand.handedness == "Left" else 1
    facts = (hand.has_company, *hand.box, side * hand.handedness_score, hand.score)
    numbers = np.concatenate([facts, hand.landmarks.ravel(), hand.world.ravel()], dtype=np.float32)
    return numbers.tobytes(), hand.features.tobytes()


def unpacked_hand(numbers: bytes | None, features: bytes) -> Hand | None:
    """What :func:`packed_hand` packed."""
    if numbers is None:
        return None
    values: NDArray[np.float32] = np.frombuffer(numbers, np.float32)
    company, *box, handedness, score = values[:8].tolist()
    landmarks, world = values[8:].reshape(2, LANDMARKS, 3)
    return Hand(
        box=Box(*box),
        landmarks=landmarks,
        world=world,
        handedness="Left" if handedness < 0 else "Right",
        handedness_score=abs(handedness),
        score=score,
        has_company=bool(company),
        features=np.frombuffer(features, np.float16).reshape(FEATURES),
    )
