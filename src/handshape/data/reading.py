"""Files, read once: each is opened, hashed and decoded a single time, and all that is asked of it is taken then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.console import Console
from handshape.data.near_duplicates import thumbnail
from handshape.data.store import Store
from handshape.data.threads import in_threads
from handshape.errors import ImageError
from handshape.hands.inputs import Inputs, Photograph, enough_pixels, load_photograph, view_of, with_hands
from handshape.hands.landmarks import FEATURES, NO_FEATURES, Hand
from handshape.hands.search import HandSearch, without_search
from handshape.images import FORMATS, UNNAMED, Pixels

TINY_SIDE = 32  # pixels; below it the fingers of a hand can no longer be told apart
WORKERS = 2  # threads that decode
SAMPLED = 64  # pixels a side that tones are counted in
OUTLIERS = 0.005  # of the pixels at either end: noise
BLANK_LEVELS, FAINT_LEVELS = 6, 24  # of 256: what the noise of a covered camera takes; what nobody can see
NEAR_TONE, BETWEEN = 24, 0.03  # grey levels that JPEG spreads one tone over; pixels between two such tones


@dataclass(frozen=True)
class Inspection:
    """What opening one image showed.

    Attributes:
        reason: why it cannot be used; empty where it can.
        digest: SHA-256 of the file.
        thumbnail: what near-duplicates are told by.
        is_tiny: a side is under ``TINY_SIDE``.
        is_misnamed: it is of another format than its name says.
        is_sequence: it holds several frames or pages.
        is_two_tone: nearly all pixels are of the darkest or the brightest grey.
        levels: grey levels from its dark to its bright pixels, where they are few, else 256.
        stretched_from: how many of 256 grey levels its 16 bits would have used; 0 where they were not stretched.
    """

    reason: str = ""
    digest: str = ""
    thumbnail: bytes = b""
    is_tiny: bool = False
    is_misnamed: bool = False
    is_sequence: bool = False
    is_two_tone: bool = False
    levels: int = 256
    stretched_from: int = 0


@dataclass(frozen=True, eq=False)
class Readings:
    """What N files showed; M of them are usable.

    Attributes:
        inspections: of the N, in order.
        hands: of the M, in pixels of the whole photograph; None where there is none, or none was looked for.
        inputs: what a classifier is shown of the M; None where no size was asked for.
    """

    inspections: tuple[Inspection, ...]
    hands: tuple[Hand | None, ...]
    inputs: Inputs | None

    @property
    def usable(self) -> tuple[int, ...]:
        """Which of the N files are usable."""
        return tuple(number for number, each in enumerate(self.inspections) if not each.reason)


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
    gathering = Gathering(len(files), search is not None, size)
    read = partial(inspected, side=enough_pixels(size or TINY_SIDE, search is not None))

    with console.progress(label, len(files)) as bar:

        def usable() -> Iterator[Photograph]:
            for inspection, photograph in in_threads(read, files, WORKERS):
                gathering.inspections.append(inspection)
                if photograph is None:
                    bar.advance()
                else:
                    yield photograph

        for photograph, hand in (search or without_search)(usable()):
            gathering.add(hand, None if size is None else view_of(photograph, hand, size))
            bar.advance()
    return gathering.readings()


class Gathering:
    """Files that are read one by one, in order, wherever.

    Args:
        files: how many.
        finds_hands: whether hands are looked for.
        size: side of what a classifier is shown, in pixels; None keeps no pictures.

    Raises:
        RunError: there is no room for the pictures.
    """

    def __init__(self, files: int, finds_hands: bool, size: int | None) -> None:
        self.inspections: list[Inspection] = []  # of each file
        self._hands: list[Hand | None] = []
        self._pictures = None if size is None else Store(files, (size, size, 3), np.uint8)
        self._features = None if size is None or not finds_hands else Store(files, FEATURES, np.float16)

    def add(self, hand: Hand | None, picture: Pixels | None) -> None:
        """What the next usable file shows."""
        if self._pictures is not None and picture is not None:
            self._pictures.add(picture)
        if self._features is not None:
            self._features.add(hand.features if hand else NO_FEATURES)
        self._hands.append(hand and replace(hand, features=NO_FEATURES))

    def readings(self) -> Readings:
        """All of them."""
        inputs = None
        if self._pictures is not None:
            features = None if self._features is None else self._features.array()
            inputs = with_hands(self._pictures.array(), self._hands, features)
        return Readings(tuple(self.inspections), tuple(self._hands), inputs)


def inspected(file: Path, side: int, content: bytes | None = None) -> tuple[Inspection, Photograph | None]:
    """What opening a file shows, and the photograph, decoded for ``side`` pixels; None where it cannot be used.

    Args:
        file: the image.
        side: pixels that both sides keep.
        content: its bytes, where they have been read.
    """
    try:
        photograph = load_photograph(file if content is None else content, side)
    except ImageError as error:
        return unreadable(file, error), None
    levels, is_two_tone = _tones(photograph.pixels)
    inspection = Inspection(
        digest=photograph.digest.hex(),
        thumbnail=thumbnail(Image.fromarray(photograph.pixels)),
        is_tiny=photograph.shorter_side < TINY_SIDE,
        is_misnamed=file.suffix.lower() not in FORMATS[photograph.format],
        is_sequence=photograph.is_sequence,
        is_two_tone=is_two_tone,
        levels=levels,
        stretched_from=photograph.stretched_from,
    )
    return inspection, photograph


def unreadable(file: Path, error: ImageError) -> Inspection:
    """Of a file that cannot be used."""
    return Inspection(error.happened.removeprefix(str(file)).removeprefix(UNNAMED).strip(" ."))


def _tones(pixels: Pixels) -> tuple[int, bool]:
    """How many grey levels lie between dark and bright, if few, and whether hardly any pixel lies between the two."""
    step = max(1, min(pixels.shape[:2]) // SAMPLED)
    some = pixels[::step, ::step].astype(np.uint16)
    counts = np.bincount(((some[..., 0] + 2 * some[..., 1] + some[..., 2]) // 4).ravel(), minlength=256)
    share = counts.cumsum() / counts.sum()
    dark, bright = int(np.searchsorted(share, OUTLIERS)), int(np.searchsorted(share, 1 - OUTLIERS))
    between = counts[dark + NEAR_TONE + 1 : bright - NEAR_TONE].sum() / counts.sum()
    levels = bright - dark + 1
    return levels if levels <= FAINT_LEVELS else 256, bool(bright - dark > 4 * NEAR_TONE and between < BETWEEN)
