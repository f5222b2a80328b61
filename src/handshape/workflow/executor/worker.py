"""In a worker: a task arrives, is done with what was shared before, and what came of it goes back."""

from __future__ import annotations

import functools
import os
import pickle
import platform
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from handshape.config import GpuSettings
from handshape.console import Console
from handshape.errors import RuntimeUnavailableError
from handshape.machine import versions
from handshape.processes import prepare_process
from handshape.workflow.context import Context
from handshape.workflow.executor.parcels import Bytes, Elsewhere, Failure, Known, Outcome, opened

Fetch = Callable[[str], Sequence[Bytes]]  # the parts of a parcel by its digest


def perform(content: bytes, fetch: Fetch) -> bytes:
    """Does a task.

    Args:
        content: of the task.
        fetch: the parts of a shared value; asked for those that this worker has not had before.

    Returns:
        The pickle of an :class:`~handshape.workflow.executor.parcels.Outcome`.
    """
    context: Context | None = None
    try:
        theirs, function, arguments = pickle.loads(content)
        _require_same(theirs)
        given = [_arrived(each, fetch) for each in arguments]
        context = next((each for each in given if isinstance(each, Context)), None)
        outcome = Outcome(function(*given))
    except Exception as error:
        outcome = Outcome(failure=Failure.of(error))
    if context is not None:
        said, seconds = context.console.said, context.watch.seconds  # type: ignore[attr-defined]
        outcome = Outcome(outcome.value, outcome.failure, tuple(said), dict(seconds))
    try:
        return pickle.dumps(outcome, 5)
    except Exception as error:
        return pickle.dumps(Outcome(failure=Failure.of(error)), 5)


def serve(pipe: Connection, environment: dict[str, str]) -> None:
    """A process that does one task after the other until its pipe is closed.

    Args:
        pipe: for each task, its content, how many parcels come with it, each of these as its digest, the number of its
            parts and the parts; the answer goes back.
        environment: variables to set.
    """
    prepare_process()
    os.environ.update(environment)
    while True:
        try:
            content = pipe.recv_bytes()
            fresh = dict(_received(pipe) for _ in range(_number(pipe)))
            pipe.send_bytes(perform(content, fresh.__getitem__))
        except (EOFError, OSError):  # the first process is gone, or has no further use for this one
            return


def _received(pipe: Connection) -> tuple[str, list[Bytes]]:
    import numpy as np

    digest = pipe.recv_bytes().decode()
    return digest, [np.frombuffer(pipe.recv_bytes(), np.uint8) for _ in range(_number(pipe))]


def _number(pipe: Connection) -> int:
    return int.from_bytes(pipe.recv_bytes())


def _require_same(theirs: dict[str, str]) -> None:
    """Raises RuntimeUnavailableError where a package is of another version here than where the task comes from."""
    here = versions()
    for name, version in theirs.items():
        if here.get(name) != version:
            raise RuntimeUnavailableError(
                f"A worker on {platform.node()} has {name} {here.get(name, 'not at all')}, and results depend on it.",
                f"{name} {version}, as where the work is given out",
                "Install the same versions everywhere.",
            )


def _arrived(argument: Any, fetch: Fetch) -> Any:
    if isinstance(argument, Known):
        kept = _shared()
        if argument.digest not in kept:
            kept[argument.digest] = opened(fetch(argument.digest))
        return kept[argument.digest]
    return _context(argument) if isinstance(argument, Elsewhere) else argument


@functools.cache
def _shared() -> dict[str, Any]:
    """What this process has been given, by digest."""
    return {}


def _context(elsewhere: Elsewhere) -> Context:
    """The context of this process, with nothing said yet."""
    if elsewhere.backend:
        os.environ["KERAS_BACKEND"] = elsewhere.backend
    context = _own_context(elsewhere.gpu.model_dump_json())
    context.console.said.clear()  # type: ignore[attr-defined]
    context.watch.seconds.clear()
    return context


@functools.cache
def _own_context(gpu: str) -> Context:
    """One for all tasks: its machine is started once."""
    return Context(_SilentConsole(), GpuSettings.model_validate_json(gpu))


class _SilentConsole(Console):
    """Keeps what would be shown."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[tuple[bool, str]] = []

    def status(self, kind: str, text: str) -> None:
        """A line for the log."""
        self.said.append((False, text))

    def log(self, text: str) -> None:
        """A line for the log."""
        self.said.append((False, text))

    def warn(self, text: str) -> None:
        """A warning."""
        self.said.append((True, text))
