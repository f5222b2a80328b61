"""How much one client, and all of them together, may ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

DAY = 86_400.0
RANGES = {"rate": (0.0, math.inf), "seconds": (0.1, DAY), "stop": (0.0, DAY)}  # the others are whole numbers from 1 on
REMEMBERED = 10_000  # clients; the rate of more is not kept apart, so that nobody fills the memory with addresses


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes:
        bytes: of one request's body, in all its images.
        frame: bytes of one frame of a stream.
        pixels: of one image; checked before it is decoded.
        images: in one request.
        rate: requests a second from one address, in bursts of ten seconds' worth; 0 sets no limit.
        requests: being worked on at a time.
        streams: open at a time.
        connections: open at a time, idle ones among them.
        seconds: that a client may take to send a request or to read its answer.
        stop: seconds that requests get to finish in when the server is stopped.
    """

    bytes: int = 20_000_000
    frame: int = 4_000_000
    pixels: int = 25_000_000
    images: int = 32
    rate: float = 0.0
    requests: int = 32
    streams: int = 16
    connections: int = 128
    seconds: float = 20.0
    stop: float = 10.0


class Rate:
    """A bucket of requests for each client, refilled steadily.

    Args:
        a_second: requests a client may send in the long run; 0 sets no limit.
        clock: seconds.
    """

    BURST = 10.0  # seconds' worth of requests at once

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._most = max(1.0, a_second * self.BURST)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what was left, and when

    def wait(self, client: str) -> float:
        """Takes one request from a client's bucket; seconds to wait where it is empty, else 0."""
        if not self._a_second:
            return 0.0
        now = self._clock()
        left, then = self._buckets.get(client, (self._most, now))
        left = min(self._most, left + (now - then) * self._a_second)
        if left < 1:
            return (1 - left) / self._a_second
        if client not in self._buckets and len(self._buckets) >= REMEMBERED:
            self._forget(now)
        self._buckets[client] = (left - 1, now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Full buckets say nothing; where all are in use, everybody starts anew."""
        full = self._most / self._a_second
        self._buckets = {client: bucket for client, bucket in self._buckets.items() if now - bucket[1] < full}
        if len(self._buckets) >= REMEMBERED:
            self._buckets.clear()
