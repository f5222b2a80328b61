"""Keras callbacks: best model, early stopping, learning rate on a plateau, progress, TensorBoard and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from handshape.bars import Bar
from handshape.console import Console
from handshape.errors import DivergedError
from handshape.files import atomic_write, require_disk_space
from handshape.model.streams import PixelStream
from handshape.precision import full_precision
from handshape.training.checkpoints import TrainingState, require_fit
from handshape.training.gauges import Gauges
from handshape.training.tensorboard import TensorBoardWriter

SAVE_EVERY_S = 15.0  # what a kill may cost; writing model and state takes half a second, an epoch often two


class Ordered(Protocol):
    """Batches whose order depends on the epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch, counted from 0."""


class EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch begins."""

    def __init__(self, batches: Ordered) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.batches.start_epoch(epoch)


class BestModel(keras.callbacks.Callback):
    """Keeps the weights with the lowest validation loss of both phases, in memory and, given one, as a .h5 file."""

    def __init__(self, stream: PixelStream, state: TrainingState, file: Path | None) -> None:
        super().__init__()
        self.stream = stream
        self.state = state
        self.file = file
        self.saved_at = 0.0
        self.unsaved = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = float((logs or {})["val_loss"])
        if loss < self.state.best_loss:
            self.state.best_loss = loss
            self.state.best_epoch = len(self.state.history.get("loss", ())) + 1
            self.state.best = self.stream.model.get_weights()
            self.unsaved = True
        if self.unsaved and time.monotonic() - self.saved_at > SAVE_EVERY_S:
            self._save()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.stream.model.set_weights(self.state.best)
        self.save_now()

    def save_now(self) -> None:
        """Writes the best model, where it is not written yet."""
        if self.unsaved:
            self._save()

    def _save(self) -> None:
        if self.file is None:
            return
        current = self.stream.model.get_weights()
        self.stream.model.set_weights(self.state.best)
        require_disk_space(self.file.parent, 3 * sum(value.nbytes for value in current))
        with atomic_write(self.file) as partial, full_precision(self.stream.model):
            self.stream.model.save(partial)
        self.stream.model.set_weights(current)
        self.saved_at = time.monotonic()
        self.unsaved = False


class FallingRate(keras.callbacks.Callback):
    """Lets the learning rate fall on half a cosine, from twice what it was to nothing; on average it stays.

    After Loshchilov and Hutter 2017, "SGDR", without restarts, epoch by epoch. What lowers the rate besides is kept.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        rate = self.model.optimizer.learning_rate
        before = self._share(epoch - 1) if epoch else 1.0
        rate.assign(rate * self._share(epoch) / before)

    def _share(self, epoch: int) -> float:
        return 1 + math.cos(math.pi * (epoch + 0.5) / self.epochs)


class FiniteLoss(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more; runs before whatever goes by the loss.

    Args:
        what: is trained, such as "Phase 1 of the pixel stream".
        rate: the setting of its learning rate.

    Raises:
        DivergedError: after the epoch in which it happened.
    """

    LOSSES = (("loss", "training"), ("val_loss", "validation"))

    def __init__(self, what: str, rate: str) -> None:
        super().__init__()
        self.what, self.rate = what, rate

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for name, word in self.LOSSES:
            if not np.isfinite((logs or {}).get(name, 0.0)):
                raise DivergedError(
                    f"{self.what} went astray: in epoch {epoch + 1} the {word} loss is not a number.",
                    "a learning rate that the network can follow",
                    f"Begin a new run with a lower {self.rate}.",
                )


class MachineGauges(keras.callbacks.Callback):
    """Reads what the machine did in an epoch; runs before whatever tells it."""

    def __init__(self, gauges: Gauges) -> None:
        super().__init__()
        self.gauges = gauges
        self.values: dict[str, float] = {}

    @property
    def words(self) -> str:
        """The last epoch's in a few characters."""
        return self.gauges.words(self.values)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.gauges.start()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.values = self.gauges.take()


