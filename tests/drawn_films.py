"""Short films of a drawn hand that moves: what its handshape is, where it is and how it is turned, frame by frame."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from handshape.images import Pixels
from handshape.practice.hand import clothe, pose_bones
from handshape.practice.people import draw_signer, habitual_pose
from handshape.practice.poses import View
from handshape.practice.raster import Camera, depth_map, project
from handshape.practice.rooms import draw_room, noise
from handshape.practice.scene import FINER, _light, _rotation, _smaller
from handshape.practice.shading import Material, shade


class Pose(NamedTuple):
    """One frame: a label, None for no hand; where the hand is, as shares of the frame; by how much it is turned (yaw,
    pitch, roll in degrees, as :class:`View` has them) and how much larger than usual it is."""

    label: str | None
    x: float = 0.5
    y: float = 0.5
    turn: tuple[float, float, float] = (0, 0, 0)
    larger: float = 1.0


def draw_film(poses: Sequence[Pose], seed: int = 0, size: int = 256, left: bool = False, fill: float = 0.42):
    """RGB frames [size, size, 3] uint8 of one drawn person's hand in one room, one after the other."""
    rng = np.random.default_rng([7, seed])
    person = replace(draw_signer(rng, (0.2 + seed * 0.37) % 1), left_share=float(left), sleeve=None)
    light = _light(person, rng)
    wall = draw_room(person.room, person.tint, rng, size) * (light.lamp * 0.55 + light.room)
    mottle = 0.05 * noise(rng, size * FINER, 6)
    distance = rng.uniform(500, 800)
    for pose in poses:
        hand = np.zeros((4, size, size), np.float32)
        if pose.label is not None:
            hand = _smaller(_hand(pose, person, light, mottle, (size * FINER, distance, fill, left)))
        scene = np.clip(hand[:3].transpose(1, 2, 0) + wall * (1 - hand[3])[..., None], 0, 1) ** (1 / 2.2)
        yield (np.clip(scene * 255 + rng.normal(0, 2, scene.shape), 0, 255)).astype(np.uint8)


def _hand(pose: Pose, person, light, mottle, camera):
    size, distance, fill, left = camera
    shape = habitual_pose(person, pose.label)
    bend = math.radians(shape.wrist)
    arm = np.array([0, -math.cos(bend), -math.sin(bend)], np.float32)
    flesh = clothe(pose_bones(shape, person.proportions), person.proportions, arm, None)
    turn = _rotation(np.array(View(*shape.view)) + person.lean + np.array(pose.turn, np.float32))
    centre = np.array([pose.x, pose.y], np.float32)
    solid = project(flesh, turn, left, Camera(distance, fill * pose.larger, centre, size))
    depth, owner = depth_map(solid, size)
    return shade(depth, owner, solid, Material(person.skin, person.tint, mottle), light)


def still(label: str | None, frames: int, **place: float) -> list[Pose]:
    """A hand that is held."""
    return [Pose(label, **place)] * frames


def along(label: str, corners: Sequence[tuple[float, float]], frames: int) -> list[Pose]:
    """A hand that goes along corners at an even speed."""
    points = np.array(corners)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    steps = np.linspace(0, lengths[-1], frames)
    x, y = (np.interp(steps, lengths, points[:, axis]) for axis in (0, 1))
    return [Pose(label, float(a), float(b)) for a, b in zip(x, y, strict=True)]


def letter_j(frames: int, scale: float = 1.0, left: bool = False) -> list[Pose]:
    """Down, then inwards and up, while the forearm turns: what an I does to become a J."""
    poses = []
    inwards = -1 if left else 1
    for step in np.linspace(0, 1, frames):
        hook = max(0.0, (step - 0.5) / 0.5)
        angle = hook * math.pi * 0.8
        x = 0.4 + 0.07 * scale * (1 - math.cos(angle))
        y = 0.42 + 0.2 * scale * min(1.0, step / 0.5) + 0.08 * scale * math.sin(angle)
        x = x if inwards > 0 else 1 - x
        poses.append(Pose("I", x, y, (30 * hook, 0, -35 * hook)))
    return poses


def letter_z(frames: int, scale: float = 1.0, left: bool = False) -> list[Pose]:
    """Three strokes of a pointing hand, as the signer would write them: a camera sees them in a mirror."""
    width, height = 0.28 * scale, 0.24 * scale
    corners = [(0.5 + width / 2, 0.4), (0.5 - width / 2, 0.4), (0.5 + width / 2, 0.4 + height)]
    corners.append((0.5 - width / 2, 0.4 + height))
    return along("1", [(1 - x, y) if left else (x, y) for x, y in corners], frames)


def frames_of(poses: Sequence[Pose], **options) -> list[Pixels]:
    return list(draw_film(poses, **options))
