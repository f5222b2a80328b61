"""The hand finder: palms, then landmarks; a wide look and a close one; tracking through video.

The wide look, at the image with its edges carried on, comes first: hands that fill the frame are common in photographs
of signs, and without a margin the detector misses one in four, or takes curled fingers for the palm.

Where both show no hand, palms of which the detector is less sure are looked at as well, then those of a look from far
away and of one in brighter light: dark photographs hide palms, but hardly the hand around them. What is found so must
be a hand more surely than else.
"""

from __future__ import annotations

import itertools
import math
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handshape.hands.boxes import Box, Picture
from handshape.hands.landmarks import MIN_PRESENCE, Hand, LandmarkReader
from handshape.hands.models import HandModels
from handshape.hands.palm import PalmDetector, PalmOutput
from handshape.images import Pixels

VERSION = 3  # raise it when the same image gives another answer: what was found before is then found anew
MARGIN = 1 / 3  # by which the wide look's edges go on, of the image's width and height, on each side
LARGE_HAND = 0.4  # its box's side, of the image's longer side; smaller hands are better seen closely
SPARE_PALMS = 1  # looked at when better ones turn out to be no hands
FAR = 1.0  # margin of the look from far away
BRIGHTER = 0.35  # exponent of the brighter light, of values 0 to 1
FAINT = 0.12  # a palm's least score where nothing else was found
FAINT_PALMS = 2  # looked at, of each look
SURELY = 0.9  # what a hand's score must then be
BESIDE = 0.15  # of a hand's width and height: palms so near belong to it
STILL = 0.1  # what a hand's own box may differ from the one that it was read from, else it is read in its own
SAME_HAND = 0.5  # of the smaller hand's bounding box


