"""The hand of each of many photographs: several processes, films followed, and nothing is searched twice."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.hands.cache import Digest, HandCache
from handshape.hands.films import Frame, frame_after
from handshape.hands.finder import VERSION, HandFinder
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models, hand_models_or_none
from handshape.processes import prepare_process, starting_processes

ALONE, MOST_ALONE = 12, 100  # photographs a process, and of all: starting processes takes as long as searching these
_AHEAD = 4  # runs a process may be ahead of the reader: memory stays flat, and a break is quick
_AHEAD_BYTES = 100_000_000  # of pixels, a process: as many as fifteen frames in full HD have

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

    Frames of a film that follow one another are a run: one process searches them in order. What was found is kept every
    few seconds: after a break the next call goes on from there. Neither that nor the number of processes changes what
    is found.

    Args:
        photographs: taken a few at a time.
        models: the two networks.
        folder: where what was found is kept, by content of the photograph and version of the finder.
        console: where warnings go.
        processes: at most so many search at a time; the first photographs are searched in this one alone.
    """
    waiting: deque[_Place] = deque()

    def too_many() -> bool:
        runs, pixels = waiting[-1].runs - waiting[0].runs, waiting[-1].pixels - waiting[0].pixels
        return runs >= _AHEAD * processes or pixels > _AHEAD_BYTES * processes

    with (
        found_before(folder, console) as cache,
        _Searchers(models, console, processes) as searchers,
    ):
        queue = _Queue(cache, searchers)
        for photograph in photographs:
            waiting.append(queue.add(photograph))
            while waiting and (waiting[0].run.is_ready or too_many()):
                yield queue.taken(waiting.popleft())
        queue.submit_open()
        while waiting:
            yield queue.taken(waiting.popleft())


def searched_alone(processes: int) -> int:
    """How many photographs are searched before so many other processes are started."""
    return min(MOST_ALONE, ALONE * processes)


def find_in_photograph(finder: HandFinder, photograph: Photograph, previous: Hand | None = None) -> Hand | None:
    """The clearest hand of a photograph, in pixels of its full size; so is ``previous``, where it is to be followed."""
    if previous is None:
        hand = finder.find_clearest(photograph.pixels)
    else:
        hand = finder.follow(photograph.pixels, previous.scaled(1 / photograph.scale))
    return hand.scaled(photograph.scale) if hand else None


@dataclass(eq=False)
class _Run:
    """Photographs, each of which follows the one before it: what one process searches in order.

    Attributes:
        frames: those to be searched; none once they have been.
        previous: the hand that the first one's is found from; None finds it anew.
        searched: their hands to come; None where nobody was asked for them yet.
        hands: of each, once they are known.
    """

    frames: list[Frame]
    previous: Hand | None = None
    searched: Future[list[Hand | None]] | None = None
    hands: list[Hand | None] | None = None

    @property
    def photographs(self) -> list[Photograph]:
        return [frame.photograph for frame in self.frames]

    @property
    def is_ready(self) -> bool:
        return self.hands is not None or (self.searched is not None and self.searched.done())


@dataclass(frozen=True, eq=False)
class _Place:
    """A photograph in the queue.

    Attributes:
        frame: it.
        run: what its hand is found with.
        number: of its hand in the run.
        runs: how many runs had begun by then.
        pixels: how many bytes of pixels had come by then.
    """

    frame: Frame
    run: _Run
    number: int
    runs: int
    pixels: int


