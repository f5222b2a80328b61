"""Light on a depth map: skin, nails, creases, sleeves, shade.

Vectors and colours come first here, pixels last, [3, K]: NumPy is several times faster that way round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.practice.hand import DISTAL, MIDDLE, PALM, PROXIMAL, SLEEVE
from handshape.practice.raster import NOTHING, Solid

Array = NDArray[np.float32]
SOFT_FLESH = 5  # mm over which the palm's shading flows
Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]


class Skin(NamedTuple):
    """Linear RGB of the back of the hand, of the palm and of the nails."""

    back: Array
    palm: Array
    nail: Array


class Material(NamedTuple):
    """Skin, the sleeve's linear RGB, and noise [S, S] around 0 by which both are uneven."""

    skin: Skin
    sleeve: Array
    mottle: Array


class Light(NamedTuple):
    """A lamp and the light of the room: unit vector to the lamp (image frame), linear RGB of both."""

    towards: Array
    lamp: Array
    room: Array


class Surface(NamedTuple):
    """What is known of each pixel of the hand, [K], ``normal`` [3, K].

    ``along`` and ``aside`` are places on the piece in px, between its first two balls, ``length`` apart and ending in
    one of ``radius``; ``palm`` [3, K] is the place in the palm's frame in mm;
    ``palmar`` is 1 on the palm's side, -1 on the back.
    """

    pixels: Pixels
    kind: NDArray[np.intp]
    normal: Array
    along: Array
    aside: Array
    length: Array
    radius: Array
    palmar: Array
    palm: Array


def shade(depth: Array, owner: NDArray[np.uint8], solid: Solid, material: Material, light: Light) -> Array:
    """The lit hand, linear RGB and mask, [4, S, S], black where there is no hand.

    Args:
        depth, owner: [S, S], from :func:`~handshape.practice.raster.depth_map`.
        solid: what they show.
        material: what it is made of.
        light: what falls on it.
    """
    surface = _surface(depth, owner, solid)
    colour, gloss = _paint(surface, solid, material)
    open_sky, lit = _shade_of_others(depth, light.towards, solid.millimetre)
    picture = np.zeros((4, *depth.shape), np.float32)
    picture[3][surface.pixels] = 1
    shades = open_sky[surface.pixels], lit[surface.pixels]
    picture[:3, *surface.pixels] = _illuminate(surface.normal, colour, gloss, *shades, light)
    return picture


def _surface(depth: Array, owner: NDArray[np.uint8], solid: Solid) -> Surface:
    rows, columns = np.nonzero(depth > NOTHING / 2)
    pixels = rows, columns
    mine = owner[pixels]
    first, second = np.array([balls[:2] for balls in solid.pieces]).T
    axis = solid.centres[second] - solid.centres[first]
    length = np.linalg.norm(axis, axis=1).astype(np.float32) + np.float32(1e-6)
    axis = axis / length[:, None]
    side = np.cross(axis, solid.palmar)
    place = np.stack([columns + np.float32(0.5), rows + np.float32(0.5), depth[pixels]]).astype(np.float32)
    away = place - _of(solid.centres[first], mine)
    along, aside = _dot(away, _of(axis, mine)), _dot(away, _of(side, mine))
    kind, palmar = solid.kind[mine], _of(solid.palmar, mine)
    normal = _normals(depth, pixels)
    _soften(normal, kind == PALM, pixels, len(depth), SOFT_FLESH * solid.millimetre)
    normal += _of(axis, mine) * _padding(kind, along / length[mine], _dot(normal, palmar))
    normal /= np.sqrt(_dot(normal, normal))
    palm = (solid.turn / solid.millimetre).astype(np.float32) @ (place - solid.origin[:, None])
    return Surface(
        pixels, kind, normal, along, aside, length[mine], solid.radii[second][mine], _dot(normal, palmar), palm
    )


def _of(table: Array, mine: NDArray[np.uint8]) -> Array:
    """The rows of a table [P, 3] for each pixel, [3, K]."""
    return np.take(table.T.astype(np.float32), mine, axis=1)


