"""The 34 handshapes: the ten digits and the 24 static letters of American fingerspelling, each in its styles.

People make the same handshape in different ways; its first style here is the one that charts show.
"""

from __future__ import annotations

from handshape.practice.poses import Finger, Pose, Thumb, Vector, View

INDEX, MIDDLE, RING, LITTLE = range(4)


def _up(aside: float, knuckle: float = 4) -> Finger:
    return Finger(aside, knuckle, 5, 4)


def _fist(aside: float = 0, knuckle: float = 84) -> Finger:
    return Finger(aside, knuckle, 102, 62)


def _over(aside: float = 0, knuckle: float = 72) -> Finger:
    """Draped over the thumb, as in M, N and T."""
    return Finger(aside, knuckle, 74, 34)


def _alike(knuckle: float, middle: float, end: float) -> tuple[Finger, Finger, Finger, Finger]:
    """Four fingers side by side, bent alike but for what the hand's arch adds."""
    places = ((-3, 0), (-1, 2), (2, 3), (6, 4))
    one, two, three, four = (Finger(aside, knuckle + arch, middle, end) for aside, arch in places)
    return one, two, three, four


_OPPOSED: Vector = (0.5, 0.6, 0.62)
_BESIDE: Vector = (0.68, 0.7, 0.36)
_SPREAD: Vector = (0.86, 0.5, 0.22)
_INTO_PALM: Vector = (0.42, 0.72, 0.55)
_BETWEEN: Vector = (0.46, 0.76, 0.46)
_DEEP: Vector = (0.2, 0.7, 0.68)
_FACING_TIPS: Vector = (0.5, 0.4, 0.76)
_BENT_DOWN: Vector = (0.2, -0.8, 0.5)

_FISTS = (_fist(-2), _fist(-1), _fist(2), _fist(6))
_LAST_THREE, _LAST_TWO = _FISTS[1:], _FISTS[2:]
_LOOSE_THREE = (_fist(-1, 62), _fist(2, 62), _fist(6, 62))
_CLOSED_V = (_up(-3), _up(2))

_OVER_INDEX = Thumb(_OPPOSED, INDEX, 1.5, (-6, 0, 16))
_OVER_MIDDLE = Thumb((0.4, 0.6, 0.69), MIDDLE, 1.5, (-2, 0, 16))
_OVER_RING = Thumb((0.18, 0.62, 0.76), RING, 1.5, (2, 0, 15))
_ON_RING = Thumb((0.46, 0.62, 0.62), RING, 1.2, (8, -4, 15))
_OVER_LITTLE = Thumb((0.2, 0.6, 0.78), LITTLE, 1.6, (6, 0, 14))
_ASIDE = Thumb(_SPREAD, INDEX, 0, (62, -6, 12))
_ALONG_INDEX = Thumb(_BESIDE, INDEX, 0.7, (15, 0, 6))
_BEFORE_INDEX = Thumb((0.5, 0.66, 0.56), INDEX, 1, (8, -4, 30))
_APART_FROM_INDEX = Thumb((0.34, 0.62, 0.7), INDEX, 1.6, (7, -35, 22))
_UNDER_MIDDLE = Thumb(_BETWEEN, MIDDLE, 0.8, (9, 0, 9))


def _on_tip(finger: int, root: Vector) -> Thumb:
    return Thumb(root, finger, 3, (4, -4, 7))


# Hands that lie on their side, as their palm or their back is seen, and hands that hang from the wrist.
_PALM_SIDE = View(yaw=-24, roll=76)
_BACK_SIDE = View(yaw=130, pitch=34, roll=-36)
_HANGING = View(pitch=62)

