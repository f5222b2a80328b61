"""Training the pixel stream, phase by phase; goes on where it stopped.

Where memory runs out it halves the batch; where the loss is no number in half precision it goes on in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.bars import Bar
from handshape.config import TrainingSettings
from handshape.console import Console
from handshape.devices import no_room_for_one
from handshape.errors import DivergedError
from handshape.model.streams import PixelStream
from handshape.precision import FULL, set_precision
from handshape.runtime import Runtime, accelerator_peak_mib, is_out_of_memory
from handshape.training.batches import Batches, FreshViews, StoredViews, TrainingRows
from handshape.training.callbacks import (
    BestModel,
    Checkpoint,
    EpochLines,
    EpochOrder,
    FallingRate,
    FiniteLoss,
    History,
    MachineGauges,
    TensorBoardScalars,
)
from handshape.training.checkpoints import TrainingState, require_fit
from handshape.training.distribution import OneDevice, sharing
from handshape.training.features import TrunkFeatures
from handshape.training.folding import folded
from handshape.training.gauges import gauges_of
from handshape.training.phases import Phase
from handshape.training.pixel_task import PixelData, TrainingFiles, TrainingOptions
from handshape.training.profiling import StepTrace
from handshape.training.tensorboard import TensorBoardWriter

Rows = NDArray[np.integer]
PREDICTED = 256  # images a step when nothing is learned
MANY = 4096  # whose features are in memory at a time: 42 MB


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
        self.state = TrainingState.found(files.checkpoint)
        if self.state.best:
            require_fit(files.checkpoint, self.state.best, stream.model.weights)
        self.state.batch_size = self.state.batch_size or options.batch_size
        self.compute_in(self.state.precision or options.precision or runtime.policy)
        self._gauges = gauges_of(runtime)
        self._best = BestModel(stream, self.state, files.best_model)
        self._class_weights = class_weights_of(data.targets[data.train], stream.classes, options.settings)
        self._tensorboard = TensorBoardWriter(files.tensorboard, self._peak_memory) if files.tensorboard else None
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
        begun = self.stream.model.get_weights()
        phase = replace(phase, learning_rate=phase.learning_rate * self.options.rate_factor)
        while True:
            try:
                with self.console.progress(f"Phase {phase.number}, epoch", phase.epochs) as bar:
                    self._fit(phase, bar)
                break
            except DivergedError as error:
                self._go_on_in_float32(error)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_batch(error)
            if not state.weights:  # no epoch of this phase is done: what its first steps changed is undone
                self.stream.model.set_weights(begun)
        state.finished = True
        state.weights, state.optimizer, state.counters = [], [], {}
        state.phase_epochs[str(phase.number)] = state.epoch
        if self.files.checkpoint:
            state.save(self.files.checkpoint)
        peak = accelerator_peak_mib(self.runtime)
        if peak is not None:
            self.console.log(f"Accelerator memory after phase {phase.number}: peak {peak:.0f} MiB")

    def finish(self) -> None:
        """Leaves the stream at the best epoch of all, computing in float32, as it is measured and shipped."""
        if self.state.best:
            self.stream.model.set_weights(self.state.best)
        self.compute_in(FULL)
        self.data.features.let_go()
        if self._tensorboard:
            self._tensorboard.close()

    def compute_in(self, precision: str) -> None:
        """Has the network compute in these numbers, a Keras dtype policy."""
        self.precision = precision
        for model in (self.stream.model, self.stream.trunk, self.stream.tail_and_head):
            set_precision(model, precision)

    def _fit(self, phase: Phase, bar: Bar) -> None:
        among = sharing(self.runtime, self.console)
        with among.scope():
            self._fit_among(among, phase, bar)

    def _fit_among(self, among: OneDevice, phase: Phase, bar: Bar) -> None:
        network = phase.model(self.stream)
        model = among.in_place(folded(network) if self.options.folds else network)
        model.dtype_policy = network.dtype_policy  # by which the loss is scaled
        _seed_dropout(model, self.options.seed, phase)
        model.compile(
            optimizer=phase.new_optimizer(),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=self.options.settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=self.runtime.xla,
        )
        bar.advance(self.state.epoch)
        batches = self._batches(phase, among)
        self._gauges.watch(batches)
        rows = self.data.validation
        shown, wanted = plain_inputs(self.data.features, rows, phase.inputs), self._one_hot(rows)
        callbacks = [*among.following(network), *self._callbacks(batches, bar, phase)]
        with ExitStack() as ending:
            ending.callback(self._gauges.stop)
            model.fit(
                batches,
                shuffle=False,  # the batches shuffle themselves, by seed and epoch
                epochs=phase.epochs,
                initial_epoch=self.state.epoch,
                validation_data=among.validation(shown, wanted, PREDICTED),
                validation_batch_size=PREDICTED,
                class_weight=self._class_weights,
                callbacks=[*callbacks, *self._traces(phase, ending)],
                verbose=0,
            )

    def _traces(self, phase: Phase, ending: ExitStack) -> list[StepTrace]:
        """What traces some steps, where that is asked for; ended with ``ending``."""
        steps, folder = self.options.settings.profile_steps, self.files.tensorboard
        if not steps or folder is None:
            return []
        trace = StepTrace(steps, f"phase {phase.number}", folder, self.console)
        ending.callback(trace.close)
        return [trace]

    def _callbacks(self, batches: Batches, bar: Bar, phase: Phase) -> list[keras.callbacks.Callback]:
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
        machine = MachineGauges(self._gauges)
        scalars = [TensorBoardScalars(self._tensorboard, self.state, machine)] if self._tensorboard else []
        return [
            EpochOrder(batches),
            *([FallingRate(phase.epochs)] if phase.falls else []),
            FiniteLoss(f"Phase {phase.number} of the pixel stream", phase.rate_setting),
            self._best,
            History(self.state),
            stopping,
            plateau,
            machine,
            EpochLines(bar, phase.epochs, self.console, machine=machine),
            *scalars,
            Checkpoint(self.state, files.checkpoint, watched),
        ]

    def _batches(self, phase: Phase, among: OneDevice) -> Batches:
        data, size, seed = self.data, self.state.batch_size, self.options.seed
        rows = TrainingRows(data.features, data.train, self._one_hot(data.train) if data.soft is None else data.soft)
        is_fresh = not data.features.augmenter.settings.views
        if is_fresh or self.options.settings.profile_steps:  # made as they are needed; a trace is of steps
            among.steps = 1
        if is_fresh:
            return FreshViews(rows, size, phase, seed, among, self.runtime)
        return StoredViews(rows, size, phase, seed, among)

    def _peak_memory(self) -> dict[str, float]:
        peak = accelerator_peak_mib(self.runtime)
        return {} if peak is None else {"accelerator_peak_mib": peak}

    def _one_hot(self, rows: Rows) -> NDArray[np.float32]:
        return np.eye(self.stream.classes, dtype=np.float32)[self.data.targets[rows]]

    def _go_on_in_float32(self, error: DivergedError) -> None:
        """From the last good epoch on; what went astray in float32 ends there.

        Raises:
            DivergedError: it was float32 already; says what is good, which is written.
        """
        state, file = self.state, self.files.checkpoint
        self._best.save_now()
        if self.precision == FULL:
            if file and state.history:
                state.save(file)
            raise self._with_last_good(error) from None
        self.console.warn(
            f"{error.happened} That was in {self.precision}; going on in float32, after epoch {state.epoch} of this "
            "phase."
        )
        state.precision = FULL
        self.compute_in(FULL)
        if file:
            state.save(file)

    def _with_last_good(self, error: DivergedError) -> DivergedError:
        state, file = self.state, self.files.best_model
        if not state.best_epoch:
            good = "No epoch before it was good."
        else:
            good = f"Epoch {state.best_epoch} of all was the best, with a validation loss of {state.best_loss:.3f}"
            good += f"; its model is {file}." if file else "."
        return DivergedError(f"{error.happened} {good}", error.expected, error.fix)

    def _halve_batch(self, error: Exception) -> None:
        smaller = self.state.batch_size // 2
        if smaller < 1:
            raise no_room_for_one() from error
        self.console.warn(f"The device's memory ran out at {self.state.batch_size} images a step; trying {smaller}.")
        self.state.batch_size = smaller


def stream_probabilities(stream: PixelStream, features: TrunkFeatures, rows: Rows) -> NDArray[np.float32]:
    """What a stream says about images as they are, [n, C], from their trunk features."""
    parts = np.split(rows, range(MANY, len(rows), MANY))
    said = [
        stream.tail_and_head.predict(plain_inputs(features, part, "cut"), batch_size=PREDICTED, verbose=0)
        for part in parts
    ]
    return np.concatenate(said)


def plain_inputs(features: TrunkFeatures, rows: Rows, kind: str) -> NDArray[np.float32]:
    """Features of images as they are, of the ``cut`` or ``pooled``."""
    return features.read(kind, 0, rows).astype(np.float32)


def _seed_dropout(model: keras.Model, seed: int, phase: Phase) -> None:
    """Each phase draws its own numbers: a run stopped between the phases goes on as if it had not been."""
    for layer in model._flatten_layers():
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
