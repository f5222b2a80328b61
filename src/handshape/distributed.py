"""Several processes that train together, on one machine or many: who they are, and what they tell each other.

JAX' own coordination service holds them together: it knows who is there, keeps words under keys, and tells each
process of the devices of all. Its client has no public name; its keys are used, because a wait on them can be
interrupted, and a collective computation cannot.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from handshape.errors import RunError, RuntimeUnavailableError, SettingsError
from handshape.machine import is_installed

COORDINATOR, WORKERS, RANK = "HANDSHAPE_COORDINATOR", "HANDSHAPE_WORKERS", "HANDSHAPE_RANK"
INSTALL_JAX = "pip install 'handshape[gpu]'"
EXPECTED = f"{COORDINATOR}=HOST:PORT, {WORKERS}=N and {RANK}, counted from 0, in each process"
KNOWN_CLUSTERS = (("SLURM_STEP_NODELIST", "SLURM_PROCID"), ("OMPI_MCA_orte_hnp_uri",))  # of SLURM and of Open MPI
BETWEEN_LOOKS = 0.05  # seconds
FAILED = "handshape/failed"


@dataclass(frozen=True)
class Place:
    """One process among those that train together.

    Attributes:
        coordinator: HOST:PORT where the first process listens; "" where JAX finds out, rank and number as well.
        workers: how many there are.
        rank: which one this is; 0 is the chief, which writes and prints.
    """

    coordinator: str
    workers: int = 0
    rank: int = 0


def require_jax() -> None:
    """Has Keras compute with JAX.

    Raises:
        RuntimeUnavailableError: it is not installed, or another backend was asked for.
    """
    if not is_installed("jax"):
        raise RuntimeUnavailableError("--workers needs JAX, which is not installed.", fix=f"Install it: {INSTALL_JAX}")
    backend = os.environ.setdefault("KERAS_BACKEND", "jax")
    if backend != "jax":
        raise RuntimeUnavailableError(
            f"--workers needs JAX, and KERAS_BACKEND names {backend}.", fix="Leave it out, or set KERAS_BACKEND=jax."
        )


def place_from(environment: Mapping[str, str]) -> Place | None:
    """Where our own variables put this process; None where none is set.

    ``HANDSHAPE_COORDINATOR`` (or ``JAX_COORDINATOR_ADDRESS``), ``HANDSHAPE_WORKERS`` and ``HANDSHAPE_RANK``; the last
    may be the index in a job of Kubernetes (``JOB_COMPLETION_INDEX``).

    Raises:
        SettingsError: one of them is missing, or is no number.
    """
    coordinator = environment.get(COORDINATOR) or environment.get("JAX_COORDINATOR_ADDRESS", "")
    rank = environment.get(RANK) or environment.get("JOB_COMPLETION_INDEX", "")
    given = {COORDINATOR: coordinator, WORKERS: environment.get(WORKERS, ""), RANK: rank}
    missing = [name for name, value in given.items() if not value]
    if not (given[COORDINATOR] or given[WORKERS]):
        return None
    if missing:
        raise SettingsError(f"{' and '.join(missing)} is not set, so which worker this is cannot be known.", EXPECTED)
    return _checked(*given.values())


def place_in_cluster(environment: Mapping[str, str]) -> Place:
    """Where a cluster put this process: by :func:`place_from`, or as SLURM and Open MPI say, whom JAX asks.

    Raises:
        SettingsError: nothing says so.
    """
    place = place_from(environment)
    if place is None and any(all(name in environment for name in names) for names in KNOWN_CLUSTERS):
        place = Place("")
    if place is None:
        raise SettingsError("Nothing says which worker of a cluster this process is.", f"{EXPECTED}; or SLURM's srun")
    return place


def join(place: Place) -> None:
    """Joins the other processes, once in a process and before anything is computed; waits for all to be there.

    Raises:
        RuntimeUnavailableError: they were not all there within five minutes, or JAX computes already.
    """
    os.environ.setdefault("JAX_ENABLE_PREEMPTION_SERVICE", "false")  # it would take SIGTERM away from us
    import jax

    with suppress(AttributeError, ValueError):
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    given: dict[str, Any] = {"coordinator_address": place.coordinator} if place.coordinator else {}
    if place.workers:
        given |= {"num_processes": place.workers, "process_id": place.rank, "cluster_detection_method": "deactivate"}
    try:
        jax.distributed.initialize(**given)
    except (RuntimeError, ValueError) as error:
        raise RuntimeUnavailableError(
            f"This worker could not join the others: {str(error).splitlines()[0]}",
            f"{place.workers or 'all'} processes that reach {place.coordinator or 'the first one'}",
            "Start them within five minutes of each other; a proxy or a firewall between them may be in the way.",
        ) from None


def leave() -> None:
    """Parts from the others when everything is learned; each waits until all have come so far."""
    if is_joined():
        import jax

        meet()
        jax.distributed.shutdown()


def is_joined() -> bool:
    """Whether this process trains together with others."""
    if "jax" not in sys.modules:
        return False
    import jax

    return bool(jax.distributed.is_initialized())


def is_chief() -> bool:
    """Whether this process writes and prints: the only one, or the first."""
    return not is_joined() or _state().process_id == 0


def count_of_workers() -> int:
    """How many processes train together."""
    return int(_state().num_processes) if is_joined() else 1


def tell(word: str, content: bytes) -> None:
    """The chief tells the others; nothing where there are none."""
    if is_joined():
        _state().client.key_value_set_bytes(_key(word), content)


def hear(word: str) -> bytes:
    """What the chief told, as soon as it has.

    Raises:
        RunError: another worker has failed.
    """
    key = _key(word)
    return _awaited(lambda: _state().client.key_value_try_get_bytes(key))


def from_chief(word: str, content: Callable[[], bytes]) -> bytes:
    """The same content for all: what it is to the chief."""
    if not is_chief():
        return hear(word)
    made = content()
    tell(word, made)
    return made


def meet() -> None:
    """Waits until all processes have come here.

    Raises:
        RunError: another worker has failed.
    """
    if not is_joined():
        return
    client, place, workers = _state().client, _key("meet"), count_of_workers()
    client.key_value_set(f"{place}/{_state().process_id}", "here")
    _awaited(lambda: len(client.key_value_dir_get(f"{place}/")) >= workers or None)


@contextmanager
def chief_first() -> Iterator[None]:
    """The chief goes through the block alone, then the others: what it leaves in a common cache is there for them."""
    if not is_chief():
        meet()
    yield
    if is_chief():
        meet()


@contextmanager
def gloo_hidden() -> Iterator[None]:
    """Around the first computation that processes share: as they connect, Gloo writes a line among our results."""
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # no stdout at all
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def report_failure(text: str) -> None:
    """Lets the others know why this process ends, so that they end too and the chief says it."""
    if is_joined():
        state = _state()
        with suppress(Exception):  # nobody is there to hear it
            state.client.key_value_set(f"{FAILED}/{state.process_id}", text)


def is_lost_worker(error: BaseException) -> bool:
    """Whether a computation broke off because another process is gone."""
    text = f"{type(error).__name__}: {error}".lower()
    return is_joined() and any(word in text for word in ("gloo", "nccl", "coordination", "connection", "socket"))


def lost_worker() -> RunError:
    """What is said then."""
    return RunError(
        "Another worker no longer answers, so the training was stopped.", fix="See why it ended, or do without it."
    )


def _checked(coordinator: str, workers: str, rank: str) -> Place:
    if coordinator.rpartition(":")[2].isdigit() and workers.isdigit() and rank.isdigit() and int(rank) < int(workers):
        return Place(coordinator, int(workers), int(rank))
    raise SettingsError(f"There is no worker {rank} of {workers} at {coordinator}.", EXPECTED)


def _awaited(look: Callable[[], Any]) -> Any:
    """What a look brings, as soon as it brings something."""
    client = _state().client
    while True:
        try:
            failed = client.key_value_dir_get(FAILED)
        except Exception:
            raise lost_worker() from None
        for key, text in failed:
            rank = int(key.rpartition("/")[2])
            if rank != _state().process_id:
                raise RunError(f"Worker {rank + 1} of {count_of_workers()} failed: {text}")
        with suppress(Exception):  # nothing there yet
            found = look()
            if found is not None:
                return found
        time.sleep(BETWEEN_LOOKS)


_numbers = count()  # of a process, as JAX' own state is


def _key(word: str) -> str:
    """A key that no other moment has; all processes come through the same moments in the same order."""
    return f"handshape/{word}/{next(_numbers)}"


def _state() -> Any:
    from jax._src import distributed

    return distributed.global_state
