"""A handshape as angles: fingers, thumb, and how the hand is turned to the viewer.

The palm's frame: fingers point to +y, the palm looks to +z (towards the viewer), the thumb is on the side of +x.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = tuple[float, float, float]


class Finger(NamedTuple):
    """Angles of one finger in degrees: to the thumb's side, then the flexion of its three joints."""

    aside: float
    knuckle: float
    middle: float
    end: float


@dataclass(frozen=True)
class Thumb:
    """Where the thumb goes: its metacarpal's direction, and the point its tip reaches for.

    The point is ``offset`` (mm, palm frame) away from the place ``joint`` of finger ``finger``: 0 is its knuckle,
    1 and 2 its joints, 3 its tip, and 1.5 lies half way between. ``outward`` is the side to which the thumb's own
    joint points.
    """

    root: Vector
    finger: int
    joint: float
    offset: Vector
    outward: Vector = (1.0, 0.0, 0.4)


class View(NamedTuple):
    """How the hand is turned to the viewer, in degrees: about the vertical, the horizontal and the line of sight."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True)
class Pose:
    """One handshape: four fingers from index to little finger, the thumb, the view, the wrist's bend in degrees.

    The wrist bends to the back of the hand; below zero it bends to the palm.
    """

    fingers: tuple[Finger, Finger, Finger, Finger]
    thumb: Thumb
    view: View = field(default_factory=View)
    wrist: float = 0.0


class Spread(NamedTuple):
    """How far a pose's parts stray, standard deviations in degrees and mm; ``together`` bends all fingers alike."""

    finger: Finger
    together: float
    thumb: float
    view: View
    wrist: float


LASTING = Spread(Finger(2, 4, 5, 4), 2, 3, View(8, 6, 6), 8)  # from signer to signer
PASSING = Spread(Finger(1.6, 3, 3.5, 3), 1.5, 1.5, View(7, 6, 5), 9)  # from picture to picture
FURTHEST = 2  # standard deviations; a few that stray further are what nobody can read


def varied(pose: Pose, rng: np.random.Generator, spread: Spread) -> Pose:
    """A pose near this one, drawn by chance."""
    together = stray(rng, spread.together) * np.array([0, 1, 1, 1])
    index, middle, ring, little = (
        Finger(*(np.array(finger) + together + stray(rng, spread.finger))) for finger in pose.fingers
    )
    root, offset = _near(pose.thumb.root, rng, 0.03), _near(pose.thumb.offset, rng, spread.thumb)
    thumb = replace(pose.thumb, root=root, offset=offset)
    view = View(*(np.array(pose.view) + stray(rng, spread.view)))
    return Pose((index, middle, ring, little), thumb, view, pose.wrist + float(stray(rng, spread.wrist)))


def stray(rng: np.random.Generator, spread: ArrayLike) -> NDArray[np.float64]:
    """How far from 0, drawn by chance: each with its standard deviation, none further than twice that."""
    spread = np.asarray(spread, np.float64)
    return rng.standard_normal(spread.shape).clip(-FURTHEST, FURTHEST) * spread


def _near(vector: Vector, rng: np.random.Generator, spread: float) -> Vector:
    x, y, z = (np.array(vector) + stray(rng, [spread] * 3)).tolist()
    return x, y, z
