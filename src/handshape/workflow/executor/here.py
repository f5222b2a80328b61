"""Tasks in this process, one after the other: nothing travels, nothing is pickled, nothing else has to be installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Self, cast

from handshape.workflow.executor.interface import Result, Shared, Value


class HereExecutor:
    """See :class:`~handshape.workflow.executor.interface.Executor`."""

    is_here = True
    workers = 1

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """See the interface."""
        given = [each.value if isinstance(each, Shared) else each for each in arguments]
        return _LazyFuture(partial(function, *given))

    def share(self, value: Value) -> Shared[Value]:
        """See the interface."""
        return Shared(value)

    def completed(self, futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
        """See the interface."""
        for future in futures:
            cast("_LazyFuture[Result]", future).run()
            yield future

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class _LazyFuture(Future[Result]):
    """Runs when its result is asked for, in the thread that asks; Ctrl-C leaves it as if it had never run."""

    def __init__(self, task: Callable[[], Result]) -> None:
        super().__init__()
        self._task = task

    def run(self) -> None:
        """Runs the task, unless that is done."""
        if self.done():
            return
        try:
            result = self._task()
        except Exception as error:
            self.set_exception(error)
        else:
            self.set_result(result)

    def result(self, timeout: float | None = None) -> Result:
        """What the task comes to."""
        self.run()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raises."""
        self.run()
        return super().exception(timeout)
