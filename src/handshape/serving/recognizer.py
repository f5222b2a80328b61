"""From the bytes of an image to a decision. Runs on LiteRT alone; knows nothing of HTTP or of training."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.errors import ImageError, ModelError
from handshape.export.bundle import Bundle
from handshape.hands.finder import HandFinder, HandFinders
from handshape.hands.inputs import Inputs, view_of, whole_images, with_hands
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models_or_none
from handshape.images import Pixels
from handshape.litert import LiteRtModel
from handshape.model.decisions import decide
from handshape.serving.pictures import Picture, photograph_of, square_of

TOP = 5


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
    hand: Hand | None
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "decision": self.decision,
            "confidence": self.confidence,
            "top": [list(pair) for pair in self.top],
            "hand": hand_as_dict(self.hand) if self.hand else None,
            "milliseconds": self.milliseconds,
        }


def hand_as_dict(hand: Hand) -> dict[str, Any]:
    """A hand for JSON; its box is left, top, width and height of the landmarks, in pixels of the photograph."""
    low, high = hand.landmarks[:, :2].min(axis=0), hand.landmarks[:, :2].max(axis=0)
    return {
        "box": [round(float(value), 1) for value in (*low, *(high - low))],
        "handedness": hand.handedness,
        "score": round(hand.score, 4),
    }


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
        ModelError: the bundle has no LiteRT model.
    """

    def __init__(self, bundle: Bundle, models: HandModels | None = None, threads: int | None = None) -> None:
        if not bundle.litert.is_file():
            raise ModelError(
                f"The bundle {bundle.folder} has no {bundle.litert.name}.",
                "a bundle made where TensorFlow is installed",
                "Resume or repeat the training with TensorFlow installed.",
            )
        self.class_names = bundle.class_names
        self.size = bundle.size
        self.thresholds = bundle.thresholds
        self._hands = bundle.hands
        self._network = LiteRtModel(bundle.litert, threads)
        self.threads = self._network.threads
        self._finders = HandFinders(models, self.threads) if models and bundle.hands else None

    @property
    def finds_hands(self) -> bool:
        """Whether hands are looked for; else whole images are recognised."""
        return self._finders is not None

    def recognize(self, picture: Picture) -> Recognition:
        """Recognises the handshape in one picture; of several hands, the one it is surest of.

        Args:
            picture: a path, the bytes of an image file, a Pillow image, or an array [H, W, 3] uint8 in RGB order.

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

        Args:
            frame: a picture.
            previous: the hand of the frame before, as that one's recognition gave it.

        Raises:
            ImageError: the frame cannot be read.
        """
        return self._answer(frame, previous)[0]

    def explain(self, picture: Picture) -> tuple[Recognition, NDArray[np.float32] | None]:
        """As :meth:`recognize`, and the last feature map [h, w, 1280] of the picture that was recognised.

        That picture is the hand's upright crop, of a left hand in a mirror, or the whole photograph in a square.
        Models without a pixel stream have no feature map.

        Raises:
            ImageError: the picture cannot be read.
        """
        return self._answer(picture, None)

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Class probabilities [N, C]."""
        return self._network(*inputs.by_rank(self._network.ranks))[0]

    def _answer(self, picture: Picture, previous: Hand | None) -> tuple[Recognition, NDArray[np.float32] | None]:
        start = time.perf_counter()
        with self._finders.lent() if self._finders else nullcontext() as finder:
            inputs, hands = self._seen(picture, previous, finder)
            each, *others = self._network(*inputs.by_rank(self._network.ranks))
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

    def _seen(
        self, picture: Picture, previous: Hand | None, finder: HandFinder | None
    ) -> tuple[Inputs, list[Hand | None]]:
        """Inputs for each hand, or for the whole image where there is none."""
        if finder:
            photograph, scale = photograph_of(picture)
            hands = self._find(finder, photograph, previous.scaled(1 / scale) if previous else None)
            if hands:
                views = np.stack([view_of(photograph, hand, self.size) for hand in hands])
                whole = [hand.scaled(scale) for hand in hands]
                return with_hands(views, whole), list(whole)
        return whole_images(square_of(picture, self.size)[None]), [None]

    def _find(self, finder: HandFinder, photograph: Pixels, previous: Hand | None) -> Sequence[Hand]:
        if previous is None or self._hands > 1:  # the finder follows one hand alone
            return finder.find(photograph, self._hands)
        hand = finder.track(photograph, previous)
        return [hand] if hand else []
