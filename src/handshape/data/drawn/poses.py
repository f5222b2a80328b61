"""The 34 handshapes as angles: the ten digits and the 24 static letters of American fingerspelling.

The palm's frame: fingers point to +y, the palm looks to +z (towards the viewer), the thumb is on the side of +x.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

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
    """One handshape: four fingers from index to little finger, the thumb, the view, the wrist's bend in degrees."""

    fingers: tuple[Finger, Finger, Finger, Finger]
    thumb: Thumb
    view: View = field(default_factory=View)
    wrist: float = 0.0


INDEX, MIDDLE, RING, LITTLE = range(4)


def _up(aside: float, knuckle: float = 4) -> Finger:
    return Finger(aside, knuckle, 5, 4)


def _fist(aside: float = 0, knuckle: float = 84) -> Finger:
    return Finger(aside, knuckle, 102, 62)


def _over(aside: float = 0, knuckle: float = 72) -> Finger:
    """Draped over the thumb, as in M, N and T."""
    return Finger(aside, knuckle, 74, 34)


_OPPOSED: Vector = (0.5, 0.6, 0.62)
_BESIDE: Vector = (0.68, 0.7, 0.36)
_SPREAD: Vector = (0.86, 0.5, 0.22)
_INTO_PALM: Vector = (0.42, 0.72, 0.55)

_FISTS = (_fist(-2), _fist(-1), _fist(2), _fist(6))
_OVER_MIDDLE = Thumb(_OPPOSED, MIDDLE, 1.45, (0, 0, 16))
_OVER_RING = Thumb((0.4, 0.62, 0.66), RING, 1.4, (4, 0, 15))
_ASIDE = Thumb(_SPREAD, INDEX, 0, (62, -6, 12))

