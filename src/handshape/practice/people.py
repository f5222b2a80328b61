"""Drawn signers: what stays the same from one photograph of a person to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.practice.hand import Proportions
from handshape.practice.handshapes import POSES
from handshape.practice.poses import LASTING, Pose, stray, varied
from handshape.practice.rooms import ROOMS
from handshape.practice.shading import Skin

Array = NDArray[np.float32]

# Backs of hands from very light to very dark, sRGB, spaced after the ten Monk skin tones.
SKIN_TONES = (
    (240, 208, 188),
    (232, 192, 166),
    (222, 174, 143),
    (206, 154, 120),
    (186, 130, 96),
    (162, 106, 76),
    (134, 84, 58),
    (106, 66, 47),
    (80, 51, 39),
    (60, 41, 34),
)
PALEST_PALM = np.array([0.7, 0.41, 0.3], np.float32)  # linear; dark hands have light palms


@dataclass(frozen=True)
class Signer:
    """One drawn person.

    Attributes:
        left_share: how often the left hand signs.
        sleeve: distance of the sleeve from the wrist in mm and its linear RGB; None for bare arms.
        room, tint: the usual background and its linear RGB.
        warmth: colour of the lamp, -1 bluish to 1 yellowish.
        brightness: of the room, as a factor.
        lean: usual turn of the hand in degrees: yaw, pitch, roll.
        habits: number that settles how the signer makes each handshape.
    """

    skin: Skin
    proportions: Proportions
    left_share: float
    sleeve: tuple[float, Array] | None
    room: str
    tint: Array
    warmth: float
    brightness: float
    lean: Array
    habits: int


def draw_signer(rng: np.random.Generator, tone: float) -> Signer:
    """A person, drawn by chance but for the skin: ``tone`` goes from 0, the lightest, to 1, the darkest."""
    return Signer(
        skin=_skin(rng, tone * (len(SKIN_TONES) - 1)),
        proportions=Proportions(*rng.normal(1, [0.05, 0.05, 0.05, 0.07, 0.05]).clip(0.85, 1.16)),
        left_share=0.92 if rng.uniform() < 0.3 else 0.12,
        sleeve=_sleeve(rng),
        room=str(rng.choice(ROOMS)),
        tint=_tint(rng),
        warmth=float(rng.uniform(-0.8, 1)),
        brightness=float(rng.uniform(0.85, 1.25)),
        lean=(np.array([6, -6, 0]) + stray(rng, [6, 6, 4])).astype(np.float32),
        habits=int(rng.integers(2**31)),
    )


def habitual_pose(signer: Signer, label: str) -> Pose:
    """The handshape as this signer always makes it: in one of its styles, with a turn of their own."""
    rng = np.random.default_rng([signer.habits, *label.encode()])
    styles = POSES[label]
    return varied(styles[rng.integers(len(styles))], rng, LASTING)


def linear(colour: Array | tuple[int, int, int]) -> Array:
    """Linear RGB from sRGB of 0 to 255."""
    return ((np.asarray(colour, np.float32) / 255) ** 2.2).astype(np.float32)


def _skin(rng: np.random.Generator, tone: float) -> Skin:
    low = min(int(tone), len(SKIN_TONES) - 2)
    back = linear(SKIN_TONES[low]) * (low + 1 - tone) + linear(SKIN_TONES[low + 1]) * (tone - low)
    back = back * rng.uniform(0.93, 1.07, 3)
    palm = back + (PALEST_PALM - back) * rng.uniform(0.16, 0.3)
    nail = back * 0.45 + np.array([0.62, 0.4, 0.36]) * 0.55
    return Skin(back.astype(np.float32), palm.astype(np.float32), nail.astype(np.float32))


def _sleeve(rng: np.random.Generator) -> tuple[float, Array] | None:
    if rng.uniform() < 0.35:
        return None
    return float(rng.uniform(12, 75)), _tint(rng) * np.float32(rng.uniform(0.25, 1))


def _tint(rng: np.random.Generator) -> Array:
    """A wall or cloth colour: any hue, mostly pale."""
    grey = rng.uniform(0.08, 0.8)
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    return (grey * (1 + rng.beta(1, 4.5) * np.cos(hue))).clip(0.01, 0.9).astype(np.float32)
