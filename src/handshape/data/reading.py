"""Files, read once: each is opened, hashed and decoded a single time, and all that is asked of it is taken then."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.bars import Bar
from handshape.console import Console
from handshape.data.gathering import Gathering, Inspection, Readings
from handshape.data.kept_readings import read_or_found
from handshape.data.near_duplicates import thumbnail
from handshape.data.threads import in_threads
from handshape.errors import ImageError
from handshape.hands.films import look_of
from handshape.hands.inputs import Decoded, Photograph, decode_photograph, enough_pixels, view_of
from handshape.hands.search import HandSearch
from handshape.images import FORMATS, UNNAMED, Pixels, stretched_from, to_square

TINY_SIDE = 32  # pixels; below it the fingers of a hand can no longer be told apart
WORKERS = os.cpu_count() or 1  # threads that decode
TOGETHER = 16  # files a thread opens at a time: passing on single ones takes a tenth as long as decoding them
SAMPLED = 64  # pixels a side that tones are counted in
OUTLIERS = 0.005  # of the pixels at either end: noise
BLANK_LEVELS, FAINT_LEVELS = 6, 24  # of 256: what the noise of a covered camera takes; what nobody can see
NEAR_TONE, BETWEEN = 24, 0.03  # grey levels that JPEG spreads one tone over; pixels between two such tones


def read_files(
    files: Sequence[Path], search: HandSearch | None, size: int | None, console: Console, label: str = "Reading images"
) -> Readings:
    """Opens every file; those that cannot be used are left out, with the reason.

    Args:
        files: images.
        search: finds hands; None looks for none.
        size: side of what a classifier is shown, in pixels; None keeps no pictures.
        console: shows the progress.
        label: of the progress bar.

    Raises:
        RunError: there is no room for the pictures.
    """

    def read(gathering: Gathering) -> None:
        with console.progress(label, len(files)) as bar:
            if search is None:
                _read_whole(files, size, gathering, bar)
            else:
                _read_with_hands(files, search, size, gathering, bar)

    return read_or_found(files, search is not None, size, read)


def _read_whole(files: Sequence[Path], size: int | None, gathering: Gathering, bar: Bar) -> None:
    def read(some: Sequence[Path]) -> list[tuple[Inspection, Pixels | None]]:
        return [inspected_whole(file, size) for file in some]

    for shown in in_threads(
        read, (files[start : start + TOGETHER] for start in range(0, len(files), TOGETHER)), WORKERS
    ):
        for inspection, picture in shown:
            gathering.inspections.append(inspection)
            if not inspection.reason:
                gathering.add(None, picture)
        bar.advance(len(shown))


def _read_with_hands(
    files: Sequence[Path], search: HandSearch, size: int | None, gathering: Gathering, bar: Bar
) -> None:
    def usable() -> Iterator[Photograph]:
        read = partial(inspected, side=enough_pixels(size or TINY_SIDE, finds_hands=True))
        for inspection, photograph in in_threads(read, files, WORKERS):
            gathering.inspections.append(inspection)
            if photograph is None:
                bar.advance()
            else:
                yield photograph

    for photograph, hand in search(usable()):
        gathering.add(hand, None if size is None else view_of(photograph, hand, size))
        bar.advance()


def inspected(file: Path, side: int, content: bytes | None = None) -> tuple[Inspection, Photograph | None]:
    """What opening a file shows, and the photograph, decoded for ``side`` pixels; None where it cannot be used.

    Args:
        file: the image.
        side: pixels that both sides keep.
        content: its bytes, where they have been read.
    """
    try:
        decoded = decode_photograph(file if content is None else content, side)
    except ImageError as error:
        return unreadable(file, error), None
    inspection = _inspection(file, decoded)
    return inspection, replace(decoded.photograph(), look=look_of(inspection.thumbnail, decoded.file_size))


def inspected_whole(file: Path, size: int | None) -> tuple[Inspection, Pixels | None]:
    """What opening a file shows, and the whole image as a classifier is shown it; None where it cannot be used.

    Args:
        file: the image.
        size: side of the picture in pixels; None makes none.
    """
    try:
        decoded = decode_photograph(file, enough_pixels(size or TINY_SIDE, finds_hands=False))
    except ImageError as error:
        return unreadable(file, error), None
    return _inspection(file, decoded), None if size is None else to_square(decoded.image, size)


def _inspection(file: Path, decoded: Decoded) -> Inspection:
    grey = decoded.image.convert("L")
    levels, is_two_tone = _tones(grey)
    return Inspection(
        digest=decoded.digest.hex(),
        thumbnail=thumbnail(grey),
        is_tiny=min(decoded.size) < TINY_SIDE,
        is_misnamed=file.suffix.lower() not in FORMATS[decoded.format],
        is_sequence=decoded.is_sequence,
        is_two_tone=is_two_tone,
        levels=levels,
        stretched_from=stretched_from(decoded.image),
    )


def unreadable(file: Path, error: ImageError) -> Inspection:
    """Of a file that cannot be used."""
    return Inspection(error.happened.removeprefix(str(file)).removeprefix(UNNAMED).strip(" ."))


def _tones(grey: Image.Image) -> tuple[int, bool]:
    """How many grey levels lie between dark and bright, if few, and whether hardly any pixel lies between the two."""
    step = max(1, min(grey.size) // SAMPLED)
    some = grey.resize((-(-grey.width // step), -(-grey.height // step)), Image.Resampling.NEAREST)
    counts = np.array(some.histogram())
    share = counts.cumsum() / counts.sum()
    dark, bright = int(np.searchsorted(share, OUTLIERS)), int(np.searchsorted(share, 1 - OUTLIERS))
    between = counts[dark + NEAR_TONE + 1 : bright - NEAR_TONE].sum() / counts.sum()
    levels = bright - dark + 1
    return levels if levels <= FAINT_LEVELS else 256, bool(bright - dark > 4 * NEAR_TONE and between < BETWEEN)
