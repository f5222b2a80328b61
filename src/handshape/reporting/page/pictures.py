"""Pictures as text inside a page: small JPEGs, each within its share of the page's size."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from handshape.errors import ImageError
from handshape.explain.drawing import draw_heat
from handshape.images import decode, open_image
from handshape.reporting.page.content import Example

THUMBNAIL_SIDE, THUMBNAIL_BYTES = 384, 18_000  # shown at half as many CSS pixels or fewer, until it is enlarged
FIGURE_SIDE, FIGURE_BYTES = 1500, 95_000
QUALITIES = (85, 75, 62, 48)


class Picture(NamedTuple):
    """A JPEG in base64, and its size in pixels."""

    data: str
    width: int
    height: int


def thumbnail(file: Path) -> Picture | None:
    """A photograph, small; None where it can no longer be read."""
    found = _read(file, THUMBNAIL_SIDE)
    return found and _encoded(_resized(found[0], THUMBNAIL_SIDE), THUMBNAIL_BYTES)


def heat_map(example: Example) -> Picture | None:
    """The photograph of an example under its heat, small; None where there is no heat or no photograph."""
    found = _read(example.file, THUMBNAIL_SIDE)
    if example.heat is None or found is None:
        return None
    image, longest = found
    box = example.box.scaled(THUMBNAIL_SIDE / longest) if example.box is not None else None
    warm = draw_heat(np.asarray(_resized(image, THUMBNAIL_SIDE)), example.heat, box)
    return _encoded(Image.fromarray(warm), THUMBNAIL_BYTES)


def figure(file: Path) -> Picture | None:
    """A figure, as large as a page shows it; None where it can no longer be read."""
    found = _read(file, FIGURE_SIDE)
    return found and _encoded(_resized(found[0], min(FIGURE_SIDE, found[1])), FIGURE_BYTES)


def _read(file: Path, side: int) -> tuple[Image.Image, int] | None:
    """The upright image, a JPEG decoded no larger than needed, and its longer side at full size."""
    try:
        image = open_image(file)
        longest = max(image.size)
        image.draft(None, (side, side))  # does nothing but for JPEG
        return decode(image, str(file)), longest
    except ImageError:
        return None


def _resized(image: Image.Image, side: int) -> Image.Image:
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, most_bytes: int) -> Picture:
    """The image as JPEG of at most so many bytes: of lower quality where need be, then smaller."""
    while True:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= most_bytes or min(image.size) < 32:
                return Picture(base64.b64encode(buffer.getvalue()).decode(), image.width, image.height)
        image = image.reduce(2)
