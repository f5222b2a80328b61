"""Counts of what a served model answers, hour by hour, beside what it answered when it was tested."""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from handshape.export.bundle import Bundle
from handshape.hands.geometry import KNUCKLES
from handshape.hands.landmarks import Hand
from handshape.model.profile import ENOUGH, OUTCOMES, PROFILE, Profile, drift, in_words
from handshape.serving.recognizer import Recognition
from handshape.serving.watch.shadow import Shadow
from handshape.serving.watch.unsure import UnsureImages

HOUR = 3600.0
HOURS = 72  # kept
TESTED = "its answers to test photographs"


class Watch:
    """Sees every answer. Any thread may show it one.

    Args:
        bundle: the one being served.
        shadow: another model that answers too.
        unsure: keeps the images that the model is least sure of.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        bundle: Callable[[], Bundle],
        shadow: Shadow | None = None,
        unsure: UnsureImages | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bundle = bundle
        self.shadow, self.unsure = shadow, unsure
        self._clock = clock
        self._lock = threading.Lock()
        self._begin(bundle())

    def saw(self, image: bytes, recognition: Recognition) -> None:
        """One image, and what was answered."""
        with self._lock:
            if self._bundle().sha256 != self._sha256:
                self._begin(self._bundle())
            if self._expected is None and self._first.count < ENOUGH:
                self._count(self._first, recognition)
            self._count(self._this_hour(), recognition)
        if self.shadow:
            self.shadow.answer(image, recognition.decision)
        if self.unsure:
            self.unsure.offer(image, recognition)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        with self._lock:
            seen, expected = self._seen(), self._compared_with
            indices = drift(expected, seen)
            hours = [
                {"hour": datetime.fromtimestamp(start, UTC).isoformat(), "answers": each.count}
                | dict(zip(OUTCOMES, each.outcome, strict=True))
                for start, each in self._hours
            ]
        return {
            "since": datetime.fromtimestamp(self._since, UTC).isoformat(timespec="seconds"),
            "answers": seen.count,
            "enough": ENOUGH,
            "compared_with": TESTED if self._expected else f"its first {ENOUGH} answers here",
            "drift": {name: {"index": value, "verdict": in_words(value)} for name, value in indices.items()},
            "expected": expected.as_dict(),
            "seen": seen.as_dict(),
            "hours": hours,
            "shadow": self.shadow.as_dict() if self.shadow else None,
            "unsure": self.unsure.as_dict() if self.unsure else None,
        }

    def close(self) -> None:
        """Ends what works in the background."""
        if self.shadow:
            self.shadow.close()

    @property
    def _compared_with(self) -> Profile:
        return self._expected or self._first

    def _begin(self, bundle: Bundle) -> None:
        self._sha256 = bundle.sha256
        self._expected = Profile.from_dict(bundle.details.get(PROFILE))
        self._first = Profile()
        self._hours: deque[tuple[float, Profile]] = deque(maxlen=HOURS)
        self._since = self._clock()

    def _this_hour(self) -> Profile:
        start = self._clock() // HOUR * HOUR
        if not self._hours or self._hours[-1][0] != start:
            self._hours.append((start, Profile()))
        return self._hours[-1][1]

    def _seen(self) -> Profile:
        """All that is kept."""
        return functools.reduce(Profile.plus, (each for _, each in self._hours), Profile())

    @staticmethod
    def _count(profile: Profile, recognition: Recognition) -> None:
        size = hand_size_of(recognition.hand) if recognition.hand else None
        profile.add(recognition.decision, recognition.confidence, size)


def hand_size_of(hand: Hand) -> float:
    """Pixels of the photograph from the wrist to the middle of the knuckles."""
    points = hand.landmarks[:, :3]
    return float(np.linalg.norm(points[list(KNUCKLES)].mean(axis=0) - points[0]))
