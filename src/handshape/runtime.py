"""What this machine is used for training: backend, device, precision, XLA, loading, seeds; each choice with its reason.

:func:`choose_runtime` decides before Keras is imported; :func:`start_runtime` carries it out. Only this module
touches devices.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from handshape.config import GpuSettings
from handshape.errors import RuntimeUnavailableError
from handshape.machine import is_installed, nvidia_memory_mib

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
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
    policy: str  # Keras dtype policy
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
    policy, policy_reason = _choose_policy(gpu, accelerator)
    xla, xla_reason = _choose_xla(gpu, backend, accelerator)
    workers = min(gpu.workers, os.cpu_count() or 1)
    cores = f"{gpu.workers} asked for, {os.cpu_count()} cores here"
    decisions = (
        Decision("backend", backend, backend_reason),
        Decision("device", accelerator or "CPU", "seen by the backend" if accelerator else "no accelerator was found"),
        Decision("mixed precision", "on" if policy == "mixed_float16" else "off", policy_reason),
        Decision("XLA", "on" if xla else "off", xla_reason),
        Decision("memory growth", *_describe_memory(gpu, accelerator)),
        Decision("workers", str(workers), cores),
        Decision("multiprocessing", "off", _why_no_processes(gpu, backend, accelerator)),
        Decision("queue", str(gpu.max_queue_size), "batches prepared ahead where views are drawn anew every epoch"),
    )
    return Runtime(backend, accelerator, policy, xla, workers, gpu.max_queue_size, decisions)


def start_runtime(runtime: Runtime, gpu: GpuSettings, seed: int) -> None:
    """Imports Keras on the chosen backend and sets memory, precision, seeds and determinism.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
    """
    _quieten()
    os.environ["KERAS_BACKEND"] = runtime.backend
    with native_chatter_hidden():
        if runtime.backend == "tensorflow":
            _prepare_tensorflow(gpu)
        import keras

    if keras.backend.backend() != runtime.backend:
        raise RuntimeUnavailableError(
            f"Keras already runs on {keras.backend.backend()} in this process, not on {runtime.backend}.",
            "one backend a process",
            f"Set KERAS_BACKEND={keras.backend.backend()} or start a new process.",
        )
    keras.config.set_dtype_policy(runtime.policy)
    seed_everything(seed)


def start_on_cpu() -> None:
    """Imports Keras on TensorFlow and keeps it to the CPU, for work that must not depend on the machine.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
    """
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a backend's error says that the device's memory ran out."""
    text = f"{type(error).__name__}: {error}".lower()
    return any(word in text for word in ("resource_exhausted", "resourceexhausted", "out of memory", "outofmemory"))


def accelerator_peak_mib(runtime: Runtime) -> float | None:
    """The most accelerator memory this process has held, in MiB, or None on a CPU or where the backend cannot say."""
    if runtime.on_cpu:
        return None
    if runtime.backend == "jax":
        import jax

        peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif runtime.backend == "tensorflow":
        import tensorflow as tf

        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    else:
        import torch

        peak = torch.cuda.max_memory_allocated()
    return None if peak is None else peak / 2**20


def _choose_backend(gpu: GpuSettings) -> tuple[str, str, str]:
    wanted = os.environ.get("KERAS_BACKEND")
    if wanted:
        if wanted not in BACKENDS or not is_installed(wanted):
            raise RuntimeUnavailableError(
                f"KERAS_BACKEND names '{wanted}', which is not installed here.",
                f"one of {', '.join(name for name in BACKENDS if is_installed(name)) or 'the installed backends'}",
                INSTALL_HINT,
            )
        return wanted, "KERAS_BACKEND says so", _accelerator(wanted, gpu)
    if not is_installed("keras"):
        raise RuntimeUnavailableError("Keras is not installed.", "Keras and a backend for training", INSTALL_HINT)
    for name in ("jax", "tensorflow", "torch"):
        accelerator = _accelerator(name, gpu) if is_installed(name) and _may_have_accelerator() else ""
        if accelerator:
            return name, f"it sees {accelerator}", accelerator
    for name in ("tensorflow", "torch", "jax"):
        if is_installed(name):
            reason = "the fastest on a CPU" if name == "tensorflow" else "TensorFlow, faster on a CPU, is not installed"
            return name, reason, ""
    raise RuntimeUnavailableError("Keras has no backend here.", "TensorFlow, JAX or torch", INSTALL_HINT)


def _may_have_accelerator() -> bool:
    """Cheap signs of a GPU or TPU, so that a CPU machine does not import three frameworks to find none."""
    signs = ("/dev/nvidia0", "/dev/kfd", "/dev/accel0", "/dev/vfio/0", "/dev/dxg")
    return shutil.which("nvidia-smi") is not None or any(Path(sign).exists() for sign in signs)


def _accelerator(backend: str, gpu: GpuSettings) -> str:
    """The name of the first accelerator the backend sees, or ""."""
    _quieten()
    if backend == "jax":
        return _jax_accelerator(gpu)
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = tf.config.experimental.get_device_details(devices[0]) if devices else {}
        return str(details.get("device_name", "GPU")) if devices else ""
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else ""


def _jax_accelerator(gpu: GpuSettings) -> str:
    if gpu.memory_growth:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    total = nvidia_memory_mib()
    if gpu.memory_limit_mb and total:
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{min(1.0, gpu.memory_limit_mb / total):.3f}")
    import jax

    try:
        device = jax.devices()[0]
    except RuntimeError:  # a GPU plugin without its driver
        return ""
    return "" if device.platform == "cpu" else str(device.device_kind)


def _prepare_tensorflow(gpu: GpuSettings) -> None:
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    for device in tf.config.list_physical_devices("GPU"):
        if gpu.memory_limit_mb:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu.memory_limit_mb)
            tf.config.set_logical_device_configuration(device, [limit])
        elif gpu.memory_growth:
            tf.config.experimental.set_memory_growth(device, True)


def _choose_policy(gpu: GpuSettings, accelerator: str) -> tuple[str, str]:
    if not gpu.use_mixed_precision:
        return "float32", "gpu.use_mixed_precision is off"
    if not accelerator:
        return "float32", "a CPU computes float32 fastest"
    return "mixed_float16", "a GPU computes float16 faster; the loss is scaled automatically"


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


def _describe_memory(gpu: GpuSettings, accelerator: str) -> tuple[str, str]:
    if not accelerator:
        return "off", "no GPU memory to share"
    if gpu.memory_limit_mb:
        return "limited", f"at most {gpu.memory_limit_mb} MB, gpu.memory_limit_mb"
    if gpu.memory_growth:
        return "on", "other programs can use what is not needed"
    return "off", "gpu.memory_growth is off: all of the GPU's memory is taken at once"


def _quieten() -> None:
    """The frameworks' own start-up chatter says nothing a user needs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_DEPRECATION_WARNINGS", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("GLOG_minloglevel", "3")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
