"""Landmarks as numbers a classifier learns from: a right hand, its shape whatever its place and size, and variations.

Pure NumPy; :func:`shape_features` also takes ``keras.ops`` as its array library, and then becomes part of a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LANDMARKS = 21
COORDINATES = 6  # x, y, z in pixels of the photograph, then x, y, z in metres
BONES = (  # from joint to joint, each after the one it hangs on
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((0, 9), (9, 10), (10, 11), (11, 12)),
    *((0, 13), (13, 14), (14, 15), (15, 16)),
    *((0, 17), (17, 18), (18, 19), (19, 20)),
)
KNUCKLES = (5, 9, 13, 17)
PAIRS = np.triu_indices(LANDMARKS, 1)
TINY = 1e-6

TURN = 25.0  # degrees to either side, about each axis
STRETCH = 0.15  # of a bone's length, to either side
DEPTH = (0.6, 1.4)  # factors: the networks guess depth, and guess it differently for different hands
NOISE = 0.015  # of the hand's size


def right_hand(landmarks: Array, world: Array, is_left: bool) -> Array:
    """Both kinds of landmarks side by side, of a left hand as in a mirror.

    Args:
        landmarks: [21, 3], pixels of the photograph.
        world: [21, 3], metres.
        is_left: whether it is a left hand in an unmirrored photograph.

    Returns:
        [21, 6] float32.
    """
    both = np.concatenate([landmarks, world], axis=1, dtype=np.float32)
    if is_left:
        both[:, [0, 3]] *= -1
    return both


def hand_size(hands: Any, xp: Any = np) -> Any:
    """From the wrist to the middle of the knuckles in the photograph, in pixels: hands [N, 21, 6] to [N, 1]."""
    points = hands[:, :, :3]
    return _length(xp.mean(xp.take(points, KNUCKLES, axis=1), axis=1) - points[:, 0], xp)


def shape_features(hands: Any, xp: Any = np) -> Any:
    """The shape of hands: joints seen from the wrist, directions of bones and distances of joints, in hand sizes.

    Twice over, from the landmarks in the photograph and from those in metres. A hand's size is the way from its wrist
    to the middle of its knuckles.

    Args:
        hands: [N, 21, 6]; all zeros where there is no hand, which gives finite numbers too.
        xp: the array library: ``numpy`` or ``keras.ops``.

    Returns:
        [N, 666] float32.
    """
    parts = []
    for first in (0, 3):
        points = hands[:, :, first : first + 3]
        points = points - points[:, :1]
        size = _length(xp.mean(xp.take(points, KNUCKLES, axis=1), axis=1, keepdims=True), xp)
        points = points / (size + TINY)
        bones = xp.take(points, [end for _, end in BONES], axis=1) - xp.take(
            points, [start for start, _ in BONES], axis=1
        )
        bones = bones / (_length(bones, xp) + TINY)
        distances = _length(xp.take(points, PAIRS[0], axis=1) - xp.take(points, PAIRS[1], axis=1), xp)
        parts += [xp.reshape(part, (-1, part.shape[1] * part.shape[2])) for part in (points, bones, distances)]
    return xp.concatenate(parts, axis=1)


def augment_landmarks(hands: Array, rng: np.random.Generator) -> Array:
    """The same handshapes on other hands, seen from other sides: turned, with other bones, depths and small errors.

    Args:
        hands: [N, 21, 6].
        rng: decides every one of them.

    Returns:
        [N, 21, 6] float32, the wrist about at the origin.
    """
    count = len(hands)
    turn = _turns(rng.uniform(-TURN, TURN, (count, 3)))
    stretch = rng.uniform(1 - STRETCH, 1 + STRETCH, (count, len(BONES), 1))
    parts = []
    for first in (0, 3):
        points = hands[:, :, first : first + 3] - hands[:, :1, first : first + 3]
        points = _stretched(points, stretch)
        points = points @ turn
        points[:, :, 2] *= rng.uniform(*DEPTH, (count, 1))
        size = np.linalg.norm(points[:, KNUCKLES].mean(axis=1), axis=1)[:, None, None]
        parts.append(points + rng.normal(0, NOISE, points.shape) * size)
    return np.concatenate(parts, axis=2, dtype=np.float32)


def _length(vectors: Any, xp: Any) -> Any:
    """[…, 3] to […, 1]; its slope is finite at zero too."""
    return xp.sqrt(xp.sum(xp.square(vectors), axis=-1, keepdims=True) + TINY**2)


def _stretched(points: NDArray[Any], factors: NDArray[Any]) -> NDArray[Any]:
    """Hands [N, 21, 3] with each bone made longer by its factor [N, 20, 1]."""
    grown = np.zeros_like(points)
    for number, (start, end) in enumerate(BONES):
        grown[:, end] = grown[:, start] + (points[:, end] - points[:, start]) * factors[:, number]
    return grown


def _turns(degrees: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rotations [N, 3, 3] by angles [N, 3] about the x, y and z axes."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.broadcast_to(np.eye(3), (len(degrees), 3, 3))
    for axis in range(3):
        one, other = [index for index in range(3) if index != axis]
        step = np.broadcast_to(np.eye(3), turn.shape).copy()
        step[:, one, one] = step[:, other, other] = cos[:, axis]
        step[:, one, other], step[:, other, one] = -sin[:, axis], sin[:, axis]
        turn = turn @ step
    return turn
