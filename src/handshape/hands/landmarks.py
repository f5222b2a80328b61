"""A hand's 21 landmarks: MediaPipe's landmark network on a turned crop.

How landmarks become the next crop follows MediaPipe 0.10's hand_landmark graphs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.hands.boxes import Box, cut, square_around, upward
from handshape.images import Pixels, as_network_input
from handshape.litert import Network

LANDMARKS = 21
MIN_PRESENCE = 0.5
DEPTH_SCALE = 0.4  # the network gives depth at this share of the scale of x and y
WRIST, INDEX_KNUCKLE, MIDDLE_KNUCKLE, RING_KNUCKLE = 0, 5, 9, 13
STEADY = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # wrist, thumb and the fingers' lower joints: they bend least
ROI_SCALE, ROI_SHIFT = 2.0, -0.1  # from those landmarks to the whole hand

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand in an image.

    Attributes:
        box: the turned square that the landmarks were read from, in pixels.
        landmarks: [21, 3] float32, x and y in pixels from the image's upper left corner; z, towards the camera
            negative, from the wrist and in about the same unit. Order: wrist, then thumb, index, middle, ring and
            little finger, each from its root to its tip.
        world: [21, 3] float32, metres from the hand's middle, x to the right, y down, z away from the camera.
        handedness: which hand it is in an unmirrored photograph (MediaPipe's own word assumes a mirrored one).
        handedness_score: 0.5 to 1.
        score: 0 to 1, how sure the network is that this is a hand.
        has_company: whether another hand was seen beside it; False also where nobody looked.
    """

    box: Box
    landmarks: Array
    world: Array
    handedness: Literal["Left", "Right"]
    handedness_score: float
    score: float
    has_company: bool = False

    @property
    def next_box(self) -> Box:
        """Where to look for the same hand in the next frame."""
        return square_around(self.landmarks[list(STEADY)], self.angle, ROI_SCALE, ROI_SHIFT)

    @property
    def angle(self) -> float:
        """By how much the hand is turned clockwise from upright, in radians, -pi to pi."""
        return upright_angle(self.landmarks)

    def scaled(self, factor: float) -> Hand:
        """The same hand in the image made ``factor`` times as large."""
        return replace(self, box=self.box.scaled(factor), landmarks=self.landmarks * np.float32(factor))


def upright_angle(landmarks: Array) -> float:
    """By how much a hand with landmarks [21, 2 or more] is turned clockwise from upright, in radians, -pi to pi."""
    knuckles = landmarks[[INDEX_KNUCKLE, MIDDLE_KNUCKLE, MIDDLE_KNUCKLE, RING_KNUCKLE]]
    return upward(landmarks[WRIST], knuckles.mean(axis=0))


class LandmarkReader:
    """Reads landmarks from turned crops.

    Args:
        model: hand_landmark_full.tflite.
        threads: cores that one call may use.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._network = Network(model, threads)

    def __call__(self, image: Pixels, box: Box) -> Hand:
        """What the network sees in a box of an image [H, W, 3] uint8; ``score`` says whether it is a hand."""
        size = self._network.size
        raw, presence, handedness, world = self._network(as_network_input(cut(image, box, size)))
        points = raw.reshape(LANDMARKS, 3) / np.float32(size)
        depth = points[:, 2:] * (box.width / DEPTH_SCALE)
        is_left = float(handedness[0]) < 0.5  # the network judges a mirrored image
        return Hand(
            box=box,
            landmarks=np.concatenate([box.to_image(points[:, :2]), depth], axis=1, dtype=np.float32),
            world=_turned(world.reshape(LANDMARKS, 3), box.angle),
            handedness="Left" if is_left else "Right",
            handedness_score=max(float(handedness[0]), 1 - float(handedness[0])),
            score=float(presence[0]),
        )


def _turned(world: Array, angle: float) -> Array:
    """Points of the upright crop, turned as the hand is in the image."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    return world @ turn
