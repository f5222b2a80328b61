"""From a sphere mesh to a depth map: each pixel's height, and which piece it belongs to.

Image frame: x to the right, y down, z towards the viewer, all in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handshape.practice.hand import ARM, Flesh

Array = NDArray[np.float32]
SMALL_HAND = 150  # mm; a hand that looks smaller than this, such as a fist, does not fill the frame as much
NOTHING = np.float32(-1e4)  # the depth of a pixel that shows no hand


@dataclass(frozen=True)
class Solid:
    """A sphere mesh in the image frame.

    Attributes:
        centres: [B, 3] px.
        radii: [B] px.
        pieces: the two or three balls of each piece.
        palmar: [P, 3] unit vectors to the palm's side of each piece.
        kind: [P] the constants of :mod:`handshape.practice.hand`.
        turn, origin: [3, 3] and [3] px: turn @ (place - origin) is a place in the palm's frame, perspective aside.
        millimetre: pixels a millimetre.
    """

    centres: Array
    radii: Array
    pieces: list[tuple[int, ...]]
    palmar: Array
    kind: NDArray[np.intp]
    turn: Array
    origin: Array
    millimetre: float


class Camera(NamedTuple):
    """How a hand is taken: from so many mm away, filling a share of the frame without its arm.

    ``centre`` is where the middle of the hand comes to lie, as shares of the frame; ``size`` is the frame's side in px.
    """

    distance: float
    fill: float
    centre: Array
    size: int


def project(flesh: Flesh, rotation: Array, mirrored: bool, camera: Camera) -> Solid:
    """The hand as a camera sees it, in perspective.

    Args:
        flesh: of the hand and its arm.
        rotation: [3, 3] palm frame to view (x right, y up, z to the viewer).
        mirrored: a left hand.
        camera: what takes it.
    """
    flip = np.array([-1 if mirrored else 1, -1, 1], np.float32)
    turn = rotation.T * flip
    places, radii = np.stack(flesh.centres) @ turn, np.array(flesh.radii, np.float32)
    hand = sorted({ball for piece in flesh.pieces if piece.kind < ARM for ball in piece.balls})
    middle = places[hand, 2].mean()
    places[:, 2] -= middle
    nearer = camera.distance / (camera.distance - places[:, 2])
    flat = places[:, :2] * nearer[:, None]
    radii *= nearer
    low = (flat - radii[:, None])[hand].min(axis=0)
    high = (flat + radii[:, None])[hand].max(axis=0)
    extent = float((high - low).max())
    scale = camera.fill * camera.size / max(extent, (extent + SMALL_HAND) / 2)
    shift = camera.centre * camera.size - (low + high) / 2 * scale
    return Solid(
        centres=np.column_stack([flat * scale + shift, places[:, 2] * scale]).astype(np.float32),
        radii=(radii * scale).astype(np.float32),
        pieces=[piece.balls for piece in flesh.pieces],
        palmar=np.stack([piece.palmar for piece in flesh.pieces]) @ turn,
        kind=np.array([piece.kind for piece in flesh.pieces]),
        turn=turn,
        origin=np.append(shift, -middle * scale).astype(np.float32),
        millimetre=scale,
    )


def depth_map(solid: Solid, size: int) -> tuple[Array, NDArray[np.uint8]]:
    """Height of the surface [size, size] px (NOTHING where there is none), and the number of its piece."""
    depth = np.full((size, size), NOTHING, np.float32)
    owner = np.zeros((size, size), np.uint8)
    axis = np.arange(size, dtype=np.float32) + np.float32(0.5)
    normals = _tangent_normals(solid)
    for index, balls in enumerate(solid.pieces):
        centres, radii = solid.centres[list(balls)], solid.radii[list(balls)]
        rows, columns = _box(centres, radii, size)
        if rows.stop <= rows.start or columns.stop <= columns.start or normals[index, 2] < 0.02:
            continue
        x, y = axis[columns] - centres[0, 0], (axis[rows] - centres[0, 1])[:, None]
        if len(balls) == 2:
            height = _cone(x, y, centres[1] - centres[0], float(radii[0]), float(radii[1]))
        else:
            height = _facet(x, y, centres - centres[0], radii, normals[index])
        height += centres[0, 2]
        there = depth[rows, columns]
        above = height > there + np.float32(0.02)  # where two pieces meet, rounding would mix them
        np.copyto(there, height, where=above)
        np.copyto(owner[rows, columns], np.uint8(index), where=above)
    return depth, owner


def _box(centres: Array, radii: Array, size: int) -> tuple[slice, slice]:
    """Rows and columns that the balls cover."""
    sides = [
        (min(place - radius for place, radius in pairs), max(place + radius for place, radius in pairs))
        for pairs in (list(zip(centres[:, axis].tolist(), radii.tolist(), strict=True)) for axis in (1, 0))
    ]
    rows, columns = (slice(max(0, int(low)), min(size, int(high) + 1)) for low, high in sides)
    return rows, columns


def _tangent_normals(solid: Solid) -> Array:
    """[P, 3] the upper normal of the plane that touches three balls; straight up for pieces of two."""
    normals = np.tile(np.array([0, 0, 1], np.float32), (len(solid.pieces), 1))
    facets = [index for index, balls in enumerate(solid.pieces) if len(balls) == 3]
    balls = np.array([solid.pieces[index] for index in facets])
    centres, radii = solid.centres[balls].astype(np.float64), solid.radii[balls].astype(np.float64)
    one, two = centres[:, 1] - centres[:, 0], centres[:, 2] - centres[:, 0]
    drop_one, drop_two = (radii[:, :1] - radii[:, 1:]).T[..., None]
    across = np.cross(one, two)
    area = np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    within = (drop_one * np.cross(two, across) + drop_two * np.cross(across, one)) / area**2
    upright = 1 - np.square(within).sum(axis=1, keepdims=True)
    normal = within + across / area * np.sqrt(np.maximum(upright, 0)) * np.sign(across[:, 2:])
    normals[facets] = np.where(upright > 0, normal, 0)  # no plane touches all three: nothing to draw
    return normals


def _cone(x: Array, y: Array, along: Array, first: float, last: float) -> Array:
    """Height of the skin over two balls, seen from +z: the balls and the cone between.

    Args:
        x, y: places from the centre of the first ball.
        along: [3] from the first centre to the second.
        first, last: radii.
    """
    length = float(np.linalg.norm(along)) + 1e-6
    ux, uy, uz = (float(value) / length for value in along)
    slant = (first - last) / length
    upright = 1 - slant * slant
    flatness = upright - uz * uz
    square = x * x + y * y
    height = _ball(square, first)
    rest = (x - along[0]) ** 2 + (y - along[1]) ** 2
    np.maximum(height, _ball(rest, last) + along[2], out=height)
    if flatness <= 1e-3:  # seen along the axis: one ball hides the rest
        return height
    q = ux * x + uy * y - slant * first
    root = upright * (q * q - flatness * (square - first * first))
    body = (np.sqrt(np.maximum(root, 0)) + uz * q) * (1 / flatness)
    reach = q + body * uz
    valid = (root > 0) & (reach > 0) & (reach < upright * length)
    np.maximum(height, body, out=height, where=valid)
    return height


def _ball(square: Array, radius: float) -> Array:
    """Height of a ball at a squared distance from its centre."""
    rest = radius * radius - square
    return np.where(rest > 0, np.sqrt(np.maximum(rest, 0)), NOTHING * 2)


def _facet(x: Array, y: Array, centres: Array, radii: Array, normal: Array) -> Array:
    """Height of a plane over three balls, the first at the origin, between the points where it touches them."""
    corners = (centres + radii[:, None] * normal).tolist()
    plane = (float(radii[0]) - normal[0] * x - normal[1] * y) * (1 / normal[2])
    sides = []
    for (x0, y0, _), (x1, y1, _) in zip(corners, corners[1:] + corners[:1], strict=True):
        sides.append((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))
    inside = np.minimum(np.minimum(sides[0], sides[1]), sides[2]) >= 0
    inside |= np.maximum(np.maximum(sides[0], sides[1]), sides[2]) <= 0
    return np.where(inside, plane, NOTHING * 2)
