"""Processes that this one starts: Ctrl-C is answered by the first alone, none outlives it, none runs its script."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_MAIN = "__main__"
_starting = threading.RLock()


@contextmanager
def starting_processes() -> Iterator[None]:
    """Around starting processes with ``multiprocessing``'s spawn.

    Each would begin by running the script that this one runs, of which ours need nothing: one that is not written for
    it, as hardly any is, would start processes again. And Ctrl-C, which a terminal sends to all processes, waits.
    """
    with _starting, _interrupts_held():
        script = sys.modules[_MAIN]
        sys.modules[_MAIN] = ModuleType(_MAIN)
        try:
            yield
        finally:
            sys.modules[_MAIN] = script


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits here, and never reaches those started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare_process() -> None:
    """The first process answers Ctrl-C, and this one ends with it, even where that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