def _dot(one: Array, other: Array) -> Array:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _normals(depth: Array, pixels: Pixels) -> Array:
    slopes = []
    for axis in (1, 0):
        ahead = np.diff(depth, axis=axis, append=NOTHING)
        behind = np.roll(ahead, 1, axis=axis)
        # The gentler side belongs to the same surface; the steeper one may fall off an edge.
        slopes.append(-np.where(np.abs(ahead) < np.abs(behind), ahead, behind)[pixels])
    normal = np.stack([slopes[0], slopes[1], np.ones_like(slopes[0])])
    normal /= np.sqrt(_dot(normal, normal))
    return normal


def _soften(normal: Array, flesh: NDArray[np.bool_], pixels: Pixels, size: int, reach: float) -> None:
    """Leans normals to those around, in place: a palm and its back are spanned by few flat pieces, but look round."""
    here = pixels[0][flesh], pixels[1][flesh]
    for axis in range(3):
        plane = np.zeros((size, size), np.float32)
        plane[here] = normal[axis, flesh]
        normal[axis, flesh] += 4 * _blurred(plane, reach)[here]


def _padding(kind: NDArray[np.intp], place: Array, palmar: Array) -> Array:
    """Tilt of the normals that makes a cushion of each finger bone's palm side, and knuckles of its back."""
    finger = (kind >= PROXIMAL) & (kind <= DISTAL)
    swing = np.sin(np.clip(place, 0, 1) * np.float32(2 * np.pi))
    return np.where(finger, -swing * np.where(palmar > 0, 0.22, -0.1) * np.abs(palmar), 0).astype(np.float32)


def _paint(surface: Surface, solid: Solid, material: Material) -> tuple[Array, Array]:
    """Linear colour [3, K] and gloss [K] before light."""
    skin, spots = material.skin, material.mottle[surface.pixels]
    share = _step(surface.palmar, -0.6, 0.5)
    colour = skin.back[:, None] + (skin.palm - skin.back)[:, None] * share
    tip = np.where(surface.kind == DISTAL, np.clip(surface.along / surface.length, 0, 1), 0)
    flush = np.float32(0.3) * tip * tip + spots
    colour *= 1 + flush * np.array([[0.3], [-0.45], [-0.4]], np.float32)
    colour *= 1 - _creases(surface, solid.millimetre)
    nail = _nails(surface)
    colour += (skin.nail[:, None] - colour) * (nail * np.float32(0.75))
    cloth = surface.kind == SLEEVE
    colour[:, cloth] = material.sleeve[:, None] * (1 + spots[cloth])
    gloss = np.where(cloth, 0, 0.04 + 0.2 * nail).astype(np.float32)
    return np.maximum(colour, np.float32(0.003)), gloss


def _step(values: Array, low: float, high: float) -> Array:
    share = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return share * share * (3 - 2 * share)


def _bump(values: Array) -> Array:
    """1 at 0, falling off to both sides."""
    return np.square(1 / (1 + values * values), dtype=np.float32)


def _creases(surface: Surface, mm: float) -> Array:
    """Darkening by the folds of the finger joints, on both sides, as a share."""
    jointed = (surface.kind == MIDDLE) | (surface.kind == DISTAL)
    place = surface.along * np.float32(1 / mm)
    inside, outside = _step(surface.palmar, 0.1, 0.6), _step(-surface.palmar, 0.3, 0.8)
    fold = 0.32 * _bump(place * np.float32(0.7)) * inside
    wrinkle = 0.12 * (1 + np.cos(place * np.float32(2.4))) * _bump(place * np.float32(0.18)) * outside
    base = 0.2 * _bump((place - 15) * np.float32(0.7)) * inside
    folds = np.where(jointed, fold + wrinkle, np.where(surface.kind == PROXIMAL, base, 0)).astype(np.float32)
    here = np.nonzero(surface.kind == PALM)[0]
    folds[here] = _palm_lines(surface.palm[:, here]) * inside[here]
    return folds


# The lines of life, head and heart: centre and radius of an arc in mm, and from where to where across the palm.
PALM_LINES = ((37, 37, 35, -5, 34), (-5, -48, 112, -26, 32), (-20, 130, 60, -42, 10))


def _palm_lines(palm: Array) -> Array:
    depth = np.zeros(palm.shape[1], np.float32)
    for x, y, radius, low, high in PALM_LINES:
        off = np.hypot(palm[0] - np.float32(x), palm[1] - np.float32(y)) - np.float32(radius)
        ends = _step(palm[0], low, low + 8) * _step(-palm[0], -high, 6 - high)
        np.maximum(depth, np.float32(0.26) * _bump(off * np.float32(0.8)) * ends, out=depth)
    return depth


