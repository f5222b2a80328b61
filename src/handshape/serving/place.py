"""Where a hand is and how it moves, smoothed over time. Pure Python; web/spelling/place.js does the same.

A hand's size is the way from its wrist to the middle of its knuckles: about nine centimetres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from handshape.hands.geometry import KNUCKLES
from handshape.hands.landmarks import Hand

Points = Sequence[Sequence[float]]

HOME = 600.0  # ms, time constant at which a hand that stays becomes at home where it is


class Place:
    """The place of one hand.

    Attributes:
        speed: hand sizes a second; 0 where it is not known.
        slid: how far it is from where it has been of late, in hand sizes.
    """

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self.see(None, 0.0)

    def see(self, hand: Hand | None, step: float) -> None:
        """Takes the hand of a frame that came ``step`` ms after the last; without a hand, all is forgotten."""
        if hand is None:
            self._x = self._y = self._size = self._home_x = self._home_y = self.speed = self.slid = 0.0
            return
        x, y, size = middle_and_size(hand)
        if self._size == 0:
            self._x, self._y, self._size = self._home_x, self._home_y, _ = x, y, size
            return
        new = 1 - math.exp(-step / self._smoothing)
        across, down = (x - self._x) * new, (y - self._y) * new
        self._x, self._y, self._size = self._x + across, self._y + down, self._size + (size - self._size) * new
        self.speed = math.hypot(across, down) / self._size / step * 1000 if step > 0 else self.speed
        settled = 1 - math.exp(-step / HOME)
        self._home_x += (self._x - self._home_x) * settled
        self._home_y += (self._y - self._home_y) * settled
        self.slid = math.hypot(self._x - self._home_x, self._y - self._home_y) / self._size

    def settle(self) -> None:
        """Where it is now is where it has been."""
        self._home_x, self._home_y, self.slid = self._x, self._y, 0.0


def middle_and_size(hand: Hand) -> tuple[float, float, float]:
    """The middle between wrist and knuckles, and the way from one to the other, in pixels."""
    points = [[float(value) for value in point] for point in hand.landmarks]
    knuckles = _knuckles(points)
    return (knuckles[0] + points[0][0]) / 2, (knuckles[1] + points[0][1]) / 2, max(1.0, size_of(points))


def size_of(points: Points) -> float:
    """From the wrist to the middle of the knuckles of 21 landmarks, in their unit."""
    return math.dist(_knuckles(points), points[0])


def _knuckles(points: Points) -> list[float]:
    return [sum(points[number][axis] for number in KNUCKLES) / len(KNUCKLES) for axis in range(3)]