class HandFinder:
    """Finds hands in images; one thread may use it at a time.

    Args:
        models: where the two networks are.
        threads: cores that one search may use.
    """

    def __init__(self, models: HandModels, threads: int = 1) -> None:
        self._palms = PalmDetector(models.palm, threads)
        self._landmarks = LandmarkReader(models.landmarks, threads)

    def find(self, image: Pixels, count: int = 1, harder: bool = True) -> tuple[Hand, ...]:
        """At most ``count`` hands of an image [H, W, 3] uint8, the clearest palm first.

        Where none is found, ``harder`` searches on, which takes three times as long: right for a photograph, too slow
        for each frame of a camera that shows nobody.
        """
        picture = Picture(image)
        hands, outputs = self._look(picture, count)
        if hands or not harder:
            return tuple(hands)
        return self._search_harder(picture, outputs)

    def find_clearest(self, image: Pixels) -> Hand | None:
        """The clearest hand of a photograph [H, W, 3] uint8, and whether another was seen beside it.

        Another is looked for in what the palm network has said already, which takes next to no time and sees about
        half of them; among 1,200 photographs of one-handed signs it saw none where none was.
        """
        picture = Picture(image)
        hands, outputs = self._look(picture, 1)
        if not hands:
            return next(iter(self._search_harder(picture, outputs)), None)
        return replace(hands[0], has_company=self._sees_another(picture, hands[0], outputs[-1]))

    def follow(self, image: Pixels, previous: Hand) -> Hand | None:
        """As :meth:`find_clearest`, of a film's frame [H, W, 3] uint8 that looks nearly like the one before it.

        The palm network is asked only where the hand is not surely about where it was: 1.4 to 1.7 calls of networks a
        frame instead of 3.8. Landmarks differ from those found anew by no more than these do when the frame is shifted
        by a few pixels (0.7 % of the box in the median). Whether another hand is beside it stays as it was said.

        Args:
            image: the frame.
            previous: the hand of the frame before, in pixels of this one.
        """
        box = previous.next_box
        for may_move in (STILL, math.inf):
            if not box.is_inside(image):
                break
            hand = self._landmarks(image, box, left=previous.handedness == "Left")
            if hand.score < SURELY:
                break
            if box.change_to(hand.next_box) <= may_move:
                return replace(hand, has_company=previous.has_company)
            box = hand.next_box
        return self.find_clearest(image)

    def track(self, image: Pixels, previous: Hand) -> Hand | None:
        """The hand of the last frame in this one [H, W, 3] uint8, else another hand, else None.

        Where the hand is still about where it was, this takes half the time of :meth:`find`; it never searches harder.
        """
        box = previous.next_box
        if box.is_inside(image):
            hand = self._landmarks(image, box, left=previous.handedness == "Left")
            if hand.score >= MIN_PRESENCE:
                return hand
        return next(iter(self.find(image, harder=False)), None)

    def _look(self, image: Picture, count: int) -> tuple[list[Hand], list[PalmOutput]]:
        """At most ``count`` hands, and what the palm network said until they were found."""
        hands: list[Hand] = []
        outputs: list[PalmOutput] = []
        for output in self._palm_outputs(image):
            outputs.append(output)
            self._read(image, output.likely_boxes[: count + SPARE_PALMS], count, hands)
            if len(hands) == count:
                break
        return hands, outputs

    def _sees_another(self, image: Picture, hand: Hand, output: PalmOutput) -> bool:
        """Whether one of the palms of which the network is less sure is another hand's, surely."""
        low, high = hand.landmarks[:, :2].min(axis=0), hand.landmarks[:, :2].max(axis=0)
        around = BESIDE * (high - low)
        low, high = low - around, high + around

        def are_own(middles: NDArray[np.float32]) -> bool:
            return bool(np.all((middles > low) & (middles < high)))

        if are_own(output.middles(FAINT)):
            return False
        palms = output.palms(FAINT)
        for middle, box in zip(palms.middles, palms.hand_boxes(), strict=True):
            if not are_own(middle) and box.is_inside(image):
                other = self._landmarks.glance(image, box)
                if other.score >= SURELY and not _is_same(hand, other):
                    return True
        return False

    def _palm_outputs(self, image: Picture) -> Iterator[PalmOutput]:
        """A wide view and, where that shows no large hand, a close one first."""
        wide = self._palms(image, MARGIN)
        boxes = wide.likely_boxes
        is_large = bool(boxes) and boxes[0].width >= LARGE_HAND * max(image.shape[:2])
        if is_large:
            yield wide
        yield self._palms(image)
        if not is_large:
            yield wide

    def _search_harder(self, image: Picture, outputs: Iterable[PalmOutput]) -> tuple[Hand, ...]:
        """One hand that was hard to see, if any, by what was seen at first and by two more outputs."""
        seen = ((image, output) for output in outputs)
        for picture, output in itertools.chain(seen, self._further_palm_outputs(image)):
            for box in output.palms(FAINT).hand_boxes()[:FAINT_PALMS]:
                if box.is_inside(picture):
                    hand = self._landmarks.glance(picture, box)
                    if hand.score >= SURELY:
                        return (self._read_again(picture, hand),)
        return ()

    def _further_palm_outputs(self, image: Picture) -> Iterator[tuple[Picture, PalmOutput]]:
        yield image, self._palms(image, FAR)
        brighter = Picture((255 * np.linspace(0, 1, 256) ** BRIGHTER).round().astype(np.uint8)[image.pixels])
        yield brighter, self._palms(brighter, MARGIN)

    def _read(self, image: Picture, boxes: Iterable[Box], count: int, hands: list[Hand]) -> None:
        """Adds the hands in the boxes to those known, until there are ``count``."""
        for box in boxes:
            if len(hands) == count:
                break
            if box.is_inside(image):
                hand = self._landmarks.glance(image, box)
                if hand.score >= MIN_PRESENCE and not any(_is_same(hand, other) for other in hands):
                    hands.append(self._read_again(image, hand))

    def _read_again(self, image: Picture, hand: Hand) -> Hand:
        """The hand as it is seen from its own landmarks instead of from its palm, as in the next frame of a film.

        It is then shown as a whole and upright, which palms alone do not tell.
        """
        left = hand.handedness == "Left"
        if hand.next_box.is_inside(image):
            again = self._landmarks(image, hand.next_box, left)
            if again.score >= MIN_PRESENCE:
                return again
        return self._landmarks(image, hand.box, left)


class HandFinders:
    """Finders that any number of threads share: who is alone has every core, several at a time have one each.

    Args:
        models: where the two networks are.
        threads: how many may search at a time.
    """

    def __init__(self, models: HandModels, threads: int) -> None:
        self._free: queue.SimpleQueue[HandFinder] = queue.SimpleQueue()
        for _ in range(threads):
            self._free.put(HandFinder(models))
        self._wide = HandFinder(models, threads) if threads > 1 else None
        self._lock = threading.Lock()
        self._lent = 0

    @contextmanager
    def lent(self) -> Iterator[HandFinder]:
        """A finder that nobody else uses meanwhile; waits until one is free."""
        with self._lock:
            self._lent += 1
            alone = self._lent == 1
        try:
            if alone and self._wide:
                yield self._wide
            else:
                finder = self._free.get()
                try:
                    yield finder
                finally:
                    self._free.put(finder)
        finally:
            with self._lock:
                self._lent -= 1


def _is_same(one: Hand, other: Hand) -> bool:
    """Whether two palms turned out to belong to one hand."""
    low = np.maximum(*(hand.landmarks[:, :2].min(axis=0) for hand in (one, other)))
    high = np.minimum(*(hand.landmarks[:, :2].max(axis=0) for hand in (one, other)))
    areas = [np.prod(np.ptp(hand.landmarks[:, :2], axis=0)) for hand in (one, other)]
    return bool(np.prod(np.clip(high - low, 0, None)) > SAME_HAND * min(areas))
