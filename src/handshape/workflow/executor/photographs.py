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

from handshape.console import Bar, Console
from handshape.data.gathering import Gathering, Inspection, Readings
from handshape.data.kept_readings import read_or_found
from handshape.data.reading import TINY_SIDE, inspected, unreadable
from handshape.data.threads import in_threads
from handshape.errors import ImageError
from handshape.hands.cache import HandCache
from handshape.hands.inputs import enough_pixels, view_of
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models
from handshape.hands.search import find_with, found_before, hands_folder
from handshape.images import Pixels, read_bytes
from handshape.workflow.executor.interface import Executor

CHUNK, CHUNK_BYTES = 16, 4_000_000  # files a task at most, and bytes after which no further file joins
AHEAD = 3  # tasks a worker may be ahead of the reader: memory stays flat
READERS = 2  # threads that read files


@dataclass(frozen=True, eq=False)
class Opened:
    """A file on its way.

    Attributes:
        file: where it lies.
        content: its bytes; none where it could not be read.
        digest: SHA-256 of the content.
        known: the hand that was found in it before, in a tuple, None where there was none; None where nobody looked.
        failure: what is known of a file that could not be read.
    """

    file: Path
    content: bytes
    digest: bytes
    known: tuple[Hand | None] | None = None
    failure: Inspection | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """What a file shows.

    Attributes:
        inspection: of the file.
        hand: in pixels of the whole photograph.
        picture: [S, S, 3], what a classifier is shown; None where the file cannot be used, or no size was asked for.
    """

    inspection: Inspection
    hand: Hand | None = None
    picture: Pixels | None = None


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
    waiting: deque[tuple[list[Opened], Future[list[Shown]]]] = deque()

    def take() -> None:
        chunk, future = waiting.popleft()
        for opened, shown in zip(chunk, future.result(), strict=True):
            gathering.inspections.append(shown.inspection)
            if not shown.inspection.reason:
                gathering.add(shown.hand, shown.picture)
                if work.cache is not None and opened.known is None:
                    work.cache.add(opened.digest, shown.hand)
            bar.advance()

    def opened(file: Opened) -> Opened:
        known = work.cache.get(file.digest) if work.cache is not None and file.failure is None else None
        return Opened(file.file, file.content, file.digest, known, file.failure)

    for some in _chunks(in_threads(_opened, files, READERS)):
        chunk = [opened(file) for file in some]
        waiting.append((chunk, work.executor.submit(show, chunk, work.networks, work.size)))
        if len(waiting) > AHEAD * work.executor.workers:
            take()
    while waiting:
        take()


def show(chunk: Sequence[Opened], networks: tuple[bytes, bytes] | None, size: int | None) -> list[Shown]:
    """What some files show; ``networks`` find hands, None looks for none."""
    side = enough_pixels(size or TINY_SIDE, networks is not None)
    models = None if networks is None else _own_models(*networks)
    return [_shown(opened, models, side, size) for opened in chunk]


def _shown(opened: Opened, models: HandModels | None, side: int, size: int | None) -> Shown:
    if opened.failure is not None:
        return Shown(opened.failure)
    inspection, photograph = inspected(opened.file, side, opened.content)
    if photograph is None:
        return Shown(inspection)
    hand = None
    if models is not None:
        hand = opened.known[0] if opened.known else find_with(models, photograph)
    return Shown(inspection, hand, None if size is None else view_of(photograph, hand, size))


def _opened(file: Path) -> Opened:
    try:
        content = read_bytes(file)
    except ImageError as error:
        return Opened(file, b"", b"", failure=unreadable(file, error))
    return Opened(file, content, hashlib.sha256(content).digest())


def _chunks(files: Iterator[Opened]) -> Iterator[list[Opened]]:
    chunk: list[Opened] = []
    for file in files:
        chunk.append(file)
        if len(chunk) == CHUNK or sum(len(each.content) for each in chunk) >= CHUNK_BYTES:
            yield chunk
            chunk = []
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
