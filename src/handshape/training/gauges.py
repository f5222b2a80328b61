"""What the machine does while it trains: a card's load, memory and heat; on a CPU main memory and the wait for data.

Read a few times a second by a thread, told once an epoch.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Protocol

from handshape.machine import is_installed, resident_memory_mib
from handshape.runtime import Runtime

HOST = "main memory, and how long batches take"
EVERY_S = 0.5  # NVML averages a card's load over up to a second


class Gauges(Protocol):
    """What can be read, epoch by epoch."""

    def watch(self, batches: Any) -> None:
        """These batches are what is learned from next."""

    def start(self) -> None:
        """An epoch begins."""

    def take(self) -> dict[str, float]:
        """What the epoch came to, by the names that TensorBoard shows."""

    def words(self, values: dict[str, float]) -> str:
        """The same in a few characters; "" where there is nothing."""

    def stop(self) -> None:
        """The training has ended."""


def gauges_of(runtime: Runtime) -> Gauges:
    """Those of the card, or else of the host.

    A card that cannot be asked, as it is no NVIDIA one or nvidia-ml-py is not installed, leaves the host's.
    """
    card = None if runtime.on_cpu else find_card()
    return HostGauges() if card is None else CardGauges(card)


def describe_gauges(runtime: Runtime) -> tuple[str, str]:
    """What is read, and why it is that."""
    if runtime.on_cpu:
        return HOST, "there is no card"
    if find_card() is not None:
        return "load, memory and heat of the card", "NVML answers"
    if is_installed("pynvml"):
        return HOST, "NVML does not answer: the card is no NVIDIA one, or its driver is not installed"
    return HOST, "the card's can be read with pip install nvidia-ml-py"


class HostGauges:
    """Main memory that this process holds, and the share of the time that its batches took to be made.

    That share is the most that the network can have waited for them: TensorFlow makes batches beside its work.
    """

    def __init__(self) -> None:
        self._threads = 0
        self.start()

    def watch(self, batches: Any) -> None:
        """See :class:`Gauges`; batches are made by ``batches.inputs``, in ``batches.workers`` threads."""
        made, self._threads = batches.inputs, max(1, batches.workers)

        @wraps(made)
        def timed(*args: Any) -> Any:
            since = time.perf_counter()
            try:
                return made(*args)
            finally:
                self._seconds += time.perf_counter() - since

        batches.inputs = timed

    def start(self) -> None:
        """See :class:`Gauges`."""
        self._seconds, self._since = 0.0, time.perf_counter()

    def take(self) -> dict[str, float]:
        """See :class:`Gauges`."""
        resident, passed = resident_memory_mib(), time.perf_counter() - self._since
        values = {} if resident is None else {"host/resident_mib": resident}
        if self._threads and passed > 0:
            values["host/data_share"] = min(1.0, self._seconds / passed / self._threads)
        self.start()
        return values

    def words(self, values: dict[str, float]) -> str:
        """See :class:`Gauges`."""
        parts = [f"{values[name] / 1024:.1f} GiB" for name in ("host/resident_mib",) if name in values]
        parts += [f"data {values[name]:.0%}" for name in ("host/data_share",) if name in values]
        return ", ".join(parts)

    def stop(self) -> None:
        """See :class:`Gauges`."""


class CardGauges:
    """A card's load and memory, the means of an epoch, and how hot it was.

    Args:
        read: one reading: load in percent, memory in MiB, degrees Celsius; OSError where the card is silent.
    """

    NAMES = ("gpu/load_percent", "gpu/memory_mib", "gpu/temperature_c")

    def __init__(self, read: Callable[[], tuple[float, float, float]]) -> None:
        self._read = read
        self._readings: list[tuple[float, float, float]] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, batches: Any) -> None:
        """See :class:`Gauges`; a card's load tells whether it waits for them."""

    def start(self) -> None:
        """See :class:`Gauges`."""
        self._readings = []
        if self._thread is None:
            self._thread = threading.Thread(target=self._sample, daemon=True)
            self._thread.start()

    def take(self) -> dict[str, float]:
        """See :class:`Gauges`."""
        if not self._readings:
            self._note()
        readings, self._readings = self._readings, []
        if not readings:
            return {}
        loads, memories, heats = zip(*readings, strict=True)
        return dict(zip(self.NAMES, (sum(loads) / len(loads), max(memories), max(heats)), strict=True))

    def words(self, values: dict[str, float]) -> str:
        """See :class:`Gauges`."""
        if not values:
            return ""
        load, memory, heat = (values[name] for name in self.NAMES)
        return f"GPU {load:.0f}%, {memory / 1024:.1f} GiB, {heat:.0f} °C"

    def stop(self) -> None:
        """See :class:`Gauges`."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._thread, self._ended = None, threading.Event()

    def _sample(self) -> None:
        ended = self._ended
        while not ended.wait(EVERY_S):
            self._note()

    def _note(self) -> None:
        with suppress(OSError):
            self._readings.append(self._read())


def find_card() -> Callable[[], tuple[float, float, float]] | None:
    """What reads the first NVIDIA card that this process may use; None where there is none to ask."""
    if not is_installed("pynvml"):
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        card = _handle(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip())
    except pynvml.NVMLError:
        return None

    def read() -> tuple[float, float, float]:
        try:
            return (
                float(pynvml.nvmlDeviceGetUtilizationRates(card).gpu),
                pynvml.nvmlDeviceGetMemoryInfo(card).used / 2**20,
                float(pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU)),
            )
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from None

    return read


def _handle(pynvml: Any, visible: str) -> Any:
    """The card that CUDA_VISIBLE_DEVICES names first, by its number or by its UUID."""
    if visible.startswith(("GPU-", "MIG-")):
        return pynvml.nvmlDeviceGetHandleByUUID(visible)
    return pynvml.nvmlDeviceGetHandleByIndex(int(visible) if visible.isdecimal() else 0)
