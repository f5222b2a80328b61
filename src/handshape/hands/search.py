"""The hand of each of many photographs: several processes, and nothing is looked at twice."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.hands.cache import Digest, HandCache, digest_of
from handshape.hands.finder import VERSION, HandFinder
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models, hand_models_or_none
from handshape.images import read_bytes

IMAGES_A_PROCESS = 100  # below that, starting another process takes longer than it saves
_AHEAD = 4  # images a process may be ahead of the reader: memory stays flat, and a break is quick


HandSearch = Callable[[Sequence[Path]], Sequence[Hand | None]]


def hand_search(console: Console, required: bool = False) -> HandSearch | None:
    """What finds the hand of each of many photographs, on every core; None, said aloud, without the hand models.

    Raises:
        DownloadError: the hand models cannot be had, and are required.
    """
    models = hand_models(console) if required else hand_models_or_none(console)
    if models is None:
        return None
    kept, processes = cache_folder() / "hands", os.cpu_count() or 1
    return lambda files: find_hands(files, models, kept, console, processes)


def find_hands(
    files: Sequence[Path],
    models: HandModels,
    cache_folder: Path,
    console: Console,
    processes: int = 1,
) -> list[Hand | None]:
    """The clearest hand of each photograph, in pixels of the upright image at its full size; None where there is none.

    What was found is kept in the cache every few seconds: after a break the next call goes on from there.

    Args:
        files: the photographs.
        models: the two networks.
        cache_folder: where what was found is kept, by content of the image and version of the finder.
        console: shows the progress.
        processes: at most so many search at a time; few photographs are searched in this process alone.

    Raises:
        ImageError: a photograph cannot be read; the message names it.
    """
    digests = [digest_of(read_bytes(file)) for file in console.track(files, "Reading photographs")]
    with HandCache(cache_folder / f"found-{VERSION}", console) as cache:
        hands = cache.read(set(digests))
        missing = {digest: file for digest, file in zip(digests, files, strict=True) if digest not in hands}
        with console.progress("Finding hands", len(missing)) as bar:
            for digest, hand in _search(missing, models, console, processes):
                cache.add(digest, hand)
                hands[digest] = hand
                bar.advance()
    return [hands[digest] for digest in digests]


def find_in_file(finder: HandFinder, file: Path) -> Hand | None:
    """The clearest hand of one photograph, in pixels of the upright image at its full size.

    Raises:
        ImageError: it cannot be read.
    """
    pixels, scale = load_photograph(file)
    hand = next(iter(finder.find(pixels)), None)
    return hand.scaled(scale) if hand else None


def _search(
    missing: Mapping[Digest, Path], models: HandModels, console: Console, processes: int
) -> Iterator[tuple[Digest, Hand | None]]:
    left = dict(missing)
    workers = min(processes, len(missing) // IMAGES_A_PROCESS)
    try:
        for digest, hand in _in_processes(missing, models, workers) if workers > 1 else ():
            del left[digest]
            yield digest, hand
    except BrokenProcessPool:  # short of memory, or a script whose main part has no __name__ guard
        console.warn("A process that finds hands ended unexpectedly. Going on without it, more slowly.")
    if left:
        finder = HandFinder(models)
        for digest, file in left.items():
            yield digest, find_in_file(finder, file)


def _in_processes(
    missing: Mapping[Digest, Path], models: HandModels, workers: int
) -> Iterator[tuple[Digest, Hand | None]]:
    """Spawned, not forked: a fork of a process in which TensorFlow or JAX already has threads may hang."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, _prepare_process)
    submitted = ((digest, pool.submit(_find, models, file)) for digest, file in missing.items())
    try:
        with _interrupts_held():  # each of the first images starts a process
            waiting: deque[tuple[Digest, Future[Hand | None]]] = deque(itertools.islice(submitted, workers))
        for latest in submitted:
            waiting.append(latest)
            if len(waiting) > _AHEAD * workers:
                digest, future = waiting.popleft()
                yield digest, future.result()
        for digest, future in waiting:
            yield digest, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C, which a terminal sends to all processes, waits here, and never reaches those started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_process() -> None:
    """The first process answers Ctrl-C, and this one ends with it, even where that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _find(models: HandModels, file: Path) -> Hand | None:
    return find_in_file(_own_finder(models), file)


@functools.cache
def _own_finder(models: HandModels) -> HandFinder:
    """Loaded once in each process, which takes as long as a few searches."""
    return HandFinder(models)
