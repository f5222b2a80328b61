"""What travels between this process and a worker: tasks, values that are shared, and what came of it."""

from __future__ import annotations

import hashlib
import pickle
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import GpuSettings
from handshape.errors import HandshapeError
from handshape.machine import versions
from handshape.workflow.context import Context
from handshape.workflow.executor.interface import Shared

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Parcel:
    """A value as bytes, its arrays apart, so that they are nowhere copied more often than they travel.

    Attributes:
        digest: SHA-256 of all.
        parts: the pickle, then the arrays, as bytes each.
    """

    digest: str
    parts: tuple[Bytes, ...]

    @classmethod
    def of(cls, value: Any) -> Parcel:
        """The parcel of a value.

        Raises:
            pickle.PicklingError: it cannot travel.
        """
        arrays: list[pickle.PickleBuffer] = []
        content = pickle.dumps(value, 5, buffer_callback=arrays.append)
        buffers: list[bytes | memoryview] = [content, *(each.raw() for each in arrays)]
        parts = tuple(np.frombuffer(each, np.uint8) for each in buffers)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8))
            digest.update(part.data)
        return cls(digest.hexdigest(), parts)

    @property
    def described(self) -> str:
        """How large it is, for the log."""
        return f"Shared with each worker once: {sum(part.nbytes for part in self.parts) / 1e6:.2f} MB"


def opened(parts: Sequence[Bytes]) -> Any:
    """The value of a parcel; its arrays may be read alone."""
    return pickle.loads(parts[0].data, buffers=parts[1:])


@dataclass(frozen=True)
class Known:
    """Stands for a shared value among the arguments of a task."""

    digest: str


@dataclass(frozen=True)
class Elsewhere:
    """Stands for a context among the arguments of a task: the worker has its own.

    Attributes:
        gpu: what is asked of an accelerator.
        backend: that Keras runs on here, and therefore there; empty where it has not been started here.
    """

    gpu: GpuSettings
    backend: str


@dataclass(frozen=True, eq=False)
class Task:
    """A function and its arguments on their way to a worker.

    Attributes:
        content: their pickle, with the versions of the packages that results depend on.
        needs: digests of the shared values among the arguments.
        context: that of this process among the arguments, which hears what the worker says.
    """

    content: bytes
    needs: tuple[str, ...]
    context: Context | None

    @classmethod
    def of(cls, function: Callable[..., Any], arguments: Sequence[Any]) -> Task:
        """The task.

        Raises:
            pickle.PicklingError: it cannot travel.
        """
        needs = tuple(dict.fromkeys(each.digest for each in arguments if isinstance(each, Shared)))
        context = next((each for each in arguments if isinstance(each, Context)), None)
        content = pickle.dumps((versions(), function, tuple(map(_on_the_way, arguments))), 5)
        return cls(content, needs, context)

    def result(self, answer: bytes) -> Any:
        """What the worker answers; what it said goes to the console, its seconds to the stopwatch.

        Raises:
            Exception: the one that the task raised.
        """
        outcome: Outcome = pickle.loads(answer)
        if self.context is not None:
            outcome.tell(self.context)
        if outcome.failure is not None:
            raise outcome.failure.error()
        return outcome.value


def _on_the_way(argument: Any) -> Any:
    if isinstance(argument, Shared):
        return Known(argument.digest)
    if isinstance(argument, Context):
        runtime = vars(argument).get("runtime")  # asking for it would start Keras
        return Elsewhere(argument.gpu, runtime.backend if runtime else "")
    return argument


@dataclass(frozen=True)
class Failure:
    """An exception on its way back.

    Attributes:
        content: its pickle.
        trace: where it happened.
    """

    content: bytes
    trace: str

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What is needed to raise an exception once more; one that does not pickle becomes a RuntimeError."""
        trace = "".join(traceback.format_exception(error))
        try:
            content = pickle.dumps(error)
            if str(pickle.loads(content)) == str(error):
                return cls(content, trace)
        except Exception:  # whatever its class does when it is made again
            pass
        return cls(pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}")), trace)

    def error(self) -> Exception:
        """The same exception again."""
        error: Exception = pickle.loads(self.content)
        if not isinstance(error, HandshapeError):
            error.__cause__ = _WorkerError(self.trace)
        return error


class _WorkerError(Exception):
    """Shows in a traceback what happened in the worker."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a task.

    Attributes:
        value: its result.
        failure: what it raised instead.
        said: lines, each with whether it is a warning.
        seconds: by stage.
    """

    value: Any = None
    failure: Failure | None = None
    said: Sequence[tuple[bool, str]] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def tell(self, context: Context) -> None:
        """Passes on what was said; lines go to the log, warnings to the screen as well."""
        for is_warning, text in self.said:
            (context.console.warn if is_warning else context.console.log)(text)
        for stage, seconds in self.seconds.items():
            context.watch.seconds[stage] = round(context.watch.seconds.get(stage, 0) + seconds, 3)
