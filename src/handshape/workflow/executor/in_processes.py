"""Tasks in processes of this machine: spawned, one task at a time each; one that is lost is replaced."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Self

from handshape.console import Console
from handshape.errors import RuntimeUnavailableError
from handshape.processes import starting_processes
from handshape.workflow.executor.interface import Result, Shared, Value
from handshape.workflow.executor.parcels import Parcel, Task
from handshape.workflow.executor.worker import serve

RETRIES = 3  # times that a task is done again because its process was lost


class ProcessExecutor:
    """See :class:`~handshape.workflow.executor.interface.Executor`.

    Args:
        processes: that work at a time; each is started when there is work for it.
        console: where it is said that a process was lost.
    """

    is_here = False

    def __init__(self, processes: int, console: Console) -> None:
        self.workers = processes
        self._console = console
        self._parcels: dict[str, Parcel] = {}
        self._threads = ThreadPoolExecutor(processes, "worker")  # each waits for one process
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._all: list[_Worker] = []
        self._starting = threading.Lock()
        self._is_closed = False
        # NumPy's threads are left as they are in this process: some of its sums depend on how many there are
        self._environment = {"TF_NUM_INTRAOP_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """See the interface."""
        return self._threads.submit(self._done, Task.of(function, arguments))

    def share(self, value: Value) -> Shared[Value]:
        """See the interface."""
        parcel = Parcel.of(value)
        if parcel.digest not in self._parcels:
            self._console.log(parcel.described)
            self._parcels[parcel.digest] = parcel
        return Shared(value, parcel.digest)

    def completed(self, futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
        """See the interface."""
        return as_completed(list(futures))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with self._starting:
            self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.end()

    def _done(self, task: Task) -> Any:
        """What a task comes to; in the thread that waits for it."""
        for _ in range(1 + RETRIES):
            worker = self._worker()
            try:
                answer = worker.answer(task, self._parcels)
            except (EOFError, OSError):
                worker.end()
                if self._is_closed:
                    raise CancelledError from None
                self._console.warn("A process ended unexpectedly. What it was at is done again by another one.")
            else:
                self._idle.put(worker)
                return task.result(answer)
        raise RuntimeUnavailableError(
            f"{1 + RETRIES} processes, one after the other, ended unexpectedly at the same task.",
            fix="Give fewer --processes: the memory may be short.",
        )

    def _worker(self) -> _Worker:
        with suppress(Empty):
            return self._idle.get_nowait()
        with self._starting:
            if self._is_closed:
                raise CancelledError
            self._all.append(_Worker(self._environment))  # there are no more threads than processes
            return self._all[-1]


class _Worker:
    """A process, and what it has been given."""

    def __init__(self, environment: dict[str, str]) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork of a process in which TensorFlow has threads may hang
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs, environment), daemon=True)
        with starting_processes():
            self._process.start()
        theirs.close()
        self._has: set[str] = set()

    def answer(self, task: Task, parcels: Mapping[str, Parcel]) -> bytes:
        """Gives the process a task, and what it has not been given of what is shared, and waits for the answer.

        Raises:
            OSError, EOFError: the process is gone.
        """
        fresh = [parcels[digest] for digest in task.needs if digest not in self._has]
        self._pipe.send_bytes(task.content)
        self._send_number(len(fresh))
        for parcel in fresh:
            self._pipe.send_bytes(parcel.digest.encode())
            self._send_number(len(parcel.parts))
            for part in parcel.parts:
                self._pipe.send_bytes(part.data)
        answer = self._pipe.recv_bytes()
        self._has.update(task.needs)
        return answer

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.kill()
        self._process.join()

    def _send_number(self, number: int) -> None:
        self._pipe.send_bytes(number.to_bytes(4))
