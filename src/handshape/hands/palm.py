"""Where palms are: MediaPipe's palm network, a single-shot detector with seven key points a palm.

The network's conventions (anchors, thresholds, how a palm becomes the square that the landmark network looks at) are
those of MediaPipe 0.10's palm_detection graphs.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.hands.boxes import Box, Picture, carry_on, upward
from handshape.images import Pixels
from handshape.litert import Network

INPUT = 192  # pixels a side
STRIDES_AND_ANCHORS = ((8, 2), (16, 6))  # pixels between cells, anchors in a cell
LIKELY = 0.5  # a score that a palm has
HOPELESS = -2.2  # a logit, of the score 0.1: nobody asks for palms of less
SAME_PALM = 0.3  # overlap, as intersection over union
WRIST, MIDDLE_KNUCKLE = 0, 2  # among the seven key points
ROI_SCALE, ROI_SHIFT = 2.6, -0.5  # from the palm to the whole hand

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Palms:
    """What the detector found, best first.

    Attributes:
        points: [N, 9, 2] pixels of the image: two opposite corners of the box, then the seven key points.
        scores: [N], 0 to 1.
    """

    points: Array
    scores: Array

    @property
    def middles(self) -> Array:
        """Of the boxes, [N, 2]."""
        return (self.points[:, 0] + self.points[:, 1]) / np.float32(2)

    def hand_boxes(self) -> list[Box]:
        """For each palm the turned square that holds the whole hand, fingers up."""
        return [_hand_box(palm) for palm in self.points]


class PalmDetector:
    """Finds palms in images.

    Args:
        model: palm_detection_full.tflite.
        threads: cores that one call may use.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._network = Network(model, threads)
        self._anchors = anchors()

    def __call__(self, image: Pixels | Picture, margin: float = 0.0) -> PalmOutput:
        """A look at an image [H, W, 3] uint8, which is first widened by ``margin`` of each side on each side."""
        square, letterbox = fit(image, margin)
        raw, logits = self._network.look(square)
        kept = np.flatnonzero(logits[:, 0] > HOPELESS)
        return PalmOutput(raw[kept], np.reciprocal(1 + np.exp(-logits[kept, 0])), self._anchors[kept], letterbox)


@dataclass(frozen=True, eq=False)
class PalmOutput:
    """What the network says of one image, at the N anchors where a palm may be.

    Attributes:
        raw: [N, 18], see :func:`decode`.
        scores: [N], 0 to 1.
        centres: [N, 2], of :func:`anchors`.
        letterbox: how the image lay in the network's square.
    """

    raw: Array
    scores: Array
    centres: Array
    letterbox: Letterbox

    def palms(self, least: float = LIKELY) -> Palms:
        """Those whose score is ``least`` or more."""
        kept = np.flatnonzero(self.scores >= least)
        points, scores = suppress(decode(self.raw[kept], self.centres[kept]), self.scores[kept])
        return Palms(self.letterbox.to_image(points), scores)

    def middles(self, least: float = LIKELY) -> Array:
        """Of the boxes that the palms are the means of, [N, 2] pixels: a palm's lies among them."""
        kept = self.scores >= least
        return self.letterbox.to_image(self.raw[kept, :2] / np.float32(INPUT) + self.centres[kept])

    @functools.cached_property
    def likely_boxes(self) -> list[Box]:
        """The squares of the hands whose palms are likely, best first."""
        return self.palms().hand_boxes()


@dataclass(frozen=True)
class Letterbox:
    """How an image lies in the square: where it begins, and square pixels an image pixel, each as [2] x and y."""

    start: Array
    scale: Array

    def to_image(self, points: Array) -> Array:
        """Points [..., 2] as shares of the square, in pixels of the image."""
        return ((points * INPUT - self.start) / self.scale).astype(np.float32)


