"""One drawn photograph: a signer's hand in a handshape, somewhere, in some light, through some camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, ImageOps

from handshape.practice.hand import clothe, pose_bones
from handshape.practice.people import Signer, habitual_pose
from handshape.practice.poses import PASSING, varied
from handshape.practice.raster import Camera, depth_map, project
from handshape.practice.rooms import ROOMS, draw_room, noise
from handshape.practice.shading import Light, Material, shade

Array = NDArray[np.float32]
FINER = 2  # the hand is drawn this much larger, so that its edges come out smooth


def photograph(label: str, signer: Signer, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """RGB [size, size, 3] uint8 of one signer's hand."""
    light = _light(signer, rng)
    hand = _smaller(_hand(label, signer, light, rng, size * FINER))
    room = signer.room if rng.uniform() < 0.8 else str(rng.choice(ROOMS))
    wall = draw_room(room, signer.tint, rng, size) * (light.lamp * 0.55 + light.room)
    behind = (1 - hand[3]) * (1 - _cast_shadow(hand[3], light, rng))
    return _camera(hand[:3].transpose(1, 2, 0) + wall * behind[..., None], rng)


def _light(signer: Signer, rng: np.random.Generator) -> Light:
    side, height = rng.normal(0, 0.6), rng.uniform(0.1, 1.1)
    towards = np.array([side, -height, rng.uniform(0.5, 1.1)], np.float32)
    warmth = np.float32(signer.warmth + rng.normal(0, 0.15))
    tone = 1 + warmth * np.array([0.1, 0.0, -0.17], np.float32)
    share = rng.uniform(0.45, 0.78)
    lamp = tone * np.float32(1.25 * share * signer.brightness)
    room = (2 - tone * 0.5 - 0.5) * np.float32(0.95 * (1 - share) * signer.brightness)
    return Light(towards / np.linalg.norm(towards), lamp.astype(np.float32), room.astype(np.float32))


def _hand(label: str, signer: Signer, light: Light, rng: np.random.Generator, size: int) -> Array:
    pose = varied(habitual_pose(signer, label), rng, PASSING)
    bend, deviation = np.radians(pose.wrist), np.radians(rng.normal(0, 9))
    arm = np.array([np.sin(deviation), -np.cos(deviation) * np.cos(bend), -np.sin(bend)], np.float32)
    sleeve = signer.sleeve
    flesh = clothe(pose_bones(pose, signer.proportions), signer.proportions, arm, sleeve[0] if sleeve else None)
    turn = _rotation(np.array(pose.view) + signer.lean)
    left = bool(rng.uniform() < signer.left_share)
    centre = rng.normal(0.5, 0.035, 2).astype(np.float32)
    solid = project(flesh, turn, left, Camera(rng.uniform(380, 800), rng.uniform(0.68, 0.92), centre, size))
    depth, owner = depth_map(solid, size)
    mottle = 0.05 * noise(rng, size, 6) + 0.035 * noise(rng, size, size // 8)
    material = Material(signer.skin, sleeve[1] if sleeve else signer.tint, mottle)
    return shade(depth, owner, solid, material, light)


def _rotation(view: Array) -> Array:
    """[3, 3] palm frame to view: about the vertical, then the horizontal, then the line of sight."""
    yaw, pitch, roll = np.radians(view)
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return (np.array(about_z) @ np.array(about_x) @ np.array(about_y)).astype(np.float32)


def _smaller(picture: Array) -> Array:
    """Half the size, the last two axes averaged."""
    rows = picture[:, ::2] + picture[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(0.25)


def _cast_shadow(mask: Array, light: Light, rng: np.random.Generator) -> Array:
    """The hand's soft shadow on what is behind it, away from the lamp, as the share of light it takes."""
    size = len(mask)
    away = -light.towards[:2] / light.towards[2] * size * rng.uniform(0.02, 0.1)
    shadow = Image.fromarray((mask * 255).astype(np.uint8))
    moved = ImageChops.offset(ImageOps.expand(shadow, size), round(float(away[0])), round(float(away[1])))
    soft = ImageOps.crop(moved, size).filter(ImageFilter.GaussianBlur(size * rng.uniform(0.01, 0.05)))
    return np.asarray(soft, np.float32) * np.float32(rng.uniform(0.1, 0.55) / 255)


def _camera(scene: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure, focus and sensor noise, then sRGB."""
    seen = np.clip(scene * np.float32(rng.uniform(0.8, 1.2)), 0, 1) ** np.float32(1 / 2.2)
    focused = Image.fromarray((seen * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 0.8)))
    grain = rng.standard_normal(seen.shape, np.float32) * np.float32(rng.uniform(0.5, 5))
    return np.clip(np.asarray(focused) + grain, 0, 255).astype(np.uint8)