POSES: dict[str, tuple[Pose, ...]] = {
    "0": (Pose(_alike(62, 46, 24), Thumb((0.34, 0.66, 0.67), MIDDLE, 3, (5, -11, -3), (0.3, -0.8, 0.5)), View(46)),),
    "1": (Pose((_up(0), *_LAST_THREE), _OVER_MIDDLE, View(4)),),
    "2": (Pose((_up(9), _up(-7), *_LAST_TWO), _OVER_RING, View(-14, roll=-8)),),
    "3": (Pose((_up(10), _up(-7), *_LAST_TWO), _ASIDE),),
    "4": (Pose((_up(13), _up(4), _up(-6), _up(-17)), Thumb(_INTO_PALM, MIDDLE, 0, (2, -12, 22))),),
    "5": (Pose((_up(13), _up(4), _up(-7), _up(-19)), _ASIDE),),
    "6": (Pose((_up(10), _up(1), _up(-9), Finger(4, 72, 62, 30)), _on_tip(LITTLE, (0.2, 0.6, 0.78)), View(10)),),
    "7": (Pose((_up(10), _up(2), Finger(3, 70, 62, 30), _up(-17)), _on_tip(RING, (0.3, 0.6, 0.74))),),
    "8": (Pose((_up(11), Finger(2, 66, 60, 28), _up(-7), _up(-17)), _on_tip(MIDDLE, (0.4, 0.6, 0.7))),),
    "9": (Pose((Finger(2, 52, 62, 32), _up(2), _up(-9), _up(-20)), _on_tip(INDEX, (0.55, 0.6, 0.6)), View(-14)),),
    "A": (
        Pose(_FISTS, Thumb(_BESIDE, INDEX, 1, (17, 10, -10))),
        Pose(_FISTS, Thumb((0.72, 0.66, 0.26), INDEX, 1, (22, 20, -16)), View(-16)),
        Pose(_FISTS, Thumb(_BESIDE, INDEX, 1.2, (15, 8, -2)), View(16)),
    ),
    "B": (
        Pose((_up(-3), _up(0), _up(2), _up(5)), Thumb(_INTO_PALM, MIDDLE, 0, (-2, -20, 22))),
        Pose((_up(2), _up(1), _up(-1), _up(-4)), Thumb(_INTO_PALM, RING, 0, (4, -24, 20)), View(16)),
    ),
    "C": (
        Pose(_alike(26, 42, 22), Thumb(_FACING_TIPS, INDEX, 3, (-4, -70, 10), _BENT_DOWN), View(58)),
        Pose(_alike(28, 38, 22), Thumb(_FACING_TIPS, INDEX, 3, (-2, -70, 4), _BENT_DOWN), View(80)),
        Pose(_alike(24, 42, 26), Thumb((0.76, 0.4, 0.5), INDEX, 3, (14, -66, 0), _BENT_DOWN), View(30)),
        Pose(_alike(30, 30, 18), Thumb(_FACING_TIPS, INDEX, 3, (-2, -70, -6), _BENT_DOWN), View(70, roll=-10)),
        Pose(_alike(28, 40, 22), Thumb(_FACING_TIPS, INDEX, 3, (-2, -70, 4), _BENT_DOWN), View(-80, roll=10)),
    ),
    "D": (
        Pose((_up(0), *_alike(62, 66, 34)[1:]), _on_tip(MIDDLE, (0.46, 0.6, 0.66)), View(20)),
        Pose((_up(0), *_alike(80, 94, 46)[1:]), Thumb((0.46, 0.6, 0.66), MIDDLE, 2.7, (4, -2, 12)), View(-4)),
        Pose((_up(0, 8), *_alike(68, 78, 40)[1:]), Thumb((0.46, 0.6, 0.66), MIDDLE, 2.8, (4, -4, 8)), View(4)),
        Pose((_up(0, 6), *_alike(66, 60, 32)[1:]), Thumb(_FACING_TIPS, MIDDLE, 3, (4, -8, 2), _BENT_DOWN), View(46)),
    ),
    "E": (
        Pose(_alike(44, 106, 54), Thumb((0.46, 0.56, 0.68), RING, 3, (4, -11, 6))),
        Pose(_alike(26, 102, 46), Thumb((0.5, 0.56, 0.66), MIDDLE, 3, (-4, -20, 8))),
        Pose(_alike(18, 92, 44), Thumb((0.54, 0.54, 0.64), MIDDLE, 3, (6, -28, 6)), View(pitch=14)),
    ),
    "F": (
        Pose((Finger(2, 52, 62, 32), _up(3), _up(-2), _up(-8)), _on_tip(INDEX, (0.55, 0.6, 0.6)), View(12)),
        Pose((Finger(2, 50, 58, 26), _up(6), _up(-6), _up(-20)), _on_tip(INDEX, (0.6, 0.5, 0.62)), View(-14)),
    ),
    "G": (
        Pose((_up(0, 14), *_LAST_THREE), _BEFORE_INDEX, _PALM_SIDE),
        Pose((_up(0, 12), *_LAST_THREE), _ALONG_INDEX, _PALM_SIDE),
        Pose((_up(0, 74), *_LAST_THREE), Thumb(_BESIDE, INDEX, 1.2, (18, -6, 4)), View(94, 60, -8)),
        Pose((_up(0, 44), *_LAST_THREE), Thumb(_BESIDE, INDEX, 1.2, (14, 0, 6)), _BACK_SIDE),
    ),
    "H": (
        Pose((*_CLOSED_V, *_LAST_TWO), _OVER_RING, _PALM_SIDE),
        Pose((*_CLOSED_V, *_LAST_TWO), _ALONG_INDEX, _PALM_SIDE),
        Pose((_up(-3, 50), _up(2, 46), _fist(2, 80), _fist(6, 80)), _OVER_RING, _BACK_SIDE),
    ),
    "I": (
        Pose((*_FISTS[:3], _up(-6)), _OVER_MIDDLE),
        Pose((*_FISTS[:3], _up(-14)), Thumb(_BESIDE, INDEX, 1.3, (10, 4, 6))),
    ),
    "K": (
        Pose((_up(7), Finger(-5, 40, 5, 4), *_LAST_TWO), Thumb(_BETWEEN, MIDDLE, 0.85, (9, 0, 9)), View(-16)),
        Pose((_up(10), Finger(-8, 30, 5, 4), *_LAST_TWO), Thumb(_BETWEEN, MIDDLE, 0.35, (10, 2, 12)), View(4)),
        Pose((_up(9), Finger(-7, 32, 5, 4), *_LAST_TWO), Thumb(_BETWEEN, MIDDLE, 0.6, (9, 0, 10)), View(0, -14)),
    ),
    "L": (
        Pose((_up(1), *_LAST_THREE), Thumb(_SPREAD, INDEX, 0, (66, -22, 12))),
        Pose((_up(4), *_LAST_THREE), Thumb(_SPREAD, INDEX, 0, (60, 4, 10)), View(-14)),
    ),
    "M": (
        Pose((_over(-2), _over(0), _over(3), _fist(7)), Thumb((0.05, 0.72, 0.69), RING, 1.6, (-12, 2, -4))),
        Pose((_over(-2, 64), _over(0, 66), _over(3, 68), _fist(8, 98)), Thumb(_DEEP, LITTLE, 1, (12, 10, 2))),
        Pose((*_alike(66, 92, 34)[:3], _fist(7, 90)), Thumb((0.1, 0.6, 0.78), RING, 2.5, (-10, -6, -12))),
        Pose((*_alike(86, 12, 8)[:3], _fist(7)), Thumb(_DEEP, RING, 1, (-10, -4, -14)), _HANGING, wrist=-60),
    ),
    "N": (
        Pose((_over(-2), _over(0), _fist(3), _fist(7)), Thumb((0.2, 0.68, 0.7), MIDDLE, 1.5, (-11, 2, -1))),
        Pose((_over(-2, 64), _over(0, 66), _fist(4, 96), _fist(8, 96)), Thumb(_DEEP, RING, 1, (12, 10, 2))),
        Pose((*_alike(64, 88, 30)[:2], _fist(2, 94), _fist(7, 92)), Thumb(_OPPOSED, MIDDLE, 2.5, (-10, -6, -12))),
        Pose((*_alike(86, 12, 8)[:2], *_LAST_TWO), Thumb(_DEEP, MIDDLE, 1, (-10, -4, -14)), _HANGING, wrist=-60),
    ),
    "O": (
        Pose(_alike(48, 68, 38), Thumb((0.4, 0.5, 0.77), INDEX, 3, (-4, -12, 1), _BENT_DOWN), View(72)),
        Pose(_alike(57, 52, 30), Thumb((0.4, 0.5, 0.77), INDEX, 3, (-4, -12, 0), _BENT_DOWN), View(86, roll=-10)),
        Pose(_alike(60, 46, 32), Thumb((0.42, 0.45, 0.79), INDEX, 3, (-2, -14, 0), _BENT_DOWN), View(90, roll=-10)),
        Pose(_alike(46, 64, 36), Thumb((0.42, 0.52, 0.75), INDEX, 3, (-4, -16, 2), _BENT_DOWN), View(62)),
        Pose(_alike(52, 56, 32), Thumb((0.4, 0.5, 0.77), INDEX, 3, (-4, -12, 1), _BENT_DOWN), View(-84, roll=10)),
    ),
    "P": (
        Pose((_up(4, 12), Finger(-4, 66, 8, 6), *_LAST_TWO), _UNDER_MIDDLE, View(-80, roll=84), wrist=-46),
        Pose((_up(4, 16), Finger(-4, 74, 14, 8), *_LAST_TWO), _UNDER_MIDDLE, View(-98, roll=94), wrist=-52),
    ),
    "Q": (
        Pose((_up(0, 40), *_LAST_THREE), _APART_FROM_INDEX, View(-76, roll=118), wrist=-40),
        Pose((_up(0, 40), *_LOOSE_THREE), _APART_FROM_INDEX, View(-98, roll=124), wrist=-46),
    ),
    "R": (
        Pose((Finger(-12, 20, 5, 4), Finger(18, -2, 14, 8), *_LAST_TWO), _OVER_RING),
        Pose((Finger(-12, 22, 5, 4), Finger(17, 2, 12, 8), *_LAST_TWO), _OVER_RING, View(-14)),
        Pose((Finger(-13, 24, 6, 5), Finger(20, 2, 16, 10), *_LAST_TWO), _ON_RING, View(14)),
    ),
    "S": (
        Pose(_FISTS, _OVER_MIDDLE),
        Pose(_FISTS, _OVER_INDEX),
        Pose(_FISTS, Thumb((0.24, 0.56, 0.79), RING, 1.5, (6, 0, 15)), View(14)),
    ),
    "T": (
        Pose((_over(7, 62), _fist(-2, 94), _fist(2, 92), _fist(6, 92)), Thumb(_BETWEEN, MIDDLE, 1, (10, 24, 8))),
        Pose((_over(9, 60), _fist(-2, 92), _fist(2, 92), _fist(6, 92)), Thumb(_BETWEEN, MIDDLE, 1, (9, 20, 14))),
    ),
    "U": (
        Pose((*_CLOSED_V, *_LAST_TWO), _OVER_RING),
        Pose((_up(-2), _up(1), *_LAST_TWO), _ON_RING, View(-14)),
        Pose((_up(-4, 8), _up(3, 9), *_LAST_TWO), _OVER_RING, View(6)),
    ),
    "V": (
        Pose((_up(13), _up(-11), *_LAST_TWO), _OVER_RING, View(10, roll=4)),
        Pose((_up(11), _up(-10), *_LAST_TWO), _ON_RING, View(-10)),
    ),
    "W": (
        Pose((_up(15), _up(2), _up(-13), _fist(6, 76)), _OVER_LITTLE, View(-8)),
        Pose((_up(9), _up(1), _up(-8), _fist(6, 76)), _OVER_LITTLE, View(12)),
    ),
    "X": (
        Pose((Finger(0, 14, 84, 52), *_LAST_THREE), _OVER_MIDDLE, View(-38)),
        Pose((Finger(0, 10, 74, 46), *_LAST_THREE), _OVER_MIDDLE, View(-20)),
        Pose((Finger(0, 26, 74, 40), *_LAST_THREE), _OVER_MIDDLE, View(-56, roll=14)),
    ),
    "Y": (
        Pose((*_FISTS[:3], _up(-16)), _ASIDE),
        Pose((*_FISTS[:3], _up(-10)), Thumb(_SPREAD, INDEX, 0, (58, 14, 8)), View(-14)),
    ),
}
