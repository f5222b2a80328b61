"""What files show, one by one, and what becomes of it together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from handshape.data.store import Store
from handshape.hands.inputs import Inputs, with_hands
from handshape.hands.landmarks import FEATURES, NO_FEATURES, Hand
from handshape.images import Pixels

PICTURES_FILE, FEATURES_FILE = "pictures.raw", "features.raw"


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


class Gathering:
    """Files that are read one by one, in order, wherever.

    Args:
        files: how many.
        finds_hands: whether hands are looked for.
        size: side of what a classifier is shown, in pixels; None keeps no pictures.
        folder: where pictures and features of hands are to stay; None lets them go with the program.

    Raises:
        RunError: there is no room for the pictures.
    """

    def __init__(self, files: int, finds_hands: bool, size: int | None, folder: Path | None = None) -> None:
        self.inspections: list[Inspection] = []  # of each file
        self.hands: list[Hand | None] = []  # of each usable one
        self._pictures, self._features = None, None
        if size is not None:
            self._pictures = Store(files, (size, size, 3), np.uint8, folder and folder / PICTURES_FILE)
            if finds_hands:
                self._features = Store(files, FEATURES, np.float16, folder and folder / FEATURES_FILE)

    def add(self, hand: Hand | None, picture: Pixels | None) -> None:
        """What the next usable file shows."""
        if self._pictures is not None and picture is not None:
            self._pictures.add(picture)
        if self._features is not None:
            self._features.add(hand.features if hand else NO_FEATURES)
        self.hands.append(hand and replace(hand, features=NO_FEATURES))

    def close(self) -> None:
        """All that was given a folder is there."""
        for store in (self._pictures, self._features):
            if store is not None:
                store.close()

    def readings(self) -> Readings:
        """All of them."""
        inputs = None
        if self._pictures is not None:
            features = None if self._features is None else self._features.array()
            inputs = with_hands(self._pictures.array(), self.hands, features)
        return Readings(tuple(self.inspections), tuple(self.hands), inputs)
