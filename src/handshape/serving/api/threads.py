"""The threads that compute, so that the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """As many threads as images are computed at a time."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "recogniser")

    def run(self, work: Callable[..., Result], *arguments: object) -> Awaitable[Result]:
        """One piece of work, behind those that came before."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def run_all(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Many pieces for one client, in order; a few at a time, so that others come in between."""
        lane = asyncio.Semaphore(self._threads)

        async def one(item: Item) -> Result:
            async with lane:
                return await self.run(work, item)

        return await asyncio.gather(*map(one, items))

    def stop(self) -> None:
        """Lets what has begun come to its end."""
        self._pool.shutdown(cancel_futures=True)
