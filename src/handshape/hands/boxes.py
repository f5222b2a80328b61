"""Turned squares and what they show: the geometry between an image and a crop of it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.images import Pixels

Points = NDArray[
    np.float32
]  # [N, 2] or more columns, x and y first, in pixels; (0, 0) is the image's upper left corner


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that is looked at several times, and Pillow's copy of it, which is then made once.

    Attributes:
        pixels: [H, W, 3] uint8.
    """

    pixels: Pixels

    @functools.cached_property
    def pillow(self) -> Image.Image:
        """The same as Pillow's image."""
        return Image.fromarray(self.pixels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its pixels."""
        return self.pixels.shape


class Box(NamedTuple):
    """A turned rectangle in an image.

    Attributes:
        x: its centre, in pixels from the left.
        y: its centre, in pixels from the top.
        width: in pixels.
        height: in pixels.
        angle: by how much it is turned clockwise as seen on the screen, in radians, -pi to pi.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float

    def is_inside(self, image: Pixels | Picture) -> bool:
        """Whether its centre lies in an image [H, W, 3] and its size is that of something seen there."""
        height, width = image.shape[:2]
        return 0 <= self.x < width and 0 <= self.y < height and 1 <= self.width <= 8 * max(width, height)

    def to_image(self, points: Points) -> Points:
        """Points as shares of the box's width and height, [N, 2], in pixels of the image."""
        x, y = ((points - 0.5) * (self.width, self.height)).T
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        placed = np.empty((len(points), 2), np.float32)
        placed[:, 0] = self.x + x * cos - y * sin
        placed[:, 1] = self.y + x * sin + y * cos
        return placed

    def change_to(self, other: Box) -> float:
        """How much another box differs: its way and its growth as shares of the width, its turn in radians; the most.

        Both are squares.
        """
        way = math.hypot(other.x - self.x, other.y - self.y) / self.width
        turn = math.remainder(other.angle - self.angle, 2 * math.pi)
        return max(way, abs(other.width / self.width - 1), abs(turn))

    def scaled(self, factor: float) -> Box:
        """The same box in the image made ``factor`` times as large."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor, self.angle)


def upward(start: NDArray[np.floating], end: NDArray[np.floating]) -> float:
    """The angle of a box in which the way from ``start`` to ``end``, [2] each, points straight up."""
    across, down = (float(step) for step in end[:2] - start[:2])
    angle = math.pi / 2 - math.atan2(-down, across)
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def square_around(points: Points, angle: float, scale: float, shift: float = 0.0) -> Box:
    """The square at an angle that stands around points.

    Args:
        points: [N, 2] pixels.
        angle: as in :class:`Box`.
        scale: its side, as a multiple of the longer side of the points' bounding box at that angle.
        shift: by what share of that bounding box's height it is moved along its own downward direction.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    turned = points[:, :2] @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    width, height = high - low
    x, y = (low + high) / 2 + (0, shift * height)
    side = float(max(width, height)) * scale
    return Box(float(x * cos - y * sin), float(x * sin + y * cos), side, side, angle)


def cut(image: Pixels | Picture, box: Box, size: int) -> Pixels:
    """What a square box shows, upright, [size, size, 3] uint8; beyond the border the image's edge goes on.

    One affine map, bilinear; where the box is far larger than the crop, whole pixels are averaged first, so that
    nothing flickers.

    Args:
        image: [H, W, 3] uint8.
        box: where to cut; its width counts.
        size: side of the crop in pixels.
    """
    factor = max(1, int(box.width / size))
    patch, left, top = _surroundings(image, box, factor)
    cos, sin = (turn * box.width / size / factor for turn in (math.cos(box.angle), math.sin(box.angle)))
    x, y = (box.x - left) / factor, (box.y - top) / factor
    half = size / 2
    affine = (cos, -sin, x - half * (cos - sin), sin, cos, y - half * (sin + cos))
    return np.asarray(patch.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))


def _surroundings(image: Pixels | Picture, box: Box, factor: int) -> tuple[Image.Image, int, int]:
    """The upright part of the image that a box needs, ``factor`` times smaller, and where it begins in the image."""
    reach = (abs(math.cos(box.angle)) + abs(math.sin(box.angle))) * box.width / 2 + 2 * factor
    side = math.ceil(2 * reach / factor) + 1
    columns = _span(box.x - reach, side, factor, image.shape[1])
    rows = _span(box.y - reach, side, factor, image.shape[0])
    if factor > 1 and isinstance(image, Picture):
        place = (columns.inside.start, rows.inside.start, columns.inside.stop, rows.inside.stop)
        inside = np.asarray(image.pillow.reduce(factor, place))
    else:
        pixels = image.pixels if isinstance(image, Picture) else image
        inside = pixels[rows.inside, columns.inside]
        if factor > 1:
            inside = np.asarray(Image.fromarray(inside).reduce(factor))
    high, wide = inside.shape[:2]
    if (high, wide) != (rows.length, columns.length):
        patch = np.empty((rows.length, columns.length, 3), np.uint8)
        carry_on(inside, patch, rows.before(high), columns.before(wide))
        inside = patch
    return Image.fromarray(inside), columns.start, rows.start


def carry_on(image: Pixels, into: Pixels, top: int, left: int) -> None:
    """Writes an image [H, W, 3] into a larger array from a place on; its edge pixels go on around it.

    What stands over at the lower and the right border is left out.
    """
    shown = image[: len(into) - top, : into.shape[1] - left]
    bottom, right = top + shown.shape[0], left + shown.shape[1]
    into[top:bottom, left:right] = shown
    into[top:bottom, :left] = shown[:, :1]
    into[top:bottom, right:] = shown[:, -1:]
    into[:top] = into[top]
    into[bottom:] = into[bottom - 1]


class _Span(NamedTuple):
    """A stretch of ``length`` reduced pixels along one side of an image."""

    start: int  # in the image's pixels, a whole number of reduced ones from its border
    length: int
    inside: slice  # what of it the image has
    factor: int

    def before(self, got: int) -> int:
        """How many reduced pixels are missing before the ``got`` ones inside."""
        return min(max((self.inside.start - self.start) // self.factor, 0), self.length - got)


def _span(start: float, length: int, factor: int, limit: int) -> _Span:
    first = math.floor(start / factor) * factor
    last_whole = (limit - 1) // factor * factor  # where the last reduced pixel begins
    low = min(max(first, 0), last_whole)
    high = min(max(first + length * factor, low + factor), limit)
    return _Span(first, length, slice(low, high), factor)
