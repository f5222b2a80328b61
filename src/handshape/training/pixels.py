"""Training: features once, then phase by phase; halves the batch where memory runs out; goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.config import AugmentationSettings, TrainingSettings
from handshape.console import Bar, Console
from handshape.errors import RuntimeUnavailableError
from handshape.model.streams import PixelStream
from handshape.runtime import Runtime, accelerator_peak_mib, is_out_of_memory
from handshape.training.augment import Augmenter
from handshape.training.batches import Batches, FreshViews, StoredViews
from handshape.training.callbacks import create_callbacks
from handshape.training.checkpoints import TrainingState
from handshape.training.features import Features, augmented_features, frozen_trunk, plain_features
from handshape.training.phases import Phase
from handshape.training.tensorboard import TensorBoardWriter


@dataclass(frozen=True)
class TrainingData:
    """Decoded images and their classes.

    ``images`` [N, S, S, 3] uint8 and ``targets`` [N] class numbers, each for training and validation; ``points``
    [N, 21, 2], the landmarks of the training images in their pixels, not numbers where there is no hand.
    """

    images: NDArray[np.uint8]
    points: NDArray[np.float32]
    targets: NDArray[np.int64]
    validation_images: NDArray[np.uint8]
    validation_truth: NDArray[np.int64]


@dataclass(frozen=True)
class TrainingFiles:
    """Where a training writes."""

    best_model: Path
    checkpoint: Path
    board: Path
    work: Path


class Trainer:
    """Trains one pixel stream, phase by phase.

    Args:
        stream: is trained in place.
        batch_size: images a step; halved, and said aloud, when the device's memory runs out.
        seed: decides views, order and dropout.
    """

    def __init__(
        self,
        stream: PixelStream,
        data: TrainingData,
        batch_size: int,
        seed: int,
        augmentation: AugmentationSettings,
        settings: TrainingSettings,
        runtime: Runtime,
        files: TrainingFiles,
        console: Console,
    ) -> None:
        self.stream = stream
        self.data = data
        self.seed = seed
        self.augmentation = augmentation
        self.settings = settings
        self.runtime = runtime
        self.files = files
        self.console = console
        self.board = TensorBoardWriter(files.board, self._gauges)
        self.state = TrainingState.load(files.checkpoint) if files.checkpoint.exists() else TrainingState()
        self.state.batch_size = self.state.batch_size or batch_size
        self.class_weights = class_weights_of(data.targets, stream.classes, settings)
        self._trunk = frozen_trunk(stream, runtime, console)
        self._validation: Features | None = None
        self._stored: Features | None = None

    def prepare(self) -> None:
        """Sends validation images and augmented views through the frozen trunk."""
        self.board.add_graph(self.stream.model)
        self._validation = plain_features(self.data.validation_images, self._trunk, self.console, "validation images")
        if self.augmentation.views:
            self._stored = augmented_features(
                Augmenter(self.data.images, self.data.points, self.augmentation),
                self._trunk,
                self.seed,
                self.console,
                self.files.work,
            )

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
                with self.console.progress(f"phase {phase.number}, {phase.name}", phase.epochs) as bar:
                    self._fit(phase, bar)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve_batch(error)
        state.finished = True
        state.weights, state.optimizer, state.counters = [], [], {}
        state.phase_epochs[str(phase.number)] = state.epoch
        state.save(self.files.checkpoint)
        peak = accelerator_peak_mib(self.runtime)
        if peak is not None:
            self.console.log(f"Accelerator memory after phase {phase.number}: peak {peak:.0f} MiB")

    def validation_probabilities(self) -> NDArray[np.float32]:
        """What the stream as it is now says about the validation images, [N, C]."""
        inputs = self._validation_inputs("cut")
        return np.asarray(self.stream.tail_and_head.predict(inputs, batch_size=256, verbose=0))

    def finish(self) -> None:
        """Leaves the stream at the best epoch of all."""
        if self.state.best:
            self.stream.model.set_weights(self.state.best)
        self.board.close()

    def _fit(self, phase: Phase, bar: Bar) -> None:
        model = phase.model(self.stream)
        _seed_dropout(model, self.seed, phase)
        model.compile(
            optimizer=phase.new_optimizer(),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=self.settings.label_smoothing),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=self.runtime.xla,
        )
        bar.advance(self.state.epoch)
        batches = self._batches(phase)
        model.fit(
            batches,
            shuffle=False,  # the batches shuffle themselves, by seed and epoch
            epochs=phase.epochs,
            initial_epoch=self.state.epoch,
            validation_data=(self._validation_inputs(phase.inputs), self._one_hot(self.data.validation_truth)),
            validation_batch_size=256,
            class_weight=self.class_weights,
            callbacks=create_callbacks(
                batches,
                self.stream,
                self.state,
                self.settings,
                self.files.best_model,
                self.files.checkpoint,
                self.board,
                bar,
            ),
            verbose=0,
        )

    def _batches(self, phase: Phase) -> Batches:
        size, seed, targets = self.state.batch_size, self.seed, self._one_hot(self.data.targets)
        if self._stored is not None:
            return StoredViews(self._stored, targets, size, phase, seed)
        views = Augmenter(self.data.images, self.data.points, self.augmentation)
        return FreshViews(views, self._trunk, targets, size, phase, seed, self.runtime)

    def _gauges(self) -> dict[str, float]:
        peak = accelerator_peak_mib(self.runtime)
        return {} if peak is None else {"accelerator_peak_mib": peak}

    def _one_hot(self, targets: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.eye(self.stream.classes, dtype=np.float32)[targets]

    def _validation_inputs(self, kind: str) -> NDArray[np.float32]:
        if self._validation is None:
            raise RuntimeError("prepare() comes before run()")
        inputs = self._validation.cut if kind == "cut" else self._validation.pooled
        return inputs[0].astype(np.float32)

    def _halve_batch(self, error: Exception) -> None:
        smaller = self.state.batch_size // 2
        if smaller < 1:
            raise RuntimeUnavailableError(
                "The device's memory is too small for even one image a step.",
                fix="Close other programs that use it, or lower model.img_size.",
            ) from error
        self.console.warn(f"The device's memory ran out at {self.state.batch_size} images a step; trying {smaller}.")
        self.state.batch_size = smaller


def _seed_dropout(model: keras.Model, seed: int, phase: Phase) -> None:
    """Each phase draws its own numbers: a run stopped between the phases goes on as if it had not been."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
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