def _nails(surface: Surface) -> Array:
    """How much of a pixel is nail, 0 to 1: a rounded square on the back of the last bone."""
    nail = np.zeros(len(surface.kind), np.float32)
    here = np.nonzero((surface.kind == DISTAL) & (surface.palmar < -0.1))[0]
    length, radius = surface.length[here], surface.radius[here]
    lengthwise = np.square((surface.along[here] - length * 0.86) / (length * 0.5))
    crosswise = np.square(surface.aside[here] / (radius * 0.8))
    nail[here] = _step(1 - lengthwise * lengthwise - crosswise * crosswise, 0, 0.35)
    return nail


def _shade_of_others(depth: Array, towards: Array, mm: float) -> tuple[Array, Array]:
    """Shares [S, S] of the room's light and of the lamp's that reach a pixel, worked out at half the size."""
    half = depth[::2, ::2]
    shares = _openness(half, mm / 2), 1 - _shadow(half, towards, mm / 2)
    size = (depth.shape[1], depth.shape[0])
    open_sky, lit = (np.asarray(Image.fromarray(share).resize(size, Image.Resampling.BILINEAR)) for share in shares)
    return open_sky, lit


def _openness(depth: Array, mm: float) -> Array:
    """Less light beside anything that stands higher; heights are in pixels of the full size."""
    depth = np.maximum(depth, depth.max() - np.float32(260 * mm)) * np.float32(0.5)
    closed = np.zeros(depth.shape, np.float32)
    for radius, rise in ((3.0, 5.0), (9.0, 13.0)):
        closed += np.clip((_blurred(depth, radius * mm) - depth) * np.float32(1 / (rise * mm)), 0, 1)
    return np.maximum(1 - np.float32(0.72) * closed, np.float32(0.15))


def _blurred(values: Array, radius: float) -> Array:
    """A wide blur, quickly: shrunk and enlarged again."""
    height, width = values.shape
    shrunk = Image.fromarray(values).reduce(max(1, round(radius * 1.6)))
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BILINEAR))


def _shadow(depth: Array, towards: Array, mm: float) -> Array:
    """The share of lamp light kept off by what stands between, from a few steps towards the lamp."""
    depth = depth * np.float32(0.5)
    blocked = np.zeros_like(depth)
    flat = float(np.hypot(towards[0], towards[1])) + 1e-6
    for reach in np.array([4, 7, 11, 16, 22]) * mm:
        dx, dy = round(float(towards[0]) / flat * reach), round(float(towards[1]) / flat * reach)
        rise = np.float32(float(towards[2]) / flat * reach + mm)
        over = (_shifted(depth, dx, dy) - depth - rise) * np.float32(1 / (3 * mm))
        np.maximum(blocked, np.clip(over, 0, 1), out=blocked)
    return blocked


def _shifted(values: Array, dx: int, dy: int) -> Array:
    """values[y + dy, x + dx], NOTHING beyond the edge."""
    height, width = values.shape
    moved = np.full_like(values, NOTHING)
    rows, from_rows = slice(max(0, -dy), height - max(0, dy)), slice(max(0, dy), height - max(0, -dy))
    columns, from_columns = slice(max(0, -dx), width - max(0, dx)), slice(max(0, dx), width - max(0, -dx))
    moved[rows, columns] = values[from_rows, from_columns]
    return moved


# Light wanders in skin, red furthest: its shadow edge is soft and warm.
SOFTNESS = np.array([[0.35], [0.2], [0.15]], np.float32)


def _illuminate(normal: Array, colour: Array, gloss: Array, open_sky: Array, lit: Array, light: Light) -> Array:
    facing = light.towards @ normal
    diffuse = np.maximum((facing + SOFTNESS) / (1 + SOFTNESS), 0) * (lit * (0.5 + 0.5 * open_sky))
    from_above = (0.75 - 0.25 * normal[1]) * open_sky
    half = light.towards + np.array([0, 0, 1], np.float32)
    shine = np.maximum((half / np.linalg.norm(half)) @ normal, 0)
    for _ in range(4):
        shine = shine * shine
    lamp, room = light.lamp[:, None], light.room[:, None]
    return colour * (diffuse * lamp + from_above * room) + (shine * gloss * lit) * lamp