class History(keras.callbacks.Callback):
    """Adds each epoch to the joined history; runs before whatever reads it, after :class:`BestModel`."""

    NAMES = ("accuracy", "val_accuracy", "loss", "val_loss")

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        for name in self.NAMES:
            self.state.history.setdefault(name, []).append(float(logs[name]))
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.state.history.setdefault("learning_rate", []).append(rate)


class EpochLines(keras.callbacks.Callback):
    """Moves a progress bar, and leaves a line an epoch: of many fast ones, of one in so many.

    Args:
        bar: over the epochs.
        epochs: how many there are at most.
        console: where the lines go.
        lines: at most so many.
        also: what is measured for a line beside what Keras measures: ``val_accuracy`` and ``val_loss``.
        machine: what it did meanwhile, in a few characters; read before these lines.
    """

    def __init__(
        self,
        bar: Bar,
        epochs: int,
        console: Console,
        lines: int = 1000,
        also: Callable[[], dict[str, float]] = dict,
        machine: MachineGauges | None = None,
    ) -> None:
        super().__init__()
        self.machine = machine
        self.bar = bar
        self.epochs = epochs
        self.console = console
        self.every = -(-epochs // lines)
        self.also = also
        self.since = time.monotonic()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.since = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        is_told = (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs
        logs = (logs or {}) | (self.also() if is_told else {})
        told = "; ".join(
            f"{word} {logs[f'{prefix}accuracy']:.1%}, loss {logs[f'{prefix}loss']:.2f}"
            for word, prefix in (("accuracy", ""), ("validation", "val_"))
            if f"{prefix}accuracy" in logs
        )
        machine = self.machine.words if self.machine else ""
        if is_told:
            seconds, self.since = time.monotonic() - self.since, time.monotonic()
            self.console.epoch(f"epoch {epoch + 1}/{self.epochs}: {told}; {seconds:.1f} s{machine and '; ' + machine}")
        self.bar.advance(note=", ".join(filter(None, (told.split(",")[0], machine))))


class TensorBoardScalars(keras.callbacks.Callback):
    """Scalars and weight histograms of every epoch, and what the machine did."""

    def __init__(self, writer: TensorBoardWriter, state: TrainingState, machine: MachineGauges | None = None) -> None:
        super().__init__()
        self.writer = writer
        self.state = state
        self.machine = machine

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        step = len(self.state.history["loss"])
        values = {name: values[-1] for name, values in self.state.history.items()}
        self.writer.add_epoch(step, values | (self.machine.values if self.machine else {}))
        self.writer.add_histograms(step, self.model.trainable_variables)


class Checkpoint(keras.callbacks.Callback):
    """Saves the training's state, where there is a file for it, and puts it back when a run is resumed.

    Keras' own ``BackupAndRestore`` leaves out the counters of the other callbacks.
    """

    COUNTERS = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")

    def __init__(self, state: TrainingState, file: Path | None, watched: dict[str, keras.callbacks.Callback]) -> None:
        super().__init__()
        self.state = state
        self.file = file
        self.watched = watched
        self.saved_at = time.monotonic()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if not self.state.weights:
            return
        self.model.optimizer.build(self.model.trainable_variables)
        kept = self.state.optimizer[-len(self.model.optimizer.variables) :]  # what scaled a float16 loss stands first
        require_fit(self.file, self.state.weights + kept, self._variables())
        for variable, value in zip(self._variables(), self.state.weights + kept, strict=True):
            variable.assign(value)
        for name, counters in self.state.counters.items():
            for key, count in counters.items():
                setattr(self.watched[name], key, count)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.state.epoch = epoch + 1
        self._remember()
        if self.file and time.monotonic() - self.saved_at >= SAVE_EVERY_S:
            self.state.save(self.file)
            self.saved_at = time.monotonic()

    def _remember(self) -> None:
        """Every epoch, though not every one is written: a phase that runs out of memory goes on from here too."""
        values = [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]
        split = len(self.model.variables)
        self.state.weights, self.state.optimizer = values[:split], values[split:]
        self.state.counters = {name: self._counters(callback) for name, callback in self.watched.items()}

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def _counters(self, callback: keras.callbacks.Callback) -> dict[str, float]:
        return {name: float(getattr(callback, name)) for name in self.COUNTERS if hasattr(callback, name)}
