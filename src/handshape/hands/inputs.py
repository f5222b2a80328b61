"""What a classifier is given of a photograph: a picture of the hand, its landmarks, and whether there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.hands.crops import crop_hand
from handshape.hands.geometry import COORDINATES, LANDMARKS, right_hand
from handshape.hands.landmarks import FEATURES, NO_FEATURES, Hand
from handshape.images import (
    Pixels,
    decode,
    has_several_frames,
    name_of,
    open_image,
    read_bytes,
    stretched_from,
)

PICTURES = 1  # raise it when the same photograph and hand make another picture
LARGE = 1024  # pixels; a large image is decoded a whole number of times smaller where both sides keep this much


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph in memory.

    Attributes:
        pixels: [H, W, 3] uint8, upright.
        scale: how many times larger it is at its full size.
        digest: SHA-256 of its file, by which the hand cache knows it.
        format: a key of :data:`handshape.images.FORMATS`; "" where it never was a file.
        shorter_side: in pixels, at its full size.
        is_sequence: whether its file holds several frames or pages, of which this is the first.
        stretched_from: how many of 256 grey levels its 16 bits would have used; 0 where they were not stretched.
        look: its thumbnail, [16, 16] grey levels, by which films are told (:mod:`handshape.hands.films`); empty where
            it is no frame of one.
    """

    pixels: Pixels
    scale: float = 1.0
    digest: bytes = b""
    format: str = ""
    shorter_side: int = 0
    is_sequence: bool = False
    stretched_from: int = 0
    look: bytes = b""

    def mirrored(self) -> Photograph:
        """The same photograph mirrored left to right, which the hand cache tells from this one."""
        pixels = np.ascontiguousarray(self.pixels[:, ::-1])
        return replace(self, pixels=pixels, digest=hashlib.sha256(b"mirrored" + self.digest).digest(), look=b"")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photograph as Pillow holds it: whatever needs no array is spared the copy.

    Attributes:
        image: upright RGB.
        size: width and height in pixels, as stored.
        file_size: bytes of its file.
        digest: see :class:`Photograph`; so are the others.
    """

    image: Image.Image
    size: tuple[int, int]
    file_size: int
    digest: bytes
    format: str
    is_sequence: bool

    def photograph(self) -> Photograph:
        """It as an array."""
        return Photograph(
            np.asarray(self.image),
            scale=max(self.size) / max(self.image.size),
            digest=self.digest,
            format=self.format,
            shorter_side=min(self.size),
            is_sequence=self.is_sequence,
            stretched_from=stretched_from(self.image),
        )


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs for N photographs.

    Attributes:
        image: [N, S, S, 3] uint8: the upright crop of the hand, always as a right one; the whole photograph where no
            hand was found or none was looked for.
        landmarks: [N, 21, 6] float32, as :func:`~handshape.hands.geometry.right_hand` gives them; zeros without a hand.
        hand_present: [N, 1] float32, 1 with a hand, else 0.
        hand_features: [N, 7, 7, 192] float16, :attr:`~handshape.hands.landmarks.Hand.features`; zeros without a hand.
    """

    image: Pixels
    landmarks: NDArray[np.float32]
    hand_present: NDArray[np.float32]
    hand_features: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, part: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Inputs:
        return Inputs(self.image[part], self.landmarks[part], self.hand_present[part], self.hand_features[part])

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which photographs show a hand, [N]."""
        return np.asarray(self.hand_present[:, 0] > 0.5)

    def by_channels(self, channels: Iterable[int]) -> list[NDArray[Any]]:
        """Those that a network takes, told by the length of the last axis of its inputs."""
        named = {each.shape[-1]: each for each in (self.image, self.landmarks, self.hand_present, self.hand_features)}
        return [named[length] for length in channels]


def whole_images(images: Pixels) -> Inputs:
    """Inputs for images [N, S, S, 3] uint8 in which no hand was looked for."""
    return with_hands(images, [None] * len(images))


def with_hands(images: Pixels, hands: Sequence[Hand | None], features: NDArray[np.float16] | None = None) -> Inputs:
    """Inputs for pictures [N, S, S, 3] that :func:`view_of` made of these hands.

    Args:
        images: the pictures.
        hands: what each shows.
        features: [N, 7, 7, 192], their features where they are kept apart from the hands.
    """
    landmarks = np.zeros((len(hands), LANDMARKS, COORDINATES), np.float32)
    for number, hand in enumerate(hands):
        if hand is not None:
            landmarks[number] = right_hand(hand.landmarks, hand.world, hand.handedness == "Left")
    present = np.array([[hand is not None] for hand in hands], np.float32)
    if features is None:
        features = np.broadcast_to(NO_FEATURES, (len(hands), *FEATURES))  # takes no memory
        if present.any():
            features = np.stack([hand.features if hand else NO_FEATURES for hand in hands])
    return Inputs(images, landmarks, present.reshape(-1, 1), features)


def load_photograph(source: Path | bytes, side: int = LARGE) -> Photograph:
    """Reads, hashes and decodes a photograph, once.

    Args:
        source: a file, or its bytes.
        side: pixels that both sides keep; a larger image is decoded a whole number of times smaller.

    Raises:
        ImageError: it cannot be read.
    """
    return decode_photograph(source, side).photograph()


def decode_photograph(source: Path | bytes, side: int) -> Decoded:
    """As :func:`load_photograph`, its pixels still Pillow's."""
    content = source if isinstance(source, bytes) else read_bytes(source)
    image = open_image(content, name_of(source))
    size, is_sequence = image.size, has_several_frames(image)
    decoded = decode(image, name_of(source), (side, side))
    return Decoded(decoded, size, len(content), hashlib.sha256(content).digest(), image.format or "", is_sequence)


def enough_pixels(size: int, finds_hands: bool) -> int:
    """The side to decode photographs at: hands are found in large ones, a whole image is made ``size`` pixels small."""
    return LARGE if finds_hands else 2 * size


def view_of(photograph: Photograph, hand: Hand | None, size: int) -> Pixels:
    """The picture [size, size, 3] that a classifier is shown: a hand's upright crop, as a right hand, or everything.

    Args:
        photograph: what :func:`load_photograph` returned.
        hand: in pixels of the upright photograph at its full size; None shows the whole photograph.
        size: side of the picture in pixels.
    """
    if hand is None:
        return crop_hand(photograph.pixels, None, size)
    crop = crop_hand(photograph.pixels, hand.scaled(1 / photograph.scale), size)
    return crop[:, ::-1] if hand.handedness == "Left" else crop
