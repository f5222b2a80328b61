"""A trace of a few training steps, for TensorBoard and Perfetto, by the backend's own profiler."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras

from handshape.console import Console
from handshape.errors import RunError

WARM_UP = 5  # steps, in which networks are compiled and memory is taken
TRACE = "trace.json.gz"


class StepTrace(keras.callbacks.Callback):
    """Traces so many steps of a training, once it has warmed up, and says where the trace is.

    Args:
        steps: how many.
        what: is trained, such as "phase 1".
        folder: where the trace goes, which TensorBoard reads.
        console: says where it is, and how to open it.
    """

    def __init__(self, steps: int, what: str, folder: Path, console: Console) -> None:
        super().__init__()
        self.steps, self.what, self.folder, self.console = steps, what, folder, console
        self.seen = 0  # steps that are done
        self.begun_at = 0
        self._stop: Callable[[], None] | None = None
        self._next = 0  # step of the epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Steps are counted from 0 again."""
        self._next = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Begins where the warm-up ends."""
        if self.seen >= WARM_UP and not self.begun_at:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.begun_at, self._stop = self.seen, start_trace(keras.backend.backend(), self.folder)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends after the last step; where several are one call, after the call that it is in."""
        self.seen, self._next = self.seen + batch + 1 - self._next, batch + 1
        if self._stop and self.seen - self.begun_at >= self.steps:
            self.close()

    def on_train_end(self, logs: Any = None) -> None:
        """A training may end sooner, or before the warm-up."""
        self.close()
        if not self.begun_at:
            self.console.warn(f"There is no trace of {self.what}: of its {self.seen} steps, {WARM_UP} are to warm up.")

    def close(self) -> None:
        """Ends the trace, if one is being made."""
        if self._stop is None:
            return
        stop, self._stop = self._stop, None
        stop()
        traces = [file for file in find_traces(self.folder) if file.name.endswith(TRACE)]
        self.console.status("chart", f"Traced {self.seen - self.begun_at} steps of {self.what}, into {self.folder}")
        if traces:
            self.console.hint("Open it in ui.perfetto.dev:", shlex.quote(str(traces[-1])))
        self.console.hint("Or with pip install xprof:", f"tensorboard --logdir {shlex.quote(str(self.folder))}")


def start_trace(backend: str, folder: Path) -> Callable[[], None]:
    """Starts the profiler of a backend; what is returned ends it and leaves its files in the folder.

    Raises:
        RunError: another program's profiler runs in this process.
    """
    begin = {"jax": _trace_jax, "tensorflow": _trace_tensorflow, "torch": _trace_torch}[backend]
    try:
        return begin(folder)
    except Exception as error:
        if "profil" not in str(error).lower():
            raise
        raise RunError(
            f"The profiler of {backend} does not start: {error}.", fix="Leave --profile-steps out."
        ) from None


def find_traces(folder: Path) -> list[Path]:
    """The files of traces, the oldest first."""
    return sorted(file for file in folder.rglob("*") if file.name.endswith((TRACE, ".xplane.pb")))


def _trace_jax(folder: Path) -> Callable[[], None]:
    import jax

    jax.profiler.start_trace(str(folder))
    return lambda: jax.profiler.stop_trace()


def _trace_tensorflow(folder: Path) -> Callable[[], None]:
    import tensorflow as tf

    tf.profiler.experimental.start(str(folder))

    def stop() -> None:
        tf.profiler.experimental.stop()
        for file in folder.rglob("*.xplane.pb"):  # for TensorBoard alone
            with suppress(ImportError):  # of TensorFlow's own description of the format
                write_trace(file, file.with_name(file.name.removesuffix("xplane.pb") + TRACE))

    return stop


def _trace_torch(folder: Path) -> Callable[[], None]:
    import torch

    kinds = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    profile = torch.profiler.profile(activities=kinds)
    profile.start()

    def stop() -> None:
        profile.stop()
        profile.export_chrome_trace(str(folder / f"torch.{TRACE}"))

    return stop


def write_trace(source: Path, target: Path) -> None:
    """What is in an .xplane.pb file in the format of Chrome's traces, which Perfetto reads as well.

    The format: "Trace Event Format" of the Chromium project; each plane is a process, each of its lines a thread.
    """
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    space = XSpace.FromString(source.read_bytes())
    with gzip.open(target, "wt", encoding="utf-8") as file:
        json.dump({"traceEvents": list(_events(space)), "displayTimeUnit": "ms"}, file)


def _events(space: Any) -> Iterator[dict[str, Any]]:
    for process, plane in enumerate(space.planes, 1):
        yield {"ph": "M", "pid": process, "name": "process_name", "args": {"name": plane.name}}
        for thread, line in enumerate(plane.lines, 1):
            place = {"pid": process, "tid": thread}
            yield {"ph": "M", **place, "name": "thread_name", "args": {"name": line.display_name or line.name}}
            for event in line.events:
                begun = line.timestamp_ns / 1e3 + event.offset_ps / 1e6  # microseconds
                name = plane.event_metadata[event.metadata_id].name
                yield {"ph": "X", **place, "name": name, "ts": begun, "dur": event.duration_ps / 1e6}
