"""Memory that large images needed goes back to the system; the C library would keep it for the next ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from handshape.machine import memory_trimmer

EVERY = 5.0  # seconds


async def give_back_memory(worked: Callable[[], float], every: float = EVERY) -> None:
    """Gives back what is not needed, for ever, whenever something was worked on since the last time.

    Args:
        worked: a number that grows with what was worked on.
        every: seconds.
    """
    trim = memory_trimmer()
    before = worked()
    while trim is not None:
        await asyncio.sleep(every)
        if worked() != before:
            before = worked()
            await asyncio.to_thread(trim)
