"""From the bytes of an image to a decision. Runs on LiteRT alone; knows nothing of HTTP or of training."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.errors import ImageError, ModelError
from handshape.export.bundle import Bundle
from handshape.hands.finder import HandFinder, HandFinders
from handshape.hands.inputs import Inputs, Photograph, enough_pixels, view_of, with_hands
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models_or_none
from handshape.litert import LiteRtModel
from handshape.model.decisions import decide
from handshape.serving.pictures import Picture, photograph_of

TOP = 5
PICTURE_CHANNELS = 3  # of the one input that is a picture

Find = Callable[[HandFinder, Photograph], Sequence[Hand]]  # hands in pixels of the photograph in memory


@dataclass(frozen=True)
class Recognition:
    """What was recognised in one image.

    Attributes:
        decision: the class it is taken for, "unknown" or "no hand".
        confidence: calibrated probability of the most probable class, 0 to 1.
        top: the most probable classes with their probabilities, best first.
        hand: the one that was recognised, in pixels of the upright photograph; None where none was found.
        milliseconds: from bytes to decision.
    """

    decision: str
    confidence: float
    top: tuple[tuple[str, float], ...]
    hand: Hand | None = field(repr=False)
    milliseconds: float

    def as_dict(self, landmarks: bool = False) -> dict[str, Any]:
        """For JSON; see :func:`hand_as_dict`."""
        return {
            "decision": self.decision,
            "confidence": self.confidence,
            "top": [list(pair) for pair in self.top],
            "hand": hand_as_dict(self.hand, landmarks) if self.hand else None,
            "milliseconds": self.milliseconds,
        }


def hand_as_dict(hand: Hand, landmarks: bool = False) -> dict[str, Any]:
    """A hand for JSON; its box is left, top, width and height of the landmarks, in pixels of the photograph.

    With ``landmarks`` all that a classifier is given of it is there too: ``landmarks`` in pixels and ``world`` in
    metres, each 21 times x, y, z; ``square``, where the landmark network saw the hand: x and y of the centre and the
    width in pixels, and the angle by which it is turned clockwise in radians; and ``features``, what it saw there,
    [7, 7, 192] float32, little-endian, in base64.
    """
    low, high = hand.landmarks[:, :2].min(axis=0), hand.landmarks[:, :2].max(axis=0)
    return {
        "box": [round(float(value), 1) for value in (*low, *(high - low))],
        "handedness": hand.handedness,
        "score": round(hand.score, 4),
        **(_network_inputs(hand) if landmarks else {}),
    }


def _network_inputs(hand: Hand) -> dict[str, Any]:
    square = (hand.box.x, hand.box.y, hand.box.width, hand.box.angle)
    return {
        "landmarks": _rows(hand.landmarks, 4),
        "world": _rows(hand.world, 6),
        "square": [round(float(value), 4) for value in square],
        "features": base64.b64encode(hand.features.astype("<f4").tobytes()).decode("ascii"),
    }


def _rows(points: NDArray[np.float32], digits: int) -> list[list[float]]:
    return [[round(value, digits) for value in row] for row in points.tolist()]


def recognizer_of(bundle: Bundle, console: Console, threads: int | None = None) -> Recognizer:
    """A recogniser with the hand models that its bundle needs; where these cannot be had, without, and it says so."""
    return Recognizer(bundle, hand_models_or_none(console) if bundle.hands else None, threads)


class Recognizer:
    """A loaded bundle; any number of threads may recognise at once, ``threads`` of them at full speed.

    Args:
        bundle: what :func:`handshape.export.bundle.find_bundle` returns.
        models: the hand networks; None recognises whole images.
        threads: images computed at a time; None takes one a core.

    Raises:
        ModelError: the bundle has no LiteRT model, or one that does not fit it.
    """

    def __init__(self, bundle: Bundle, models: HandModels | None = None, threads: int | None = None) -> None:
        if not bundle.litert.is_file():
            raise ModelError(
                f"The bundle {bundle.folder} has no {bundle.litert.name}.",
                "a bundle made where TensorFlow is installed",
                "Resume or repeat the training with TensorFlow installed.",
            )
        self.bundle = bundle
        self.size = bundle.size
        self.thresholds = bundle.thresholds
        self._hands = bundle.hands
        self._network = LiteRtModel(bundle.litert, threads)
        bundle.require_fit(self._network.input_shapes, sorted(self._network.output_shapes, key=len))
        self.threads = self._network.threads
        self._sees_pictures = PICTURE_CHANNELS in self._network.channels
        self._finders = HandFinders(models, self.threads) if models and bundle.hands else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes it tells apart, in the order of their numbers."""
        return self.bundle.class_names

    @cached_property
    def activation(self) -> NDArray[np.float32] | None:
        """The weights [F, C] for heat maps; None where the model has none.

        Raises:
            ModelError: they do not fit the model.
        """
        maps = [shape for shape in self._network.output_shapes if len(shape) > 1]
        return self.bundle.class_activation(maps[0][-1]) if maps else None

    @property
    def finds_hands(self) -> bool:
        """Whether hands are looked for; else whole images are recognised."""
        return self._finders is not None

    def recognize(self, picture: Picture) -> Recognition:
        """Recognises the handshape in one picture; of several hands, the one it is surest of.

        Args:
            picture: a path, the bytes of an image file, a Pillow image, or an array [H, W, 3] in RGB order, of uint8 or
                of floating point from 0 to 1 (or from 0 to 255, as Keras' are).

        Raises:
            ImageError: the picture cannot be read.
        """
        return self.explain(picture)[0]

    def recognize_all(self, pictures: Iterable[Picture]) -> list[Recognition | ImageError]:
        """As :meth:`recognize`, for many pictures, several at a time; where one cannot be read, its error."""

        def answer(picture: Picture) -> Recognition | ImageError:
            try:
                return self.recognize(picture)
            except ImageError as error:
                return error

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(answer, pictures))

    def follow(self, frame: Picture, previous: Hand | None) -> Recognition:
        """As :meth:`recognize`, for a frame of a film: the hand is first looked for where it was.

        A hand that is hard to see is not searched for, which is too slow for every frame of a camera that shows none.

        Args:
            frame: a picture.
            previous: the hand of the frame before, as that one's recognition gave it.

        Raises:
            ImageError: the frame cannot be read.
        """
        return self._answer(frame, lambda finder, photograph: self._track(finder, photograph, previous))[0]

    def explain(self, picture: Picture) -> tuple[Recognition, NDArray[np.float32] | None]:
        """As :meth:`recognize`, and the last feature map [h, w, F] that the model has of what was recognised.

        A hand stream's shows the square in which the landmarks were read (``Hand.box``), a pixel stream's the hand's
        upright crop or the whole photograph in a square; left hands are in a mirror. Others have no feature map.

        Raises:
            ImageError: the picture cannot be read.
        """
        return self._answer(picture, lambda finder, photograph: finder.find(photograph.pixels, self._hands))

    @property
    def network(self) -> Callable[[Inputs], NDArray[np.float32]]:
        """Inputs of N pictures to probabilities [N, C]."""
        return self.probabilities

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Class probabilities [N, C]."""
        return self.outputs(inputs)[0]

    def outputs(self, inputs: Inputs) -> list[NDArray[np.float32]]:
        """Class probabilities [N, C]; behind them the last feature maps [N, h, w, F] where the model has some."""
        return self._network(*inputs.by_channels(self._network.channels))

    def _answer(self, picture: Picture, find: Find) -> tuple[Recognition, NDArray[np.float32] | None]:
        start = time.perf_counter()
        with self._finders.lent() if self._finders else nullcontext() as finder:
            inputs, hands = self._seen(picture, finder, find)
            each, *others = self.outputs(inputs)
        surest = int(each.max(axis=1).argmax())
        probabilities, hand = each[surest], hands[surest]
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        recognition = Recognition(
            decision=decide(self.class_names, probabilities, bool(hand) if self.finds_hands else None, self.thresholds),
            confidence=round(float(probabilities[order[0]]), 6),
            top=tuple((self.class_names[index], round(float(probabilities[index]), 6)) for index in order),
            hand=hand,
            milliseconds=round((time.perf_counter() - start) * 1000, 3),
        )
        return recognition, others[0][surest] if others else None

    def _seen(self, picture: Picture, finder: HandFinder | None, find: Find) -> tuple[Inputs, Sequence[Hand | None]]:
        """Inputs for each hand, or for the whole image where there is none."""
        photograph = photograph_of(picture, enough_pixels(self.size, finder is not None))
        found = find(finder, photograph) if finder else ()
        hands: Sequence[Hand | None] = [hand.scaled(photograph.scale) for hand in found] or [None]
        if self._sees_pictures:
            views = np.stack([view_of(photograph, hand, self.size) for hand in hands])
        else:
            views = np.zeros((len(hands), 1, 1, 3), np.uint8)
        return with_hands(views, hands), hands

    def _track(self, finder: HandFinder, photograph: Photograph, previous: Hand | None) -> Sequence[Hand]:
        """The hand of the frame before, in this one; where several are looked for, the finder follows none."""
        if previous is None or self._hands > 1:
            return finder.find(photograph.pixels, self._hands, harder=False)
        hand = finder.track(photograph.pixels, previous.scaled(1 / photograph.scale))
        return [hand] if hand else []
