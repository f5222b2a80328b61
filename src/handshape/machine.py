"""What this machine and this process have: packages and memory."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path


def is_installed(module: str) -> bool:
    """Whether a package can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def versions() -> dict[str, str]:
    """Versions of Python and the packages a result depends on, those that are installed."""
    found = {"python": platform.python_version()}
    names = ("handshape", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "ai-edge-litert", "numpy", "pillow")
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def memory_gib() -> float | None:
    """Main memory in GiB, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def available_memory(processes: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes of memory that this process may still take, swap included, or None where the system does not say.

    On Linux that is what /proc/meminfo says, or less where a control group, its own or one above it, allows less.

    Args:
        processes: where Linux shows processes.
        groups: where it shows control groups, of version 2 or 1.
    """
    found = [*_free_of_machine(processes), *_free_of_groups(processes, groups)]
    return max(0, min(found)) if found else None


def address_limit() -> int | None:
    """Bytes that this process may address (``ulimit -v``), or None where nothing limits them or nobody says."""
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, AttributeError, ValueError, OSError):
        return None
    return None if soft == resource.RLIM_INFINITY else soft


def peak_memory_mib() -> float | None:
    """The largest main memory this process has held, in MiB, or None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def resident_memory_mib() -> float | None:
    """Main memory that this process holds now, in MiB; where the system says only the most so far, that, else None."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError, AttributeError):
        return peak_memory_mib()


def has_bfloat16(processors: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 by itself; False where the system does not say."""
    try:
        text = processors.read_text()
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text


def memory_trimmer() -> Callable[[], object] | None:
    """What gives freed memory back to the system: glibc's ``malloc_trim(3)``; other C libraries keep less."""
    with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no program to look into
        trim = ctypes.CDLL(None).malloc_trim
        return lambda: trim(0)
    return None


def nvidia_memory_mib() -> float:
    """Memory of the first NVIDIA GPU in MiB; 0 where there is none."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        return float(output.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0.0


def _free_of_machine(processes: Path) -> Iterator[int]:
    try:
        lines = (processes / "meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        yield 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    except (OSError, ValueError, IndexError, KeyError):
        with suppress(AttributeError, ValueError, OSError):  # macOS and Windows do not say
            yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _free_of_groups(processes: Path, groups: Path) -> Iterator[int]:
    """What each control group of this process has left, from its own upwards; pages of files are given back."""
    try:
        lines = (processes / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if kinds and "memory" not in kinds.split(","):
            continue
        root = groups / "memory" if kinds else groups
        limit, used = ("memory.limit_in_bytes", "memory.usage_in_bytes") if kinds else ("memory.max", "memory.current")
        own = root / path.lstrip("/")
        for group in (own, *own.parents):
            with suppress(OSError, ValueError):  # the topmost has no limit; "max" is no number
                yield int((group / limit).read_text()) - int((group / used).read_text()) + _inactive(group)
            if group == root:
                break


def _inactive(group: Path) -> int:
    """Bytes of files that nobody read lately, which a control group counts as used."""
    with suppress(OSError, ValueError):
        lines = (group / "memory.stat").read_text().splitlines()
        facts = {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
        return facts.get("total_inactive_file", facts.get("inactive_file", 0))
    return 0
