"""Training the pixel stream, phase by phase: halves the batch where memory runs out; goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.config import TrainingSettings
from handshape.console import Bar, Console
from handshape.errors import RuntimeUnavailableError
from handshape.model.streams import PixelStream
from handshape.runtime import Runtime, accelerator_peak_mib, is_out_of_memory
from handshape.training.batches import Batches, FreshViews, StoredViews, TrainingRows
from handshape.training.callbacks import BestModel, Checkpoint, EpochLines, EpochOrder, History, TensorBoardScalars
from handshape.training.checkpoints import TrainingState
from handshape.training.features import TrunkFeatures
from handshape.training.phases import Phase
from handshape.training.tensorboard import TensorBoardWriter

Rows = NDArray[np.integer]
PREDICTED = 256  # images a step when nothing is learned


@dataclass(frozen=True, eq=False)
class PixelData:
    """What a pixel stream learns from.

    Attributes:
        features: of all N images of a data set.
        targets: [N] class numbers.
        train: rows to learn from.
        validation: rows that choose the best epoch.
    """

    features: TrunkFeatures
    targets: NDArray[np.int64]
    train: Rows
    validation: Rows


@dataclass(frozen=True)
class TrainingFiles:
    """Where a training writes; None writes nothing of the kind."""

    best_model: Path | None = None
    checkpoint: Path | None = None
    tensorboard: Path | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """How a stream is trained.

    Attributes:
        batch_size: images a step; halved, and said aloud, when the device's memory runs out.
        seed: decides views, order and dropout.
        settings: early stopping, the plateau rule, label smoothing, class weights.
    """

    batch_size: int
    seed: int
    settings: TrainingSettings


class PixelTrainer:
    """Trains one pixel stream in place."""

    def __init__(
        self,
        stream: PixelStream,
        data: PixelData,
        options: TrainingOptions,
        runtime: Runtime,
        files: TrainingFiles,
        console: Console,
    ) -> None:
        self.stream = stream
        self.data = data
        self.options = options
        self.runtime = runtime
        self.files = files
        self.console = console
        is_resumed = files.checkpoint is not None and files.checkpoint.exists()
        self.state = TrainingState.load(files.checkpoint) if is_resumed else TrainingState()  # type: ignore[arg-type]
        self.state.batch_size = self.state.batch_size or options.batch_size
        self._class_weights = class_weights_of(data.targets[data.train], stream.classes, options.settings)
        self._tensorboard = TensorBoardWriter(files.tensorboard, self._gauges) if files.tensorboard else None
        if self._tensorboard:
            self._tensorboard.add_graph(stream.model)

    def run(self, phase: Phase) -> None:
        """Trains one phase, or what is left of it, and leaves the stream at its best epoch so far."""
        state = self.state
        if phase.epochs == 0 or state.phase > phase.number or (state.phase == phase.number and state.finished):
            return
        if state.phase < phase.number:
            state.phase, state.epoch, state.finished = phase.number, 0, False
        if state.best:
            self.stream.model.set_weights(state.best)
        while True:
            try:
                with self.console.progress(f"Phase {phase.number}, epoch", phase.epochs) as bar:
                    self._fit(phase, bar)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_batch(error)
        state.finished = True
        state.weights, state.optimizer, state.counters = [], [], {}
        state.phase_epochs[str(phase.number)] = state.epoch
        if self.files.checkpoint:
            state.save(self.files.checkpoint)
        peak = accelerator_peak_mib(self.runtime)
        if peak is not None:
            self.console.log(f"Accelerator memory after phase {phase.number}: peak {peak:.0f} MiB")

    def finish(self) -> None:
        """Leaves the stream at the best epoch of all."""
        if self.state.best:
            self.stream.model.set_weights(self.state.best)
        if self._tensorboard:
            self._tensorboard.close()

    def _fit(self, phase: Phase, bar: Bar) -> None:
        model = phase.model(self.stream)
        _seed_dropout(model, self.options.seed, phase)
        model.compile(
            optimizer=phase.new_optimizer(),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=self.options.settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=self.runtime.xla,
        )
        bar.advance(self.state.epoch)
        batches = self._batches(phase)
        validation = self.data.validation
        model.fit(
            batches,
            shuffle=False,  # the batches shuffle themselves, by seed and epoch
            epochs=phase.epochs,
            initial_epoch=self.state.epoch,
            validation_data=(plain_inputs(self.data.features, validation, phase.inputs), self._one_hot(validation)),
            validation_batch_size=PREDICTED,
            class_weight=self._class_weights,
            callbacks=self._callbacks(batches, bar, phase.epochs),
            verbose=0,
        )

    def _callbacks(self, batches: Batches, bar: Bar, epochs: int) -> list[keras.callbacks.Callback]:
        """The callbacks of one phase, in the order they must run."""
        settings, files = self.options.settings, self.files
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, min_delta=settings.min_delta)
        plateau = keras.callbacks.ReduceLROnPlateau(
            "val_loss",
            factor=settings.factor,
            patience=max(1, settings.patience // 2),  # before early stopping gives up
            min_delta=settings.min_delta,
            min_lr=settings.min_lr,
        )
        watched = {"stopping": stopping, "plateau": plateau}
        scalars = [TensorBoardScalars(self._tensorboard, self.state)] if self._tensorboard else []
        return [
            EpochOrder(batches),
            BestModel(self.stream, self.state, files.best_model),
            History(self.state),
            stopping,
            plateau,
            EpochLines(bar, epochs, self.console),
            *scalars,
            Checkpoint(self.state, files.checkpoint, watched),
        ]

    def _batches(self, phase: Phase) -> Batches:
        data, size, seed = self.data, self.state.batch_size, self.options.seed
        rows = TrainingRows(data.features, data.train, self._one_hot(data.train))
        if data.features.augmenter.settings.views:
            return StoredViews(rows, size, phase, seed)
        return FreshViews(rows, size, phase, seed, self.runtime)

    def _gauges(self) -> dict[str, float]:
        peak = accelerator_peak_mib(self.runtime)
        return {} if peak is None else {"accelerator_peak_mib": peak}

    def _one_hot(self, rows: Rows) -> NDArray[np.float32]:
        return np.eye(self.stream.classes, dtype=np.float32)[self.data.targets[rows]]

    def _halve_batch(self, error: Exception) -> None:
        smaller = self.state.batch_size // 2
        if smaller < 1:
            raise RuntimeUnavailableError(
                "The device's memory is too small for even one image a step.",
                fix="Close other programs that use it, or lower model.img_size.",
            ) from error
        self.console.warn(f"The device's memory ran out at {self.state.batch_size} images a step; trying {smaller}.")
        self.state.batch_size = smaller


def stream_probabilities(stream: PixelStream, features: TrunkFeatures, rows: Rows) -> NDArray[np.float32]:
    """What a stream says about images as they are, [n, C], from their trunk features."""
    inputs = plain_inputs(features, rows, "cut")
    return np.asarray(stream.tail_and_head.predict(inputs, batch_size=PREDICTED, verbose=0))


def plain_inputs(features: TrunkFeatures, rows: Rows, kind: str) -> NDArray[np.float32]:
    """Features of images as they are, of the ``cut`` or ``pooled``."""
    return np.asarray((features.cut if kind == "cut" else features.pooled)[0, rows], np.float32)


def _seed_dropout(model: keras.Model, seed: int, phase: Phase) -> None:
    """Each phase draws its own numbers: a run stopped between the phases goes on as if it had not been."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout) and layer.rate:  # without one it draws nothing
            layer.seed_generator.state.assign([seed + phase.number, 0])


def class_weights_of(
    targets: NDArray[np.int64], classes: int, settings: TrainingSettings
) -> Mapping[int, float] | None:
    """Weights that make each class count the same, or None where they are off or not needed."""
    counts = np.bincount(targets, minlength=classes)
    uneven = counts.max() > 1.5 * max(1, counts.min())
    if settings.class_weights == "off" or (settings.class_weights == "auto" and not uneven):
        return None
    weights = len(targets) / (classes * np.maximum(counts, 1))
    return {number: float(weight) for number, weight in enumerate(weights)}
