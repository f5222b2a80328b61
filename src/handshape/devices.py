"""The accelerator that a backend sees: what it is, what it can do, and how its memory is shared with others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.errors import RuntimeUnavailableError
from handshape.machine import nvidia_memory_mib

if TYPE_CHECKING:
    from handshape.config import GpuSettings

JAX_FRACTION = "XLA_PYTHON_CLIENT_MEM_FRACTION"  # of the card's memory that JAX may take
JAX_NEWER_FRACTION = "XLA_CLIENT_MEM_FRACTION"  # the same; JAX refuses to start where both are set
JAX_AT_ONCE = "XLA_PYTHON_CLIENT_PREALLOCATE"


@dataclass(frozen=True)
class Accelerator:
    """One GPU or TPU.

    Attributes:
        name: as the backend calls it.
        is_tpu: or else a GPU.
        capability: compute capability of an NVIDIA card, such as 8.6; 0 where the backend does not say.
    """

    name: str
    is_tpu: bool = False
    capability: float = 0.0


def may_have_accelerator() -> bool:
    """Cheap signs of a GPU or TPU, so that a CPU machine does not import three frameworks to find none."""
    signs = ("/dev/nvidia0", "/dev/kfd", "/dev/accel0", "/dev/vfio/0", "/dev/dxg")
    return shutil.which("nvidia-smi") is not None or any(Path(sign).exists() for sign in signs)


def find_accelerator(backend: str, gpu: GpuSettings) -> Accelerator | None:
    """The first accelerator that a backend sees; None where there is none.

    JAX takes its memory when it is first asked for its devices, so what is allowed of it is set before.
    """
    return {"jax": _of_jax, "tensorflow": _of_tensorflow, "torch": _of_torch}[backend](gpu)


def set_memory(backend: str, gpu: GpuSettings) -> None:
    """Has a backend take no more of the card's memory than it may, and that as it is needed."""
    {"jax": _set_memory_of_jax, "tensorflow": _set_memory_of_tensorflow, "torch": _set_memory_of_torch}[backend](gpu)


def describe_memory(gpu: GpuSettings, backend: str, accelerator: Accelerator | None) -> tuple[str, str]:
    """How the card's memory is taken, and why."""
    if accelerator is None:
        return "off", "no GPU memory to share"
    fraction = _fraction_of_jax()
    if gpu.memory_limit_mb and backend == "jax" and not fraction:
        return "not limited", "nvidia-smi does not say how much memory there is, so JAX cannot be given a share of it"
    if gpu.memory_limit_mb:
        how = {
            "tensorflow": "as a logical device of that size",
            "jax": f"{JAX_FRACTION}={fraction}",
            "torch": "as a share of the card's memory",
        }[backend]
        return "limited", f"at most {gpu.memory_limit_mb} MB, gpu.memory_limit_mb, {how}"
    if gpu.memory_growth:
        return "on", "other programs can use what is not needed"
    return "off", "gpu.memory_growth is off: all of the GPU's memory is taken at once"


def peak_memory_of(backend: str) -> float | None:
    """The most accelerator memory this process has held, in MiB; None where the backend cannot say."""
    if backend == "jax":
        import jax

        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif backend == "tensorflow":
        import tensorflow as tf

        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    else:
        import torch

        peak = torch.cuda.max_memory_allocated()
    return None if peak is None else peak / 2**20


def keep_compiled(folder: Path) -> None:
    """Has JAX keep there what it compiles, which takes seconds a network, unless it was told of a folder already."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(folder))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a backend's error says that the device's memory ran out."""
    text = f"{type(error).__name__}: {error}".lower()
    return any(word in text for word in ("resource_exhausted", "resourceexhausted", "out of memory", "outofmemory"))


def no_room_for_one() -> RuntimeUnavailableError:
    """What is said where even one image is too much."""
    return RuntimeUnavailableError(
        "The device's memory is too small for even one image a step.",
        fix="Close other programs that use it, or lower model.img_size.",
    )


def _of_jax(gpu: GpuSettings) -> Accelerator | None:
    _set_memory_of_jax(gpu)
    import jax

    try:
        device = jax.devices()[0]
    except RuntimeError:  # a GPU plugin without its driver
        return None
    if device.platform == "cpu":
        return None
    capability = _as_number(getattr(device, "compute_capability", ""))
    return Accelerator(str(device.device_kind), device.platform == "tpu", capability)


def _of_tensorflow(gpu: GpuSettings) -> Accelerator | None:
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return None
    details = tf.config.experimental.get_device_details(devices[0])
    return Accelerator(
        str(details.get("device_name", "GPU")), capability=_joined(details.get("compute_capability", ()))
    )


def _of_torch(gpu: GpuSettings) -> Accelerator | None:
    import torch

    if not torch.cuda.is_available():
        return None
    is_amd = getattr(torch.version, "hip", None) is not None  # whose cards count otherwise
    capability = 0.0 if is_amd else _joined(torch.cuda.get_device_capability(0))
    return Accelerator(str(torch.cuda.get_device_name(0)), capability=capability)


def _set_memory_of_jax(gpu: GpuSettings) -> None:
    if gpu.memory_growth:
        os.environ.setdefault(JAX_AT_ONCE, "false")
    total = nvidia_memory_mib() if gpu.memory_limit_mb else 0
    if total and not _fraction_of_jax():
        os.environ.setdefault(JAX_FRACTION, f"{min(1.0, gpu.memory_limit_mb / total):.3f}")


def _fraction_of_jax() -> str:
    return os.environ.get(JAX_NEWER_FRACTION) or os.environ.get(JAX_FRACTION, "")


def _set_memory_of_tensorflow(gpu: GpuSettings) -> None:
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        if gpu.memory_limit_mb:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu.memory_limit_mb)
            tf.config.set_logical_device_configuration(device, [limit])
        elif gpu.memory_growth:
            tf.config.experimental.set_memory_growth(device, True)


def _set_memory_of_torch(gpu: GpuSettings) -> None:
    import torch

    if gpu.memory_limit_mb and torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory / 2**20
        torch.cuda.set_per_process_memory_fraction(min(1.0, gpu.memory_limit_mb / total), 0)


def _joined(parts: Sequence[Any]) -> float:
    return _as_number(".".join(map(str, parts)))


def _as_number(text: Any) -> float:
    with suppress(TypeError, ValueError):  # AMD's say gfx90a
        return float(text)
    return 0.0
