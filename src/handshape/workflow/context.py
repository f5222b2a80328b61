"""What every step of a workflow has at hand: the console, the machine, the run, a stopwatch."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version

from handshape.cache import cached_folder
from handshape.config import GpuSettings
from handshape.console import Console
from handshape.devices import keep_compiled
from handshape.errors import HandshapeError
from handshape.machine import memory_trimmer
from handshape.runtime import Runtime, choose_runtime, native_chatter_hidden, start_runtime
from handshape.workflow.estimate import require_addresses
from handshape.workflow.run import Run


@dataclass
class Stopwatch:
    """Seconds each stage took, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what happens inside; what it no longer needs of memory goes back to the system."""
        start = time.perf_counter()
        try:
            yield
        finally:
            trim = memory_trimmer()
            if trim is not None:
                trim()
            self.seconds[name] = round(self.seconds.get(name, 0) + time.perf_counter() - start, 3)


@contextmanager
def optional(what: str, console: Console) -> Iterator[None]:
    """What a model can do without: where it fails, that is said, and the work goes on."""
    try:
        yield
    except Exception as error:
        console.log(traceback.format_exc())
        reason = error.happened if isinstance(error, HandshapeError) else f"{type(error).__name__}: {error}"
        console.warn(f"{what} failed, and is left out; the model is whole all the same. {reason}")


@dataclass(frozen=True)
class Context:
    """What steps share.

    Attributes:
        console: shows what happens.
        gpu: what is asked of an accelerator.
        run: the run folder that a training writes into; None where nothing is kept.
        watch: times the stages.
    """

    console: Console
    gpu: GpuSettings = field(default_factory=GpuSettings)
    run: Run | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    @cached_property
    def runtime(self) -> Runtime:
        """Backend, device and precision; Keras is started on them when this is first asked for."""
        require_addresses()
        with native_chatter_hidden():  # of a backend that has to be asked for its devices
            runtime = choose_runtime(self.gpu)
        self.console.status(
            "machine", f"Starting {runtime.backend} on {runtime.accelerator or 'the CPU'}, which takes some seconds"
        )
        for decision in runtime.decisions:
            self.console.log(str(decision))
        start_runtime(runtime, self.gpu, seed=0)
        if runtime.backend == "jax" and not runtime.on_cpu:
            keep_compiled(cached_folder("compiled", f"{runtime.accelerator} {version('jax')}".replace("/", " ")))
        return runtime

    def within(self, run: Run) -> Context:
        """The same for a run that has begun, on the same machine."""
        context = replace(self, run=run)
        if "runtime" in vars(self):
            vars(context)["runtime"] = self.runtime  # it is started once
        return context
