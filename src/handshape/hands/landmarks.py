"""A hand's 21 landmarks, and what the network that finds them sees besides: MediaPipe's, on a turned crop.

How landmarks become the next crop follows MediaPipe 0.10's hand_landmark graphs.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.hands.boxes import Box, Picture, cut, square_around, upward
from handshape.images import Pixels
from handshape.litert import Network, with_outputs

LANDMARKS = 21
MIN_PRESENCE = 0.5
FEATURES_TENSOR = 157  # the last feature map before the network pools it, add_8
WITH_FEATURES_SHA256 = "14e16edbe195231dd9a68337e839140944d53cf862119b0f7c22693b9098a6b8"  # of the file that gives it
FEATURES = (7, 7, 192)
NO_FEATURES = np.zeros(FEATURES, np.float16)  # of hands that nobody learns from or recognises
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
        features: [7, 7, 192] float16, the network's last feature map of the box, of a left hand as in a mirror.
    """

    box: Box
    landmarks: Array
    world: Array
    handedness: Literal["Left", "Right"]
    handedness_score: float
    score: float
    has_company: bool = False
    features: NDArray[np.float16] = field(default_factory=lambda: NO_FEATURES, repr=False)

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
    """Reads landmarks and features from turned crops.

    Args:
        model: hand_landmark_full.tflite.
        threads: cores that one call may use.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._network = Network(_with_features(model), threads)
        self.size = self._network.size  # of its crops, in pixels

    def __call__(self, image: Pixels | Picture, box: Box, left: bool = False) -> Hand:
        """What the network sees in a box of an image [H, W, 3] uint8; ``score`` says whether it is a hand.

        Args:
            image: what is looked at.
            box: where.
            left: whether a left hand is expected. The network is shown it in a mirror, so that its features are those
                of a right hand, as all are; where it turns out otherwise, they are read once more.
        """
        hand = self._read(image, box, left)
        is_left = hand.handedness == "Left"
        if is_left != left and hand.score >= MIN_PRESENCE:
            hand = replace(hand, features=self._read(image, box, is_left).features)
        return hand

    def glance(self, image: Pixels | Picture, box: Box) -> Hand:
        """As a call, but for features, which are those of a left hand where it is one."""
        return self._read(image, box, mirrored=False)

    def features(self, crop: Pixels) -> NDArray[np.float16]:
        """The features of a crop [size, size, 3] uint8 of a right hand, [7, 7, 192]."""
        return self._network.look(crop)[4].astype(np.float16)

    def _read(self, image: Pixels | Picture, box: Box, mirrored: bool) -> Hand:
        size = self.size
        crop = cut(image, box, size)
        raw, presence, handedness, world, features = self._network.look(crop[:, ::-1] if mirrored else crop)
        points, world = raw.reshape(LANDMARKS, 3) / np.float32(size), world.reshape(LANDMARKS, 3)
        is_left = (float(handedness[0]) < 0.5) != mirrored  # the network judges a mirrored image
        if mirrored:
            points[:, 0] = 1 - points[:, 0]
            world = world * np.array([-1, 1, 1], np.float32)
        depth = points[:, 2:] * (box.width / DEPTH_SCALE)
        return Hand(
            box=box,
            landmarks=np.concatenate([box.to_image(points[:, :2]), depth], axis=1, dtype=np.float32),
            world=_turned(world, box.angle),
            handedness="Left" if is_left else "Right",
            handedness_score=max(float(handedness[0]), 1 - float(handedness[0])),
            score=float(presence[0]),
            features=features.astype(np.float16),
        )


@functools.cache
def _with_features(model: Path) -> bytes:
    """The network that gives its features, too; its other outputs stay the same to the last bit."""
    return with_outputs(model.read_bytes(), [FEATURES_TENSOR])


def _turned(world: Array, angle: float) -> Array:
    """Points of the upright crop, turned as the hand is in the image."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    return world @ turn