class _Queue:
    """Photographs in order: those that follow one another, and are not known, go to the searchers as one run."""

    def __init__(self, cache: HandCache, searchers: _Searchers) -> None:
        self._cache = cache
        self._searchers = searchers
        self._asked: dict[Digest, tuple[_Run, int]] = {}  # what is searched, or will be
        self._open: _Run | None = None  # not submitted yet: the next photograph may join it
        self._last: _Place | None = None
        self._runs = self._pixels = 0

    def add(self, photograph: Photograph) -> _Place:
        """Takes a photograph, and has it searched where that is due."""
        frame = frame_after(self._last.frame if self._last else None, photograph)
        run, number = self._asked.get(frame.key) or self._known(frame) or self._joined(frame)
        if run is not self._open or not photograph.look or self._searchers.are_here:
            self.submit_open()  # no other joins it, or it need not wait for any
        self._pixels += photograph.pixels.nbytes
        self._last = _Place(frame, run, number, self._runs, self._pixels)
        return self._last

    def taken(self, place: _Place) -> tuple[Photograph, Hand | None]:
        """A photograph with its hand, which is waited for."""
        return place.frame.photograph, self._hand(place)

    def submit_open(self) -> None:
        """No other photograph joins the last run."""
        run, self._open = self._open, None
        if run is not None:
            run.searched = self._searchers.submit(run)

    def _known(self, frame: Frame) -> tuple[_Run, int] | None:
        found = self._cache.get(frame.key)
        if found is None:
            return None
        self._runs += 1
        return _Run([], hands=[*found]), 0

    def _joined(self, frame: Frame) -> tuple[_Run, int]:
        """The open run, where it ends with the photograph that this one follows; else a new one."""
        before = self._last if frame.follows else None
        if before and before.run is self._open and before.number == len(before.run.frames) - 1:
            run = before.run
        else:
            previous = self._hand(before) if before else None
            self.submit_open()
            run = self._open = _Run([], previous)
            self._runs += 1
        run.frames.append(frame)
        return self._asked.setdefault(frame.key, (run, len(run.frames) - 1))

    def _hand(self, place: _Place) -> Hand | None:
        if place.run is self._open:
            self.submit_open()
        return self._hands(place.run)[place.number]

    def _hands(self, run: _Run) -> list[Hand | None]:
        if run.hands is None:
            run.hands = self._searchers.result(run)
            for frame, hand in zip(run.frames, run.hands, strict=True):
                self._cache.add(frame.key, hand)
                del self._asked[frame.key]
            run.frames = []  # their pixels may go
        return run.hands


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

    @property
    def are_here(self) -> bool:
        """Whether the next photograph is searched in this process."""
        return self._processes <= 1 or self._submitted < searched_alone(self._processes)

    def submit(self, run: _Run) -> Future[list[Hand | None]]:
        """Begins to search photographs, or has searched them when this returns."""
        here = self.are_here
        self._submitted += len(run.frames)
        if not here:
            try:
                with starting_processes():  # each of the first runs starts one
                    return self._started().submit(find_with, self._models, run.photographs, run.previous)
            except BrokenProcessPool:
                self._go_on_alone()
        done: Future[list[Hand | None]] = Future()
        done.set_result(self._find_here(run))
        return done

    def result(self, run: _Run) -> list[Hand | None]:
        """What a search found."""
        try:
            return run.searched.result() if run.searched else self._find_here(run)
        except BrokenProcessPool:  # short of memory
            self._go_on_alone()
            return self._find_here(run)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawned, not forked: a fork of a process in which TensorFlow or JAX already has threads may hang
            self._pool = ProcessPoolExecutor(self._processes, multiprocessing.get_context("spawn"), prepare_process)
        return self._pool

    def _find_here(self, run: _Run) -> list[Hand | None]:
        return find_with(self._models, run.photographs, run.previous)

    def _go_on_alone(self) -> None:
        if self._processes > 1:
            self._console.warn("A process that finds hands ended unexpectedly. Going on without it, more slowly.")
        self._processes = 1


def find_with(models: HandModels, run: Sequence[Photograph], previous: Hand | None = None) -> list[Hand | None]:
    """The clearest hand of each photograph of a run, by this process's own finder.

    Args:
        models: the two networks.
        run: photographs, each of which follows the one before it.
        previous: the hand of the one before the first, where that one is followed.
    """
    finder, hands = _own_finder(models), []
    for photograph in run:
        previous = find_in_photograph(finder, photograph, previous)
        hands.append(previous)
    return hands


@functools.cache
def _own_finder(models: HandModels) -> HandFinder:
    """Loaded once in each process, which takes as long as a few searches."""
    return HandFinder(models)
