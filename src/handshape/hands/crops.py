"""Crops of hands for the pixel stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.hands.boxes import Box, cut, square_around
from handshape.hands.landmarks import Hand, upright_angle
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


def points_in_crops(landmarks: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Landmarks in pixels of their own upright crops.

    Args:
        landmarks: [N, 21, 3 or more], in pixels of photographs; zeros where there is no hand.
        size: side of the crops in pixels.

    Returns:
        [N, 21, 2] float32; not numbers where there is no hand.
    """
    placed = np.full((len(landmarks), landmarks.shape[1], 2), np.nan, np.float32)
    for row in np.flatnonzero(landmarks.any(axis=(1, 2))):
        points = landmarks[row, :, :2]
        box = square_around(points, upright_angle(points), ROOM)
        cos, sin = np.cos(box.angle), np.sin(box.angle)
        turned = (points - (box.x, box.y)) @ np.array([[cos, -sin], [sin, cos]])
        placed[row] = (turned / box.width + 0.5) * size
    return placed
