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
from handshape.hands.boxes import Box
from handshape.images import decode, open_image
from handshape.reporting.page.content import Example

THUMBNAIL_SIDE, THUMBNAIL_BYTES = 384, 18_000  # shown at half as many CSS pixels or fewer, until it is enlarged
SURROUNDINGS = 1.35  # side of what is shown around a hand, as a multiple of what the model saw
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


def photograph(example: Example) -> Picture | None:
    """What an example shows of its hand and a little around it, small; None where it can no longer be read."""
    view = _view(example)
    return view and _encoded(view.image, THUMBNAIL_BYTES)


def heat_map(example: Example) -> Picture | None:
    """The same under its heat; None where there is no heat or no photograph."""
    view = _view(example) if example.heat is not None else None
    if view is None or example.heat is None:
        return None
    return _encoded(Image.fromarray(draw_heat(np.asarray(view.image), example.heat, view.box)), THUMBNAIL_BYTES)


class _View(NamedTuple):
    """What is shown of a photograph, and where in it the model looked."""

    image: Image.Image
    box: Box | None


def _view(example: Example) -> _View | None:
    """The square around the hand, as far as the photograph goes; all of it without a hand."""
    box = example.box
    if box is None:
        found = _read(example.file, THUMBNAIL_SIDE)
        return found and _View(_resized(found[0], THUMBNAIL_SIDE), None)
    reach = SURROUNDINGS * box.width / 2
    found = _read(example.file, THUMBNAIL_SIDE, of=2 * reach)
    if found is None:
        return None
    image, longest = found
    scale = max(image.size) / longest
    left, top = (max(0, round((middle - reach) * scale)) for middle in (box.x, box.y))
    right, bottom = (
        min(side, round((middle + reach) * scale)) for middle, side in zip((box.x, box.y), image.size, strict=True)
    )
    seen = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    factor = THUMBNAIL_SIDE / max(seen.size)
    moved = box.scaled(scale)._replace(x=box.x * scale - left, y=box.y * scale - top)
    return _View(_resized(seen, THUMBNAIL_SIDE), moved.scaled(factor))


def figure(file: Path) -> Picture | None:
    """A figure, as large as a page shows it; None where it can no longer be read."""
    found = _read(file, FIGURE_SIDE)
    return found and _encoded(_resized(found[0], min(FIGURE_SIDE, found[1])), FIGURE_BYTES)


def _read(file: Path, side: int, of: float = 0) -> tuple[Image.Image, int] | None:
    """The upright image, a JPEG decoded no larger than needed, and its longer side at full size.

    Args:
        file: the image.
        side: pixels that are needed of it.
        of: of which part of it they are needed, in its pixels at full size; 0 stands for all.
    """
    try:
        image = open_image(file)
        longest = max(image.size)
        needed = round(side * longest / of) if of else side
        image.draft(None, (needed, needed))  # does nothing but for JPEG
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
