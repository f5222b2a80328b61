"""Memory that large images needed goes back to the system; the C library would keep it for the next ones."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from contextlib import suppress

EVERY = 5.0  # seconds


async def give_back_memory(worked: Callable[[], float], every: float = EVERY) -> None:
    """Gives back what is not needed, for ever, whenever something was worked on since the last time.

    Args:
        worked: a number that grows with what was worked on.
        every: seconds.
    """
    trim = _trim()
    before = worked()
    while trim is not None:
        await asyncio.sleep(every)
        if worked() != before:
            before = worked()
            await asyncio.to_thread(trim)


def _trim() -> Callable[[], object] | None:
    """glibc's ``malloc_trim(3)``; other C libraries have none, and keep less."""
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        trim = ctypes.CDLL(None).malloc_trim
        return lambda: trim(0)
    return None
