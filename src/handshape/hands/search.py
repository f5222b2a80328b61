"""The hand of each of many photographs: several processes, and nothing is searched twice."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.hands.cache import Digest, HandCache
from handshape.hands.finder import VERSION, HandFinder
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models, hand_models_or_none
from handshape.processes import interrupts_held, prepare_process

ALONE = 100  # photographs searched before other processes are started, which takes as long as some of these
_AHEAD = 4  # photographs a process may be ahead of the reader: memory stays flat, and a break is quick

HandSearch = Callable[[Iterable[Photograph]], Iterator[tuple[Photograph, Hand | None]]]


def hand_search(console: Console, required: bool = False) -> HandSearch | None:
    """What finds the hand of each of many photographs, on every core; None, said aloud, without the hand models.

    Raises:
        DownloadError: the hand models cannot be had, and are required.
    """
    models = hand_models(console) if required else hand_models_or_none(console)
    if models is None:
        return None
    processes = os.cpu_count() or 1
    return lambda photographs: find_hands(photographs, models, hands_folder(), console, processes)


def hands_folder() -> Path:
    """Where what was found is kept."""
    return cache_folder() / "hands"


def found_before(folder: Path, console: Console) -> HandCache:
    """What this version of the finder found, of all photographs so far; to be entered."""
    return HandCache(folder / f"found-{VERSION}.sqlite", console)


def without_search(photographs: Iterable[Photograph]) -> Iterator[tuple[Photograph, Hand | None]]:
    """Finds nothing: for classifiers of whole images."""
    return ((photograph, None) for photograph in photographs)


def find_hands(
    photographs: Iterable[Photograph], models: HandModels, folder: Path, console: Console, processes: int = 1
) -> Iterator[tuple[Photograph, Hand | None]]:
    """Each photograph, in order, with its clearest hand in pixels of its full size; None where there is none.

    What was found is kept every few seconds: after a break the next call goes on from there.

    Args:
        photographs: taken a few at a time.
        models: the two networks.
        folder: where what was found is kept, by content of the photograph and version of the finder.
        console: where warnings go.
        processes: at most so many search at a time; the first photographs are searched in this one alone.
    """
    waiting: deque[tuple[Photograph, Hand | Future[Hand | None] | None]] = deque()
    searching: dict[Digest, Future[Hand | None]] = {}
    with (
        found_before(folder, console) as cache,
        _Searchers(models, console, processes) as searchers,
    ):

        def known(photograph: Photograph) -> Hand | Future[Hand | None] | None:
            if photograph.digest in searching:
                return searching[photograph.digest]
            found = cache.get(photograph.digest)
            if found:
                return found[0]
            return searching.setdefault(photograph.digest, searchers.submit(photograph))

        def first() -> tuple[Photograph, Hand | None]:
            photograph, hand = waiting.popleft()
            if isinstance(hand, Future):
                hand = searchers.result(hand, photograph)
                cache.add(photograph.digest, hand)
                searching.pop(photograph.digest, None)
            return photograph, hand

        for photograph in photographs:
            waiting.append((photograph, known(photograph)))
            while waiting and (len(waiting) > _AHEAD * processes or _is_ready(waiting[0][1])):
                yield first()
        while waiting:
            yield first()


def _is_ready(hand: Hand | Future[Hand | None] | None) -> bool:
    return not isinstance(hand, Future) or hand.done()


def find_in_photograph(finder: HandFinder, photograph: Photograph) -> Hand | None:
    """The clearest hand of a photograph, in pixels of its full size."""
    hand = finder.find_clearest(photograph.pixels)
    return hand.scaled(photograph.scale) if hand else None


class _Searchers:
    """Searches in this process at first, then in several; in this one again when those break."""

    def __init__(self, models: HandModels, console: Console, processes: int) -> None:
        self._models = models
        self._console = console
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._submitted = 0

    def __enter__(self) -> _Searchers:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, photograph: Photograph) -> Future[Hand | None]:
        """Begins to search a photograph, or has searched it when this returns."""
        self._submitted += 1
        if self._pool is None and self._processes > 1 and self._submitted > ALONE:
            # spawned, not forked: a fork of a process in which TensorFlow or JAX already has threads may hang
            self._pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context("spawn"), prepare_process)
        if self._pool is not None and self._processes > 1:
            try:
                with interrupts_held():  # each of the first photographs starts a process
                    return self._pool.submit(find_with, self._models, photograph)
            except BrokenProcessPool:
                self._go_on_alone()
        done: Future[Hand | None] = Future()
        done.set_result(self._find_here(photograph))
        return done

    def result(self, future: Future[Hand | None], photograph: Photograph) -> Hand | None:
        """What a search found."""
        try:
            return future.result()
        except BrokenProcessPool:  # short of memory, or a script whose main part has no __name__ guard
            self._go_on_alone()
            return self._find_here(photograph)

    def _find_here(self, photograph: Photograph) -> Hand | None:
        return find_with(self._models, photograph)

    def _go_on_alone(self) -> None:
        if self._processes > 1:
            self._console.warn("A process that finds hands ended unexpectedly. Going on without it, more slowly.")
        self._processes = 1


def find_with(models: HandModels, photograph: Photograph) -> Hand | None:
    """The clearest hand of a photograph, by this process's own finder."""
    return find_in_photograph(_own_finder(models), photograph)


@functools.cache
def _own_finder(models: HandModels) -> HandFinder:
    """Loaded once in each process, which takes as long as a few searches."""
    return HandFinder(models)
