"""What a classifier is given of a photograph: a picture of the hand, its landmarks, and whether there is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.hands.crops import crop_hand
from handshape.hands.geometry import COORDINATES, LANDMARKS, right_hand
from handshape.hands.landmarks import Hand
from handshape.images import Pixels, decode, load_square, name_of, open_image

LARGE = 1024  # pixels; a large image is decoded a whole number of times smaller where both sides keep this much


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs for N photographs.

    Attributes:
        image: [N, S, S, 3] uint8: the upright crop of the hand, always as a right one; the whole photograph where no
            hand was found or none was looked for.
        landmarks: [N, 21, 6] float32, as :func:`~handshape.hands.geometry.right_hand` gives them; zeros without a hand.
        hand_present: [N, 1] float32, 1 with a hand, else 0.
    """

    image: Pixels
    landmarks: NDArray[np.float32]
    hand_present: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, part: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Inputs:
        return Inputs(self.image[part], self.landmarks[part], self.hand_present[part])

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which photographs show a hand, [N]."""
        return np.asarray(self.hand_present[:, 0] > 0.5)

    def by_rank(self, ranks: Iterable[int]) -> list[NDArray[Any]]:
        """Those that a network takes, told by the number of axes of its inputs."""
        named: dict[int, NDArray[Any]] = {4: self.image, 3: self.landmarks, 2: self.hand_present}
        return [named[rank] for rank in ranks]


def whole_images(images: Pixels) -> Inputs:
    """Inputs for images [N, S, S, 3] uint8 in which no hand was looked for."""
    count = len(images)
    return Inputs(images, np.zeros((count, LANDMARKS, COORDINATES), np.float32), np.zeros((count, 1), np.float32))


def with_hands(images: Pixels, hands: Sequence[Hand | None]) -> Inputs:
    """Inputs for pictures [N, S, S, 3] that :func:`load_view` made of these hands."""
    landmarks = np.zeros((len(hands), LANDMARKS, COORDINATES), np.float32)
    for number, hand in enumerate(hands):
        if hand is not None:
            landmarks[number] = right_hand(hand.landmarks, hand.world, hand.handedness == "Left")
    present = np.array([[hand is not None] for hand in hands], np.float32)
    return Inputs(images, landmarks, present.reshape(-1, 1))


def load_view(source: Path | bytes, hand: Hand | None, size: int) -> Pixels:
    """The picture [size, size, 3] that a classifier is shown of a photograph.

    Args:
        source: a file, or its bytes.
        hand: in pixels of the upright photograph at its full size; None shows the whole photograph.
        size: side of the picture in pixels.

    Raises:
        ImageError: it cannot be read.
    """
    if hand is None:
        return load_square(source, size)
    pixels, scale = load_photograph(source)
    return view_of(pixels, hand.scaled(1 / scale), size)


def view_of(pixels: Pixels, hand: Hand, size: int) -> Pixels:
    """The upright crop of a hand in an image [H, W, 3], as a right one, [size, size, 3]."""
    crop = crop_hand(pixels, hand, size)
    return crop[:, ::-1] if hand.handedness == "Left" else crop


def load_photograph(source: Path | bytes) -> tuple[Pixels, float]:
    """A photograph large enough to find hands in, [H, W, 3] uint8, and how much larger it is at its full size.

    Raises:
        ImageError: it cannot be read.
    """
    image = open_image(source)
    longest = max(image.size)
    pixels = np.asarray(decode(image, name_of(source), (LARGE, LARGE)))
    return pixels, longest / max(pixels.shape[:2])