def fit(image: Pixels | Picture, margin: float = 0.0) -> tuple[Pixels, Letterbox]:
    """An image in the middle of a black square [192, 192, 3], aspect kept.

    Args:
        image: [H, W, 3] uint8.
        margin: its edge pixels go on by this share of its width and height, on each side.
    """
    picture = (image if isinstance(image, Picture) else Picture(image)).pillow
    width, height = picture.size
    scale = INPUT / (max(height, width) * (1 + 2 * margin))
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    if fitted != picture.size:
        picture = picture.resize(fitted, Image.Resampling.BILINEAR, reducing_gap=1.0)
    pads = [round(side * margin) for side in fitted]
    wide, high = (min(INPUT, side + 2 * pad) for side, pad in zip(fitted, pads, strict=True))
    top, left = (INPUT - high) // 2, (INPUT - wide) // 2
    square = np.zeros((INPUT, INPUT, 3), np.uint8)
    carry_on(np.asarray(picture), square[top : top + high, left : left + wide], pads[1], pads[0])
    start = np.array([left + pads[0], top + pads[1]], np.float32)
    return square, Letterbox(start, np.array([fitted[0] / width, fitted[1] / height], np.float32))


def anchors() -> Array:
    """The centres that the network's answers are relative to, [2016, 2] x and y as shares of the square."""
    layers = []
    for stride, count in STRIDES_AND_ANCHORS:
        cells = INPUT // stride
        y, x = np.divmod(np.arange(cells * cells), cells)
        layers.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, count, axis=0))
    return np.concatenate(layers).astype(np.float32)


def decode(raw: Array, centres: Array) -> Array:
    """The network's answers as points.

    Args:
        raw: [N, 18]: the box's middle, its size, and seven key points, in pixels of the square; all but the size
            relative to the anchor.
        centres: [N, 2] the anchors.

    Returns:
        [N, 9, 2] shares of the square: upper left and lower right corner, seven key points.
    """
    values = (raw / INPUT).reshape(-1, 9, 2)
    middle, half = values[:, :1] + centres[:, None], values[:, 1:2] / 2
    return np.concatenate([middle - half, middle + half, values[:, 2:] + centres[:, None]], axis=1)


def suppress(points: Array, scores: Array) -> tuple[Array, Array]:
    """One palm for each heap of overlapping answers: their mean, weighted by score; its score is the best one's.

    Args:
        points: [N, 9, 2] as :func:`decode` returns them.
        scores: [N].

    Returns:
        [K, 9, 2] and [K], best first.
    """
    left = np.argsort(-scores, kind="stable")
    merged, best = [], []
    while len(left):
        same = overlaps(points[left[0]], points[left]) > SAME_PALM
        same[0] = True  # an empty box does not even overlap itself
        heap = left[same]
        weights = scores[heap]
        merged.append((points[heap] * weights[:, None, None]).sum(axis=0) / weights.sum())
        best.append(scores[heap[0]])
        left = left[~same]
    return np.array(merged, np.float32).reshape(-1, 9, 2), np.array(best, np.float32)


def overlaps(one: Array, many: Array) -> Array:
    """Intersection over union of one box and many, from their corners, the first two points: [N]."""
    shared = _areas(np.maximum(one[0], many[:, 0]), np.minimum(one[1], many[:, 1]))
    both = _areas(one[:1], one[1:2]) + _areas(many[:, 0], many[:, 1]) - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def _areas(low: Array, high: Array) -> Array:
    """Of boxes from their corners, [N, 2] each; those that are turned inside out have none."""
    sides = np.maximum(high - low, 0)
    return sides[:, 0] * sides[:, 1]


def _hand_box(palm: Array) -> Box:
    low, high = palm[:2]
    angle = upward(palm[2 + WRIST], palm[2 + MIDDLE_KNUCKLE])
    width, height = (float(side) for side in high - low)
    x, y = (float(middle) for middle in (low + high) / 2)
    x, y = x - math.sin(angle) * ROI_SHIFT * height, y + math.cos(angle) * ROI_SHIFT * height
    side = max(width, height) * ROI_SCALE
    return Box(x, y, side, side, angle)
