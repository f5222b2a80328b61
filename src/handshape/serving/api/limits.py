"""How much one client, and all of them together, may ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Gauge

from handshape.serving.api.errors import ApiError

DAY = 86_400.0
MAX_HEAD = 16_384  # bytes of a request's first line and headers
RANGES = {"rate": (0.0, math.inf), "seconds": (0.1, DAY), "stop": (0.0, DAY)}  # the others are whole numbers from 1 on
REMEMBERED = 10_000  # clients, so that nobody fills the memory with addresses


@dataclass(frozen=True)
class Limits:
    """What is refused beyond."""

    bytes: int = 20_000_000  # of one request's body, in all its images
    frame: int = 4_000_000  # bytes of one frame of a stream
    pixels: int = 25_000_000  # of one image; checked before it is decoded
    images: int = 32  # in one request
    rate: float = 0.0  # requests a second from one address, in bursts of ten seconds' worth; 0 sets no limit
    requests: int = 32  # being worked on at a time
    streams: int = 16  # open at a time
    connections: int = 128  # open at a time, idle ones among them
    seconds: float = 20.0  # that a client may take to send a request's body, or to read what it was sent
    stop: float = 10.0  # seconds that requests get to finish in when the server is stopped


class Slots:
    """As many places as there may be requests, or streams, at a time; the gauge shows how many are taken."""

    def __init__(self, name: str, count: int, gauge: Gauge) -> None:
        self._name = name
        self._count = count
        self._gauge = gauge
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes one.

        Raises:
            ApiError: 429 where none is free.
        """
        if self._taken >= self._count:
            message = f"The server is working on as many {self._name} as it takes at a time."
            expected = f"at most {self._count} {self._name} at a time"
            raise ApiError(429, "busy", message, expected, "Try again in a second.", {"Retry-After": "1"})
        self._taken += 1
        try:
            with self._gauge.track_inprogress():
                yield
        finally:
            self._taken -= 1


class Rate:
    """A bucket of requests for each client, refilled steadily.

    Args:
        a_second: requests a client may send in the long run; 0 sets no limit.
        clock: seconds.
        at_once: requests that it may always send at once, after a while without any.
    """

    BURST = 10.0  # seconds' worth of requests at once

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic, at_once: float = 1.0) -> None:
        self.a_second = a_second
        self._most = max(at_once, a_second * self.BURST)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what was left, and when

    def wait(self, client: str) -> float:
        """Takes one request from a client's bucket; seconds to wait where it is empty, else 0."""
        if not self.a_second:
            return 0.0
        now = self._clock()
        left, then = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - then) * self.a_second)
        may_pass = left >= 1
        self._buckets[client] = (left - may_pass, now)
        if len(self._buckets) > REMEMBERED:
            del self._buckets[next(iter(self._buckets))]  # whoever has not asked for longest
        return 0.0 if may_pass else (1 - left) / self.a_second
