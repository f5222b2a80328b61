"""Tasks on the machines of a Ray cluster, or on a Ray that is started for them on this one.

A shared value lies in Ray's object store: it travels to each machine once, and the workers there read it in place.
Ray itself starts what a lost worker or machine was at once more, elsewhere.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError, as_completed
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, Self

from handshape.console import Console
from handshape.errors import RuntimeUnavailableError
from handshape.machine import is_installed
from handshape.runtime import native_chatter_hidden
from handshape.workflow.executor.interface import Result, Shared, Value
from handshape.workflow.executor.parcels import Parcel, Task
from handshape.workflow.executor.worker import perform

RETRIES = 3  # times that a task is done again because its worker or its machine was lost
AUTO, LOCAL = "auto", "local"
PATIENCE = 10.0  # seconds for a first sign of a cluster


def require_ray() -> None:
    """Passes when Ray is installed.

    Raises:
        RuntimeUnavailableError: it is not.
    """
    if not is_installed("ray"):
        raise RuntimeUnavailableError(
            "Working on a cluster needs the extra [cluster]: pip install 'handshape[cluster]'."
        )


class RayExecutor:
    """See :class:`~handshape.workflow.executor.interface.Executor`.

    A task takes one CPU, and a GPU where this process works on one.

    Args:
        address: of a cluster, as HOST:PORT; ``auto`` takes the one that runs here or that ``RAY_ADDRESS`` names, else
            starts one; ``local`` starts one.
        console: where it is said what is used.
    """

    is_here = False

    def __init__(self, address: str, console: Console) -> None:
        self._address, self._console = address, console
        self._parcels: dict[str, Any] = {}  # references to the parts, by digest
        self._pending: dict[Future[Any], Any] = {}
        self._remote: Any = None
        self._stack = ExitStack()
        self._machines: dict[str, str] = {}

    @property
    def workers(self) -> int:
        """See the interface."""
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """See the interface."""
        task = Task.of(function, arguments)
        gpus = 1 if task.context is not None and _accelerator_of(task) else 0
        reference = self._remote.options(num_gpus=gpus).remote(
            task.content, {digest: self._parcels[digest] for digest in task.needs}
        )
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        self._pending[future] = reference
        reference.future().add_done_callback(partial(self._arrived, task, future))
        return future

    def share(self, value: Value) -> Shared[Value]:
        """See the interface."""
        import ray

        parcel = Parcel.of(value)
        if parcel.digest not in self._parcels:
            self._console.log(parcel.described)
            self._parcels[parcel.digest] = [ray.put(part) for part in parcel.parts]
        return Shared(value, parcel.digest)

    def completed(self, futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
        """See the interface."""
        for future in as_completed(list(futures)):
            self._tell_of_lost()
            yield future

    def __enter__(self) -> Self:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        with native_chatter_hidden():
            import ray

            with ExitStack() as stack:
                stack.enter_context(_silent(ray._private.worker))
                is_new = self._join(ray)
                stack.callback(ray.shutdown)
                self._stack = stack.pop_all()
        self._remote = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")(_perform)
        self._machines = _alive(ray)
        several = f"of {len(self._machines)} machine{'s' * (len(self._machines) > 1)}"
        where = "on this machine, started for it" if is_new else several
        self._console.status("machine", f"Working in Ray, {self.workers} CPUs {where}")
        return self

    def __exit__(self, *exception: object) -> None:
        import ray

        with native_chatter_hidden():
            for future, reference in list(self._pending.items()):
                with suppress(InvalidStateError):  # it is done at this moment
                    future.set_exception(CancelledError())
                ray.cancel(reference, force=True)
            self._stack.close()

    def _join(self, ray: Any) -> bool:
        """Joins the cluster; whether it was started for this process."""
        address = os.environ.get("RAY_ADDRESS", AUTO) if self._address == AUTO else self._address
        _require_listening(address)
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL, "runtime_env": {"env_vars": _environment()}}
        try:
            if address != LOCAL:
                ray.init(address=address, **quiet)
                return False
        except ConnectionError as error:
            if address != AUTO:
                raise _unreachable(address, error) from None
        except (RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:  # of another version, no address
            raise _unreachable(address, error) from None
        ray.init(address=LOCAL, include_dashboard=False, **quiet)
        return True

    def _tell_of_lost(self) -> None:
        import ray

        alive = _alive(ray)
        for name in (name for machine, name in self._machines.items() if machine not in alive):
            self._console.warn(f"The machine {name} of the cluster was lost. What it was at is done again elsewhere.")
        self._machines = alive

    def _arrived(self, task: Task, future: Future[Any], done: Future[bytes]) -> None:
        """Passes on what a worker answered; in a thread of Ray's."""
        if self._pending.pop(future, None) is None or future.done():
            return
        with suppress(InvalidStateError):
            try:
                future.set_result(task.result(done.result()))
            except InvalidStateError:
                raise
            except Exception as error:
                future.set_exception(_lost(error) if type(error).__module__.startswith("ray.") else error)


@contextmanager
def _silent(module: Any) -> Iterator[None]:
    """Keeps the log of a lost machine off stdout, where a thread of Ray's shows it whatever it is told."""
    shown, module.print_to_stdstream = module.print_to_stdstream, lambda *_, **__: None
    try:
        yield
    finally:
        module.print_to_stdstream = shown


def _alive(ray: Any) -> dict[str, str]:
    """The machines of the cluster: their names by what Ray knows them by."""
    return {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}


def _perform(content: bytes, shared: Mapping[str, Sequence[Any]]) -> bytes:
    import ray

    return perform(content, lambda digest: ray.get(list(shared[digest])))


def _environment() -> dict[str, str]:
    """Variables of the workers: NumPy's sums depend on how many threads there are, TensorFlow's do not."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1)
    return {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": "1"}


def _accelerator_of(task: Task) -> str:
    """The accelerator that this process works on; empty where none, or where that is not known yet."""
    runtime = vars(task.context).get("runtime")
    return runtime.accelerator if runtime else ""


def _require_listening(address: str) -> None:
    """Raises RuntimeUnavailableError where nothing answers at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if "//" in address or not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from None


def _unreachable(address: str, error: Exception) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(
        f"The cluster at {address} cannot be joined: {str(error).strip().splitlines()[0]}",
        "the address of a running Ray of the same version, as HOST:6379",
        "Start one with 'ray start --head', or give --cluster auto.",
    )


def _lost(error: Exception) -> RuntimeUnavailableError:
    reason = next((line for line in reversed(str(error).strip().splitlines()) if line.strip()), type(error).__name__)
    return RuntimeUnavailableError(
        f"The cluster did not do the work, tried {1 + RETRIES} times: {reason.strip()}",
        "Handshape, with what training needs, on every machine, and memory for one training a CPU",
    )
