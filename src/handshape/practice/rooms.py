"""Backgrounds: walls, stripes, wood, blurred rooms. Light is added by the caller."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float32]

ROOMS = ("wall", "gradient", "stripes", "wood", "cloth", "shapes", "corner")


def draw_room(room: str, tint: Array, rng: np.random.Generator, size: int) -> Array:
    """A background, linear RGB [size, size, 3].

    Args:
        room: one of ROOMS.
        tint: linear RGB that belongs to the signer's place; the image varies around it.
    """
    base = (tint * rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)).astype(np.float32)
    painters = (_wall, _gradient, _stripes, _wood, _cloth, _shapes, _corner)
    picture = painters[ROOMS.index(room)](base, rng, size)
    picture *= (1 + _ramp(rng, size, 0.25))[..., None]
    return np.clip(picture, 0.004, 1, out=picture)


def noise(rng: np.random.Generator, size: int, down: int, across: int | None = None) -> Array:
    """Smooth noise around 0 with about so many hills down and across, [size, size], standard deviation near 1."""
    small = Image.fromarray(rng.normal(size=(down + 2, (across or down) + 2)).astype(np.float32))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


def _ramp(rng: np.random.Generator, size: int, strength: float) -> Array:
    """Light that falls off across the picture."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across, down = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return np.float32(strength * rng.uniform()) * (across * axis + (down * axis)[:, None])


def _wall(base: Array, rng: np.random.Generator, size: int) -> Array:
    uneven = 0.05 * noise(rng, size, 3) + rng.uniform(0, 0.06) * noise(rng, size, size // 3)
    return base * (1 + uneven)[..., None]


def _gradient(base: Array, rng: np.random.Generator, size: int) -> Array:
    share = np.clip(0.5 + _ramp(rng, size, 1.2) + 0.08 * noise(rng, size, 2), 0, 1)[..., None]
    return base * (1 - share) + _other(base, rng) * share


def _other(base: Array, rng: np.random.Generator) -> Array:
    """A colour that goes with ``base``: lighter or darker, a little off in hue."""
    return np.clip(base * rng.uniform(0.35, 1.9) * rng.uniform(0.85, 1.15, 3), 0.01, 0.95).astype(np.float32)


def _stripes(base: Array, rng: np.random.Generator, size: int) -> Array:
    axis = np.arange(size, dtype=np.float32) / size
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.12)
    place = np.cos(angle) * axis + np.sin(angle) * axis[:, None]
    wave = np.sin(place * 2 * np.pi * rng.uniform(4, 12) + rng.uniform(0, 6))
    share = (0.5 + 0.5 * np.tanh(wave * rng.uniform(1, 5))) * rng.uniform(0.3, 0.9)
    return base + (_other(base, rng) - base) * share[..., None].astype(np.float32)


def _wood(base: Array, rng: np.random.Generator, size: int) -> Array:
    grain = 0.16 * noise(rng, size, size // 5, 3) + 0.1 * noise(rng, size, size // 14, 2)
    board = np.arange(size) * rng.integers(3, 6) // size
    planks = rng.uniform(0.8, 1.15, 8).astype(np.float32)[board] - 0.35 * (np.diff(board, prepend=board[0]) > 0)
    brown = np.float32(0.15 + 0.6 * base.mean()) * np.array([1.1, 0.78, 0.5], np.float32)
    picture: Array = brown * ((1 + grain) * planks[:, None])[..., None]
    return picture if rng.uniform() < 0.5 else picture.transpose(1, 0, 2)


def _cloth(base: Array, rng: np.random.Generator, size: int) -> Array:
    folds = noise(rng, size, 2, int(rng.integers(4, 9)))
    weave = rng.normal(0, 0.05, (size, size)).astype(np.float32)
    return base * np.clip(1 + 0.28 * folds + weave, 0.2, 2)[..., None]


def _shapes(base: Array, rng: np.random.Generator, size: int) -> Array:
    """Things out of focus: shelves, pictures, people's clothes."""
    picture = Image.new("RGB", (size, size), _rgb(base))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(4, 11))):
        x, y = rng.uniform(-0.2, 1, 2) * size
        wide, high = rng.uniform(0.1, 0.6, 2) * size
        paint = pen.ellipse if rng.uniform() < 0.35 else pen.rectangle
        paint((x, y, x + wide, y + high), fill=_rgb(_other(base, rng), rng.uniform(0.55, 1.45, 3)))
    blurred = picture.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.008, 0.05)))
    return np.asarray(blurred, np.float32) / np.float32(255)


def _rgb(colour: Array, factor: float | NDArray[np.float64] = 1) -> tuple[int, int, int]:
    red, green, blue = (np.clip(colour * factor, 0, 1) * 255).astype(int)
    return int(red), int(green), int(blue)


def _corner(base: Array, rng: np.random.Generator, size: int) -> Array:
    """Two walls, a floor or table, perhaps a window."""
    axis = np.arange(size, dtype=np.float32) / size
    across, down = np.broadcast_to(axis, (size, size)), np.broadcast_to(axis[:, None], (size, size))
    edge, skirting = rng.uniform(0.15, 0.85), rng.uniform(0.6, 0.9)
    floor = skirting + (across - edge) * np.where(across < edge, -1, 1) * rng.uniform(0.1, 0.5)
    picture = np.where((across < edge)[..., None], base, base * np.float32(rng.uniform(0.7, 0.95)))
    picture = np.where((down > floor)[..., None], _other(base, rng), picture)
    if rng.uniform() < 0.4:
        left, top = rng.uniform(0.02, 0.7), rng.uniform(0.02, 0.3)
        window = (across > left) & (across < left + 0.25) & (down > top) & (down < top + 0.35)
        picture = np.where(window[..., None], np.array([0.75, 0.8, 0.85], np.float32), picture)
    soft = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    blurred = soft.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.004, 0.02)))
    return np.asarray(blurred, np.float32) / np.float32(255)
