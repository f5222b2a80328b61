"""Pictures as text inside the page: small JPEGs, each within its share of the page's size."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.errors import ImageError
from handshape.explain.drawing import draw_heat
from handshape.images import decode, open_image
from handshape.reporting.page.content import Shot
from handshape.reporting.page.markup import Markup, tag

THUMBNAIL_SIDE, THUMBNAIL_BYTES = 288, 12_000  # shown at half as many CSS pixels: crisp on dense screens
FIGURE_SIDE, FIGURE_BYTES = 1500, 95_000
QUALITIES = (85, 75, 62, 48)


def thumbnail(file: Path, alt: str) -> Markup:
    """A photograph, small."""
    try:
        picture, _ = _read(file, THUMBNAIL_SIDE)
    except ImageError:
        return _missing(file)
    return _img(picture.resize(_fitted(picture, THUMBNAIL_SIDE), Image.Resampling.BICUBIC), alt, THUMBNAIL_BYTES)


def heat_thumbnail(shot: Shot) -> Markup | None:
    """The photograph of a shot under its heat map, small; None where there is no map or no photograph."""
    if shot.heat is None:
        return None
    try:
        picture, longest = _read(shot.file, THUMBNAIL_SIDE)
    except ImageError:
        return None
    picture = picture.resize(_fitted(picture, THUMBNAIL_SIDE), Image.Resampling.BICUBIC)
    box = shot.box.scaled(THUMBNAIL_SIDE / longest) if shot.box is not None else None
    warm = Image.fromarray(draw_heat(np.asarray(picture), shot.heat, box))
    return _img(warm, f"The same photograph; heat shows where the model looked for {shot.answer}", THUMBNAIL_BYTES)


def figure_image(file: Path, alt: str) -> Markup:
    """A figure, as large as a page shows it."""
    try:
        picture, longest = _read(file, FIGURE_SIDE)
    except ImageError:
        return _missing(file)
    side = min(FIGURE_SIDE, longest)
    return _img(picture.resize(_fitted(picture, side), Image.Resampling.LANCZOS), alt, FIGURE_BYTES)


def _read(file: Path, side: int) -> tuple[Image.Image, int]:
    """The upright image, a JPEG decoded no larger than needed, and its longer side at full size."""
    image = open_image(file)
    longest = max(image.size)
    image.draft(None, (side, side))  # does nothing but for JPEG
    return decode(image, str(file)), longest


def _fitted(image: Image.Image, side: int) -> tuple[int, int]:
    factor = side / max(image.size)
    return max(1, round(image.width * factor)), max(1, round(image.height * factor))


def _img(image: Image.Image, alt: str, most_bytes: int) -> Markup:
    data = base64.b64encode(_jpeg(image, most_bytes)).decode()
    size = {"width": str(image.width), "height": str(image.height)}
    return tag("img", src=f"data:image/jpeg;base64,{data}", alt=alt, **size)


def _jpeg(image: Image.Image, most_bytes: int) -> bytes:
    """The image as JPEG of at most so many bytes: of lower quality where need be, then smaller."""
    while True:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= most_bytes or min(image.size) < 32:
                return buffer.getvalue()
        image = image.reduce(2)


def _missing(file: Path) -> Markup:
    return tag("span", f"{file.name} can no longer be read.", class_="missing")
