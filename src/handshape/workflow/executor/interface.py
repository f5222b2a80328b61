"""What runs tasks that do not depend on one another: Python's own idea of an executor, and big values shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Shared(Generic[Value]):
    """A value that many tasks are given. Among the arguments of a task it stands for the value itself.

    Attributes:
        value: as it is in this process.
        digest: SHA-256 of its content, by which a worker knows that it has it; empty where nothing has to travel.
    """

    value: Value
    digest: str = ""


class Executor(Protocol):
    """Runs functions in this process, in others, or on other machines; a context manager, whose end ends its workers.

    What is submitted must be a function of a module, not one within another, and its arguments and its result must
    pickle. Two kinds of arguments are special:

    - a :class:`Shared` arrives as its value;
    - a :class:`~handshape.workflow.context.Context` arrives as it is in this process. A worker has its own, silent
      one with a machine of its own; what it says and the seconds of its stages come back with the result.

    A task whose worker is lost is done again; an exception of the task itself is not, and its future raises it.
    """

    is_here: bool  # whether tasks run in this process

    @property
    def workers(self) -> int:
        """How many tasks run at a time, at least 1."""

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """A task; in this process it runs when its result is asked for, one after the other."""

    def share(self, value: Value) -> Shared[Value]:
        """Makes a big value known to all tasks: each worker receives it once, and tasks carry its digest alone."""

    def completed(self, futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
        """These futures, each as soon as it is done. The functions of ``concurrent.futures`` would wait for ever."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