POSES: dict[str, Pose] = {
    "0": Pose(
        (Finger(-4, 62, 46, 24), Finger(-1, 64, 46, 24), Finger(3, 66, 46, 24), Finger(8, 68, 44, 24)),
        Thumb((0.34, 0.66, 0.67), MIDDLE, 3, (5, -11, -3), (0.3, -0.8, 0.5)),
        View(yaw=46),
    ),
    "1": Pose((_up(0), _fist(-1), _fist(2), _fist(6)), _OVER_MIDDLE, View(yaw=4)),
    "2": Pose((_up(9), _up(-7), _fist(2), _fist(6)), _OVER_RING, View(yaw=-14, roll=-8)),
    "3": Pose((_up(10), _up(-7), _fist(2), _fist(6)), _ASIDE),
    "4": Pose((_up(13), _up(4), _up(-6), _up(-17)), Thumb(_INTO_PALM, MIDDLE, 0, (2, -12, 22))),
    "5": Pose((_up(13), _up(4), _up(-7), _up(-19)), _ASIDE),
    "6": Pose(
        (_up(10), _up(1), _up(-9), Finger(4, 72, 62, 30)), Thumb((0.2, 0.6, 0.78), LITTLE, 3, (5, -3, 8)), View(yaw=10)
    ),
    "7": Pose((_up(10), _up(2), Finger(3, 70, 62, 30), _up(-17)), Thumb((0.3, 0.6, 0.74), RING, 3, (5, -3, 8))),
    "8": Pose((_up(11), Finger(2, 66, 60, 28), _up(-7), _up(-17)), Thumb((0.4, 0.6, 0.7), MIDDLE, 3, (5, -3, 8))),
    "9": Pose(
        (Finger(2, 52, 62, 32), _up(2), _up(-9), _up(-20)), Thumb((0.55, 0.6, 0.6), INDEX, 3, (3, -5, 6)), View(yaw=-14)
    ),
    "A": Pose(_FISTS, Thumb(_BESIDE, INDEX, 1, (17, 10, -10))),
    "B": Pose((_up(-3), _up(0), _up(2), _up(5)), Thumb(_INTO_PALM, MIDDLE, 0, (-2, -20, 22))),
    "C": Pose(
        (Finger(-3, 34, 50, 28), Finger(-1, 36, 50, 28), Finger(2, 37, 50, 28), Finger(5, 38, 48, 28)),
        Thumb((0.5, 0.4, 0.76), INDEX, 3, (-4, -52, 12), (0.2, -0.8, 0.5)),
        View(yaw=56),
    ),
    "D": Pose(
        (_up(0), Finger(0, 62, 66, 34), Finger(2, 66, 68, 36), Finger(6, 68, 68, 36)),
        Thumb((0.46, 0.6, 0.66), MIDDLE, 3, (4, -5, 6)),
        View(yaw=24),
    ),
    "E": Pose(
        (Finger(-2, 44, 106, 54), Finger(-1, 46, 106, 54), Finger(2, 46, 106, 54), Finger(6, 46, 102, 54)),
        Thumb((0.46, 0.56, 0.68), RING, 3, (4, -11, 6)),
    ),
    "F": Pose(
        (Finger(2, 52, 62, 32), _up(3), _up(-2), _up(-8)), Thumb((0.55, 0.6, 0.6), INDEX, 3, (3, -5, 6)), View(yaw=12)
    ),
    "G": Pose(
        (_up(0, 12), _fist(-1), _fist(2), _fist(6)),
        Thumb((0.5, 0.66, 0.56), INDEX, 1, (8, -4, 30)),
        View(yaw=-42, roll=84),
    ),
    "H": Pose((_up(-3), _up(2), _fist(2), _fist(6)), _OVER_RING, View(yaw=-12, roll=84)),
    "I": Pose((_fist(-2), _fist(-1), _fist(2), _up(-6)), _OVER_MIDDLE),
    "K": Pose(
        (_up(7), Finger(-5, 34, 5, 4), _fist(2), _fist(6)),
        Thumb((0.46, 0.76, 0.46), MIDDLE, 0.85, (9, 0, 9)),
        View(yaw=-16),
    ),
    "L": Pose((_up(1), _fist(-1), _fist(2), _fist(6)), Thumb(_SPREAD, INDEX, 0, (66, -22, 12))),
    "M": Pose((_over(-2), _over(0), _over(3), _fist(7)), Thumb((0.05, 0.72, 0.69), RING, 1.6, (-12, 2, -4))),
    "N": Pose((_over(-2), _over(0), _fist(3), _fist(7)), Thumb((0.2, 0.68, 0.7), MIDDLE, 1.5, (-11, 2, -1))),
    "O": Pose(
        (Finger(-3, 48, 68, 38), Finger(-1, 50, 68, 38), Finger(3, 52, 66, 38), Finger(7, 54, 64, 38)),
        Thumb((0.4, 0.5, 0.77), INDEX, 3, (-4, -12, 1), (0.2, -0.8, 0.5)),
        View(yaw=68),
    ),
    "P": Pose(
        (_up(4, 6), Finger(-4, 66, 8, 6), _fist(2), _fist(6)),
        Thumb((0.46, 0.76, 0.46), MIDDLE, 0.8, (9, 0, 9)),
        View(yaw=-78, roll=84),
        wrist=16,
    ),
    "Q": Pose(
        (Finger(0, 34, 8, 6), _fist(-1), _fist(2), _fist(6)),
        Thumb((0.34, 0.8, 0.5), INDEX, 2, (8, -10, 30)),
        View(yaw=-66, roll=160),
        wrist=24,
    ),
    "R": Pose((Finger(-9, 14, 5, 4), Finger(14, -2, 14, 8), _fist(2), _fist(6)), _OVER_RING),
    "S": Pose(_FISTS, _OVER_MIDDLE),
    "T": Pose((_over(-1), _fist(-2), _fist(2), _fist(6)), Thumb((0.5, 0.7, 0.52), INDEX, 1.25, (-11, 4, 2))),
    "U": Pose((_up(-3), _up(2), _fist(2), _fist(6)), _OVER_RING),
    "V": Pose((_up(13), _up(-11), _fist(2), _fist(6)), _OVER_RING, View(yaw=10, roll=4)),
    "W": Pose(
        (_up(15), _up(2), _up(-13), _fist(6, 76)), Thumb((0.2, 0.6, 0.78), LITTLE, 1.6, (6, 0, 14)), View(yaw=-8)
    ),
    "X": Pose((Finger(0, 14, 84, 52), _fist(-1), _fist(2), _fist(6)), _OVER_MIDDLE, View(yaw=-38)),
    "Y": Pose((_fist(-2), _fist(-1), _fist(2), _up(-16)), _ASIDE),
}
