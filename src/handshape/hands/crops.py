"""Crops of hands for the pixel stream."""

from __future__ import annotations

from PIL import Image

from handshape.hands.boxes import Box, cut, square_around
from handshape.hands.landmarks import Hand
from handshape.images import Pixels, to_square

ROOM = 1.5  # side of the crop, as a multiple of the landmarks' longer side: landmarks end within the fingertips


def crop_hand(image: Pixels, hand: Hand | None, size: int, upright: bool = True, room: float = ROOM) -> Pixels:
    """A hand in the middle of a square, [size, size, 3] uint8; the whole image, padded, where there is no hand.

    Beyond the image's border its edge goes on.

    Args:
        image: [H, W, 3] uint8, the one that the hand was found in.
        hand: what to show.
        size: side of the crop in pixels.
        upright: turn the hand so that its fingers' roots point up; else it stays as it was photographed.
        room: side of the crop, as a multiple of the landmarks' longer side.
    """
    if hand is None:
        return to_square(Image.fromarray(image), size)
    return cut(image, crop_box(hand, upright, room), size)


def crop_box(hand: Hand, upright: bool = True, room: float = ROOM) -> Box:
    """What :func:`crop_hand` shows of the image the hand was found in."""
    return square_around(hand.landmarks, hand.angle if upright else 0.0, room)
