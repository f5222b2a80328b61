"""Work on many files in a few threads, with the results in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 8  # items a thread may be ahead of the reader: memory stays flat, and a break is quick


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """``work`` of each item, in the order of the items; the first exception ends it.

    Nobody waits for threads whose results are no longer wanted, not even a program that ends: a large photograph, or
    one on a disk that does not answer, takes its time.
    """
    workers = max(1, workers)
    tasks: SimpleQueue[tuple[Item, Future[Result]] | None] = SimpleQueue()
    waiting: deque[Future[Result]] = deque()

    def run() -> None:
        while (task := tasks.get()) is not None:
            item, future = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work(item))
            except BaseException as error:  # whoever reads the result raises it
                future.set_exception(error)

    try:
        for _ in range(workers):
            threading.Thread(target=run, name="reading", daemon=True).start()
        for item in items:
            waiting.append(Future())
            tasks.put((item, waiting[-1]))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in range(workers):
            tasks.put(None)
