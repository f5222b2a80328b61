"""What this machine is used for training: backend, device, precision, XLA, loading, seeds; each choice with its reason.

:func:`choose_runtime` decides before Keras is imported; :func:`start_runtime` carries it out. Only this module and
:mod:`handshape.devices` touch devices.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handshape.devices import (
    Accelerator,
    describe_memory,
    find_accelerator,
    is_out_of_memory,
    may_have_accelerator,
    peak_memory_of,
    set_memory,
)
from handshape.errors import RuntimeUnavailableError
from handshape.machine import is_installed
from handshape.precision import FULL, choose_precision

if TYPE_CHECKING:
    from handshape.config import GpuSettings  # Pydantic takes longer to import than a photograph to recognise

__all__ = [
    "Decision",
    "Runtime",
    "accelerator_peak_mib",
    "choose_runtime",
    "is_out_of_memory",
    "native_chatter_hidden",
    "seed_everything",
    "start_on_cpu",
    "start_runtime",
]

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
# What Keras and TensorFlow import where it is installed, for parts of theirs that nothing here asks for: a second and
# 190 MB of the 3.3 s and 720 MB that they take (python -X importtime -c "import tensorflow, keras")
NOT_ASKED_FOR = ("jax", "matplotlib", "sklearn")
INSTALL_HINT = "Install what training needs, in Handshape's folder: pip install -e '.[train]'"


@dataclass(frozen=True)
class Decision:
    """One choice about the machine."""

    topic: str
    choice: str
    reason: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.choice} ({self.reason})"


@dataclass(frozen=True)
class Runtime:
    """What a training run uses."""

    backend: str
    accelerator: str  # its name, or "" on a CPU
    policy: str  # Keras dtype policy of the pixel stream; the others compute in float32
    xla: bool
    workers: int
    queue: int
    decisions: tuple[Decision, ...]

    @property
    def on_cpu(self) -> bool:
        """Whether there is no accelerator."""
        return not self.accelerator


def choose_runtime(gpu: GpuSettings) -> Runtime:
    """Decides what to run on; imports a backend only where it has to ask it for its devices.

    Raises:
        RuntimeUnavailableError: no backend is installed, or the one ``KERAS_BACKEND`` names is not.
    """
    backend, backend_reason, accelerator = _choose_backend(gpu)
    device = accelerator.name if accelerator else ""
    policy, policy_reason = choose_precision(gpu, accelerator)
    xla, xla_reason = _choose_xla(gpu, backend, device)
    workers = min(gpu.workers, os.cpu_count() or 1)
    cores = f"{gpu.workers} asked for, {os.cpu_count()} cores here"
    decisions = (
        Decision("backend", backend, backend_reason),
        Decision("device", device or "CPU", "seen by the backend" if device else "no accelerator was found"),
        Decision("mixed precision", "off" if policy == FULL else policy.removeprefix("mixed_"), policy_reason),
        Decision("XLA", "on" if xla else "off", xla_reason),
        Decision("memory growth", *describe_memory(gpu, backend, accelerator)),
        Decision("workers", str(workers), cores),
        Decision("multiprocessing", "off", _why_no_processes(gpu, backend, device)),
        Decision("queue", str(gpu.max_queue_size), "batches prepared ahead where views are drawn anew every epoch"),
    )
    return Runtime(backend, device, policy, xla, workers, gpu.max_queue_size, decisions)


def start_runtime(runtime: Runtime, gpu: GpuSettings, seed: int) -> None:
    """Imports Keras on the chosen backend and sets memory, seeds and determinism.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
    """
    _quieten()
    os.environ["KERAS_BACKEND"] = runtime.backend
    with native_chatter_hidden(), _left_out(runtime.backend), _uncollected():
        if runtime.backend == "tensorflow":
            _make_deterministic()
        set_memory(runtime.backend, gpu)
        import keras

    _quieten()  # importing TensorFlow has set its log's level back
    if keras.backend.backend() != runtime.backend:
        raise RuntimeUnavailableError(
            f"Keras already runs on {keras.backend.backend()} in this process, not on {runtime.backend}.",
            "one backend a process",
            f"Set KERAS_BACKEND={keras.backend.backend()} or start a new process.",
        )
    seed_everything(seed)


def start_on_cpu() -> None:
    """Imports Keras on TensorFlow and keeps it to the CPU, for work that must not depend on the machine.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
    """
    from handshape.config import GpuSettings

    start_runtime(Runtime("tensorflow", "", "float32", False, 1, 1, ()), GpuSettings(), seed=0)
    import tensorflow as tf

    with suppress(RuntimeError):  # TensorFlow has begun to compute, so devices are chosen already
        tf.config.set_visible_devices([], "GPU")  # GPUs round float32 to fewer bits


def seed_everything(seed: int) -> None:
    """Python, NumPy and the backend start their random numbers from ``seed``."""
    import keras

    keras.utils.set_random_seed(seed)


@contextmanager
def native_chatter_hidden() -> Iterator[None]:
    """Keeps what native libraries write to stderr (delegates, conversion notes) off the user's screen."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def accelerator_peak_mib(runtime: Runtime) -> float | None:
    """The most accelerator memory this process has held, in MiB, or None on a CPU or where the backend cannot say."""
    return None if runtime.on_cpu else peak_memory_of(runtime.backend)


