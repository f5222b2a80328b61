"""Photographs that are read elsewhere: their files travel a few at a time; what they show, and their hands, come back.

Files are opened here alone, and hands that were found before are known here.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.bars import Bar
from handshape.console import Console
from handshape.data.gathering import Gathering, Inspection, Readings
from handshape.data.kept_readings import read_or_found
from handshape.data.reading import TINY_SIDE, inspected, unreadable
from handshape.data.threads import in_threads
from handshape.errors import ImageError
from handshape.hands.cache import Digest, HandCache
from handshape.hands.films import Frame, frame_after, is_found_anew, key_after
from handshape.hands.inputs import Photograph, enough_pixels, view_of
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models
from handshape.hands.search import find_with, found_before, hands_folder
from handshape.images import Pixels, read_bytes
from handshape.workflow.executor.interface import Executor

CHUNK, CHUNK_BYTES = 8, 4_000_000  # files of a task, or their bytes: with so many it ends before the next film
AHEAD = 3  # tasks a worker may be ahead of the reader: memory stays flat
READERS = 2  # threads that read files

Hands = dict[Digest, Hand | None]  # by which the cache knows them


@dataclass(frozen=True, eq=False)
class Opened:
    """A file on its way.

    Attributes:
        file: where it lies.
        content: its bytes; none where it could not be read.
        digest: SHA-256 of the content.
        failure: what is known of a file that could not be read.
    """

    file: Path
    content: bytes
    digest: Digest
    failure: Inspection | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """What a file shows.

    Attributes:
        inspection: of the file.
        hand: in pixels of the whole photograph.
        picture: [S, S, 3], what a classifier is shown; None where the file cannot be used, or no size was asked for.
        key: by which the cache knows the hand; empty where none was looked for.
    """

    inspection: Inspection
    hand: Hand | None = None
    picture: Pixels | None = None
    key: Digest = b""


def read_elsewhere(
    files: Sequence[Path], finds_hands: bool, size: int | None, console: Console, executor: Executor, label: str
) -> Readings:
    """What :func:`~handshape.data.reading.read_files` reads, by the workers of an executor.

    Raises:
        RunError: there is no room for the pictures.
        DownloadError: the hand models cannot be had.
    """

    def read(gathering: Gathering) -> None:
        networks = executor.share(_contents(hand_models(console)) if finds_hands else None)
        with console.progress(label, len(files)) as bar, found_before(hands_folder(), console) as cache:
            _gather(gathering, files, _Work(executor, networks, cache if finds_hands else None, size), bar)

    return read_or_found(files, finds_hands, size, read)


@dataclass(frozen=True)
class _Work:
    """Who does it, and by what: networks and what was found before, where hands are looked for."""

    executor: Executor
    networks: Any
    cache: HandCache | None
    size: int | None


def _gather(gathering: Gathering, files: Sequence[Path], work: _Work, bar: Bar) -> None:
    waiting: deque[tuple[Hands, Future[list[Shown]]]] = deque()

    def take() -> None:
        known, future = waiting.popleft()
        for shown in future.result():
            gathering.inspections.append(shown.inspection)
            if not shown.inspection.reason:
                gathering.add(shown.hand, shown.picture)
                if work.cache is not None and shown.key not in known:
                    work.cache.add(shown.key, shown.hand)
            bar.advance()

    for chunk in _chunks(in_threads(_opened, files, READERS)):
        known = _known(chunk, work.cache) if work.cache is not None else {}
        waiting.append((known, work.executor.submit(show, chunk, known, work.networks, work.size)))
        if len(waiting) > AHEAD * work.executor.workers:
            take()
    while waiting:
        take()


def show(chunk: Sequence[Opened], known: Hands, networks: tuple[bytes, bytes] | None, size: int | None) -> list[Shown]:
    """What some files show, in order.

    Args:
        chunk: files, of which the first follows none before them.
        known: hands that were found before.
        networks: they find hands; None looks for none.
        size: side of what a classifier is shown, in pixels; None makes no pictures.
    """
    reader = _Reader(known, None if networks is None else _own_models(*networks), size)
    return [Shown(opened.failure) if opened.failure else reader.shown(opened) for opened in chunk]


class _Reader:
    """Reads files one after the other: the hand in a frame of a film is found from that in the one before."""

    def __init__(self, known: Hands, models: HandModels | None, size: int | None) -> None:
        self._hands = dict(known)
        self._models = models
        self._size = size
        self._side = enough_pixels(size or TINY_SIDE, models is not None)
        self._last: Frame | None = None

    def shown(self, opened: Opened) -> Shown:
        """What the next file shows."""
        inspection, photograph = inspected(opened.file, self._side, opened.content)
        if photograph is None:
            return Shown(inspection)
        key = b"" if self._models is None else self._found(photograph, self._models)
        hand = self._hands[key] if key else None
        return Shown(inspection, hand, None if self._size is None else view_of(photograph, hand, self._size), key)

    def _found(self, photograph: Photograph, models: HandModels) -> Digest:
        """By which its hand is known from now on."""
        frame = frame_after(self._last, photograph)
        if frame.key not in self._hands:
            previous = self._hands[self._last.key] if self._last and frame.follows else None
            (self._hands[frame.key],) = find_with(models, [photograph], previous)
        self._last = frame
        return frame.key


def _opened(file: Path) -> Opened:
    try:
        content = read_bytes(file)
    except ImageError as error:
        return Opened(file, b"", b"", unreadable(file, error))
    return Opened(file, content, hashlib.sha256(content).digest())


def _known(chunk: Sequence[Opened], cache: HandCache) -> Hands:
    """The hands that were found before, by every name that they may have: who follows whom is seen elsewhere."""
    known: Hands = {}
    before: Digest = b""
    keys: list[Digest] = []
    for file in chunk:
        names = [file.digest, *(key_after(key, before, file.digest) for key in keys)] if file.digest else []
        found = {name: hand for name in names if (hand := cache.get(name))}
        known |= {name: hand for name, (hand,) in found.items()}
        if found:
            before, keys = file.digest, list(found)
    return known


def _chunks(files: Iterator[Opened]) -> Iterator[list[Opened]]:
    """Tasks: enough files each, and no film is cut where it would have gone on."""
    chunk: list[Opened] = []
    for file in files:
        is_whole = len(chunk) >= CHUNK or sum(len(each.content) for each in chunk) >= CHUNK_BYTES
        if is_whole and file.digest and is_found_anew(file.digest, len(file.content)):
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _contents(models: HandModels) -> tuple[bytes, bytes]:
    return models.palm.read_bytes(), models.landmarks.read_bytes()


@functools.cache
def _own_models(palm: bytes, landmarks: bytes) -> HandModels:
    """The networks as files of this process, which go with it."""
    folder = Path(_own_folder().name)
    models = HandModels(folder / "palm.tflite", folder / "landmarks.tflite")
    models.palm.write_bytes(palm)
    models.landmarks.write_bytes(landmarks)
    return models


@functools.cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="handshape-")
