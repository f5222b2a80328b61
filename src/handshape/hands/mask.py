"""Where a hand is in its picture, by its landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from handshape.hands.geometry import BONES

FINGER = 0.36  # width of a finger and its flesh, of the way from the wrist to the middle knuckle
ARM = 1.8  # width of the arm, in fingers
SOFT = 2.5  # pixels over which the hand goes over into the background
PALM = (0, 1, 5, 9, 13, 17)
PALM_LINES = ((5, 9), (9, 13), (13, 17), (0, 17), (0, 9))


def hand_mask(points: NDArray[np.float32], size: int, soft: float = SOFT) -> NDArray[np.uint8]:
    """Where the hand and the arm are, [size, size] uint8, 255 inside.

    Args:
        points: landmarks [21, 2] in pixels.
        size: side of the mask in pixels.
        soft: pixels over which the hand goes over into the background.
    """
    image = Image.new("L", (size, size))
    draw = ImageDraw.Draw(image)
    joints = [(float(x), float(y)) for x, y in points]
    reach = points[0] - points[9]
    width = float(np.hypot(*reach)) * FINGER
    for start, end in (*BONES, *PALM_LINES):
        draw.line([joints[start], joints[end]], fill=255, width=round(width))
    for x, y in joints:
        draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    draw.polygon([joints[number] for number in PALM], fill=255)
    beyond = points[0] + reach
    draw.line([joints[0], (float(beyond[0]), float(beyond[1]))], fill=255, width=round(width * ARM))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(soft)))