def _choose_backend(gpu: GpuSettings) -> tuple[str, str, Accelerator | None]:
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted:
        if wanted not in BACKENDS or not is_installed(wanted):
            raise RuntimeUnavailableError(
                f"KERAS_BACKEND names '{wanted}', which is not installed here.",
                f"one of {', '.join(name for name in BACKENDS if is_installed(name)) or 'the installed backends'}",
                INSTALL_HINT,
            )
        return wanted, "KERAS_BACKEND says so", _accelerator_of(wanted, gpu)
    if not is_installed("keras"):
        raise RuntimeUnavailableError("Keras is not installed.", "Keras and a backend for training", INSTALL_HINT)
    for name in ("jax", "tensorflow", "torch"):
        accelerator = _accelerator_of(name, gpu) if is_installed(name) and may_have_accelerator() else None
        if accelerator:
            return name, f"it sees {accelerator.name}", accelerator
    for name in ("tensorflow", "torch", "jax"):
        if is_installed(name):
            reason = "the fastest on a CPU" if name == "tensorflow" else "TensorFlow, faster on a CPU, is not installed"
            return name, reason, None
    raise RuntimeUnavailableError("Keras has no backend here.", "TensorFlow, JAX or torch", INSTALL_HINT)


def _accelerator_of(backend: str, gpu: GpuSettings) -> Accelerator | None:
    _quieten()
    with _left_out(backend):
        return find_accelerator(backend, gpu)


@contextmanager
def _left_out(backend: str) -> Iterator[None]:
    """Inside, what a backend would import beside what it needs seems not to be installed; it can be imported later."""
    absent = [name for name in NOT_ASKED_FOR if name != backend and name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: Python's own way to refuse an import
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _choose_xla(gpu: GpuSettings, backend: str, accelerator: str) -> tuple[bool, str]:
    if backend == "jax":
        return True, "JAX always compiles with XLA"
    if not accelerator:
        return False, "on a CPU it makes MobileNetV2 about ten times slower"
    if not gpu.use_xla:
        return False, "gpu.use_xla is off"
    return backend == "tensorflow", "it pays on an accelerator" if backend == "tensorflow" else "torch runs eagerly"


def _why_no_processes(gpu: GpuSettings, backend: str, accelerator: str) -> str:
    if not gpu.use_multiprocessing:
        return "gpu.use_multiprocessing is off"
    if not accelerator:
        return "threads share the decoded images, and the network keeps every core busy"
    return f"forked workers hang with {backend} on a GPU; threads prepare the batches"


@contextmanager
def _uncollected() -> Iterator[None]:
    """Around imports: what they make stays for good, and need not be looked through for garbage again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def _make_deterministic() -> None:
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _quieten() -> None:
    """The frameworks' own start-up chatter says nothing a user needs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_DEPRECATION_WARNINGS", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("GLOG_minloglevel", "3")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
