"""Another model that answers beside the one being served, and is heard by nobody: where would it decide otherwise?"""

from __future__ import annotations

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from handshape.errors import ImageError

WAITING = 8  # images; while so many wait, others are passed over
PAIRS = 1000  # different pairs of decisions, the most that are kept apart
SHOWN = 20
CALMER = 10  # on Unix' scale of niceness: who waits for an answer comes first

Decide = Callable[[bytes], str]


class Shadow:
    """Answers in a thread of its own, behind those who wait for an answer.

    Args:
        name: of the model, as it was asked for.
        decide: an image's decision.
    """

    def __init__(self, name: str, decide: Decide) -> None:
        self.name = name
        self._decide = decide
        self._waiting: queue.Queue[tuple[bytes, str] | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._passed_over = self._failed = 0
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def answer(self, image: bytes, decision: str) -> None:
        """Takes an image, where there is time, and what the model being served decided."""
        try:
            self._waiting.put_nowait((image, decision))
        except queue.Full:
            with self._lock:
                self._passed_over += 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON: how many images both answered, how many alike, and what they differ in most."""
        with self._lock:
            pairs, passed_over, failed = Counter(self._pairs), self._passed_over, self._failed
        alike = sum(count for (served, shadow), count in pairs.items() if served == shadow)
        differ = [
            {"served": served, "shadow": shadow, "images": count}
            for (served, shadow), count in pairs.most_common()
            if served != shadow
        ]
        return {
            "model": self.name,
            "answers": sum(pairs.values()),
            "alike": alike,
            "passed_over": passed_over,
            "failed": failed,
            "differences": differ[:SHOWN],
        }

    def close(self) -> None:
        """Ends the thread once it has done what it is at."""
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        self._thread.join()

    def wait(self) -> None:
        """Until nothing waits any more."""
        self._waiting.join()

    def _work(self) -> None:
        with suppress(AttributeError, OSError):  # of Linux' threads each has its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CALMER)
        while (item := self._waiting.get()) is not None:
            try:
                self._compare(*item)
            finally:
                self._waiting.task_done()

    def _compare(self, image: bytes, served: str) -> None:
        try:
            decision = self._decide(image)
        except (ImageError, RuntimeError, ValueError):
            with self._lock:
                self._failed += 1
            return
        with self._lock:
            pair = (served, decision)
            if pair in self._pairs or len(self._pairs) < PAIRS:
                self._pairs[pair] += 1
