"""The hand in three dimensions: bones from a pose, then the flesh around them.

The flesh is a sphere mesh: balls at the joints, and skin stretched over every pair or triple of balls that belong
together (Tkach, Pauly and Tagliasacchi, "Sphere-Meshes for Real-Time Hand Modeling and Tracking", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handshape.practice.poses import Finger, Pose, Thumb

Array = NDArray[np.float32]

# Millimetres of an average adult hand, index to little finger; the wrist is the origin.
KNUCKLES = np.array([[24, 91, -2], [3, 95, -4], [-17, 89, -2], [-34, 78, 3]], np.float32)
BONES = np.array([[43, 26, 19], [47, 30, 20], [43, 28, 20], [34, 20, 18]], np.float32)
RADII = np.array(
    [[10.8, 10.0, 8.9, 7.2], [11.0, 10.2, 9.1, 7.4], [10.4, 9.6, 8.5, 7.0], [9.2, 8.4, 7.5, 6.2]], np.float32
)
THUMB_ROOT = np.array([17, 14, 8], np.float32)
THUMB_BONES = np.array([45, 33, 24], np.float32)
THUMB_RADII = np.array([14, 11.8, 10.6, 8.2], np.float32)
WEB = 0.3  # how far up its first bone a finger is joined to its neighbour


class Proportions(NamedTuple):
    """What differs from hand to hand, each a factor near 1."""

    fingers: float = 1.0
    thumb: float = 1.0
    width: float = 1.0
    thickness: float = 1.0
    little: float = 1.0


class Piece(NamedTuple):
    """Skin over two or three balls, by their numbers.

    ``palmar`` is the unit vector to the palm's side; ``kind`` is one of the constants below.
    """

    balls: tuple[int, ...]
    palmar: Array
    kind: int


PALM, PROXIMAL, MIDDLE, DISTAL, ARM, SLEEVE = range(6)


@dataclass
class Flesh:
    """A sphere mesh in the palm's frame, mm, in the making: centres and radii of its balls, and its pieces."""

    centres: list[Array] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    def ball(self, centre: Array, radius: float) -> int:
        """Adds a ball and returns its number."""
        self.centres.append(np.asarray(centre, np.float32))
        self.radii.append(float(radius))
        return len(self.radii) - 1

    def stretch(self, balls: Sequence[int], palmar: Array, kind: int) -> None:
        """Adds a chain of pieces, each over two neighbours."""
        self.pieces += [Piece(pair, palmar, kind) for pair in pairwise(balls)]

    def sheet(self, triples: Sequence[tuple[int, int, int]], kind: int) -> None:
        """Adds pieces over three balls each, and over the edges between them."""
        edges = {
            tuple(sorted(pair)) for one, two, three in triples for pair in ((one, two), (two, three), (one, three))
        }
        self.pieces += [Piece(balls, FACING, kind) for balls in (*sorted(edges), *triples)]


FACING = np.array([0, 0, 1], np.float32)


@dataclass(frozen=True)
class Bones:
    """Joints in the palm's frame, mm.

    Attributes:
        fingers: [4, 4, 3] knuckle, two joints and tip of each finger.
        palmar: [4, 3, 3] the palm's side of each finger bone.
        thumb: [4, 3] root, two joints and tip.
        thumb_palmar: [3] the side of the thumb's pad.
    """

    fingers: Array
    palmar: Array
    thumb: Array
    thumb_palmar: Array


def pose_bones(pose: Pose, proportions: Proportions) -> Bones:
    """The joints of a hand in a pose."""
    widen = np.array([proportions.width, 1, 1], np.float32)
    lengths = BONES * proportions.fingers
    lengths[3] *= proportions.little
    chains = [_finger(KNUCKLES[i] * widen, lengths[i], pose.fingers[i]) for i in range(4)]
    fingers = np.stack([joints for joints, _ in chains])
    thumb, thumb_palmar = _thumb(pose.thumb, fingers, THUMB_BONES * proportions.thumb, THUMB_ROOT * widen)
    return Bones(fingers, np.stack([palmar for _, palmar in chains]), thumb, thumb_palmar)


def _finger(knuckle: Array, lengths: Array, angles: Finger) -> tuple[Array, Array]:
    bends = np.radians(np.cumsum([angles.knuckle, angles.middle, angles.end]))
    zeros = np.zeros(3)
    turn = _about_z(-angles.aside)
    along = np.stack([zeros, np.cos(bends), np.sin(bends)], axis=1) @ turn.T
    palmar = np.stack([zeros, -np.sin(bends), np.cos(bends)], axis=1) @ turn.T
    joints = np.concatenate([knuckle[None], knuckle + np.cumsum(along * lengths[:, None], axis=0)])
    return joints.astype(np.float32), palmar.astype(np.float32)


def _about_z(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


def _thumb(thumb: Thumb, fingers: Array, lengths: Array, root: Array) -> tuple[Array, Array]:
    """Two bones reach for the target by the law of cosines; out of reach, they stretch towards it."""
    base = root + _unit(thumb.root) * lengths[0]
    chain = fingers[thumb.finger]
    low = min(int(thumb.joint), 2)
    target = chain[low] + (chain[low + 1] - chain[low]) * (thumb.joint - low) + np.array(thumb.offset, np.float32)
    first, second = float(lengths[1]), float(lengths[2])
    towards = _unit(target - base)
    reach = float(np.clip(np.linalg.norm(target - base), first * 0.75, (first + second) * 0.998))
    along = (reach**2 + first**2 - second**2) / (2 * reach)
    across = np.array(thumb.outward, np.float32)
    across = _unit(across - towards * float(across @ towards))
    joint = base + towards * along + across * float(np.sqrt(max(first**2 - along**2, 0)))
    tip = base + towards * reach
    end = _unit(tip - joint)
    return np.stack([root, base, joint, tip]).astype(np.float32), -_unit(across - end * float(across @ end))


def _unit(vector: Array | tuple[float, float, float]) -> Array:
    array = np.asarray(vector, np.float32)
    return array / np.float32(np.linalg.norm(array) + 1e-9)


def clothe(bones: Bones, proportions: Proportions, arm: Array, sleeve: float | None) -> Flesh:
    """The flesh of a hand and its arm.

    Args:
        arm: unit vector from the wrist along the forearm, palm frame.
        sleeve: distance in mm from the wrist to the sleeve's edge; None for a bare arm.
    """
    flesh = Flesh()
    thick = proportions.thickness
    left, right = _tube(flesh, arm, 0, (13, 13 * thick), (20, 27 * thick), ARM)
    wrist = (left, right) if flesh.centres[left][0] > 0 else (right, left)
    if sleeve is not None:
        _tube(flesh, arm, sleeve, (14, 21 * thick), (24, 40 * thick), SLEEVE)
    knuckles = [flesh.ball(bones.fingers[i, 0], RADII[i, 0] * thick * 0.96) for i in range(4)]
    thumb = [flesh.ball(bones.thumb[i], THUMB_RADII[i] * thick) for i in range(4)]
    _palm(flesh, bones, thick, wrist, knuckles, thumb)
    for finger, knuckle in enumerate(knuckles):
        _digit(flesh, [knuckle], bones.fingers[finger], RADII[finger] * thick, bones.palmar[finger])
    flesh.stretch(thumb[1:3], _unit(bones.thumb_palmar + FACING * np.float32(0.7)), PROXIMAL)
    flesh.stretch(thumb[2:4], bones.thumb_palmar, DISTAL)
    return flesh


def _tube(
    flesh: Flesh, arm: Array, start: float, near: tuple[float, float], far: tuple[float, float], kind: int
) -> tuple[int, int]:
    """Skin or cloth along the arm from ``start`` mm on; half its width and its thickness there and far away, in mm."""
    across = np.cross(arm, FACING).astype(np.float32)
    left, right = (flesh.ball(across * x + arm * start, near[1]) for x in (near[0], -near[0]))
    far_left, far_right = (flesh.ball(across * x + arm * 330, far[1]) for x in (far[0], -far[0]))
    flesh.sheet([(left, right, far_left), (right, far_left, far_right)], kind)
    return left, right


def _palm(
    flesh: Flesh, bones: Bones, thick: float, wrist: tuple[int, int], knuckles: list[int], thumb: list[int]
) -> None:
    thumb_side, little_side = wrist
    centre = flesh.ball(np.array([1, 52, -3], np.float32), 10.5 * thick)
    heel = flesh.ball(np.array([-20, 34, 3], np.float32), 12.5 * thick)
    ball = flesh.ball(bones.thumb[0] * 0.45 + bones.thumb[1] * 0.55 + FACING, 14.2 * thick)
    index, middle, ring, little = knuckles
    flesh.sheet(
        [
            (thumb_side, little_side, centre),
            (little_side, heel, centre),
            (thumb_side, thumb[0], centre),
            (thumb[0], ball, centre),
            (ball, centre, index),
            (ball, thumb[1], index),
            (centre, index, middle),
            (centre, middle, ring),
            (centre, ring, heel),
            (heel, ring, little),
        ],
        PALM,
    )
    webs = bones.fingers[:, 0] + (bones.fingers[:, 1] - bones.fingers[:, 0]) * np.float32(WEB)
    ends = [flesh.ball(webs[i], RADII[i, 0] * thick * 0.66) for i in range(4)]
    flesh.stretch(ends, FACING, PALM)
    for i in range(3):
        flesh.pieces.append(Piece((knuckles[i], knuckles[i + 1], ends[i]), FACING, PALM))
        flesh.pieces.append(Piece((knuckles[i + 1], ends[i], ends[i + 1]), FACING, PALM))


def _digit(flesh: Flesh, balls: list[int], joints: Array, radii: Array, palmar: Array) -> None:
    balls = balls + [flesh.ball(joints[i], radii[i]) for i in range(1, 4)]
    for bone, kind in enumerate((PROXIMAL, MIDDLE, DISTAL)):
        flesh.stretch(balls[bone : bone + 2], palmar[bone], kind)
