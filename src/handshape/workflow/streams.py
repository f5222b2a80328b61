"""Each stream of a classifier, trained on rows of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.splits import Rows, Split
from handshape.distributed import chief_first
from handshape.model.classifier import Classifier
from handshape.model.streams import HandStream, PixelStream, Stream
from handshape.model.weights import StartingWeights
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.hand_streams import HandLearner, HandStreamTrainer, LandmarkStreamTrainer
from handshape.workflow.kept_features import trunk_features
from handshape.workflow.pixel_options import training_options

if TYPE_CHECKING:
    from handshape.training.checkpoints import TrainingState
    from handshape.training.distillation import Teacher
    from handshape.training.features import TrunkFeatures
    from handshape.training.phases import Phase
    from handshape.training.pixel_task import TrainingFiles, TrainingOptions
    from handshape.training.pixels import PixelTrainer

MOST_JUDGING = 4096  # validation images that an epoch is judged by


class StreamTrainer(Protocol):
    """Trains one stream in place."""

    name: str
    teacher: Teacher | None  # whose answers are learned instead of the labels

    @property
    def history(self) -> dict[str, Any]:
        """Epochs and curves, for JSON and figures; empty where there is nothing to show."""

    def train(self) -> None:
        """Learns from the training rows of its split."""

    def refit(self, rows: Rows) -> None:
        """Goes on to learn from these rows."""

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """What the stream says about these, [n, C]."""


def stream_trainers(
    classifier: Classifier,
    dataset: Dataset,
    split: Split,
    weights: StartingWeights,
    settings: Settings,
    context: Context,
) -> tuple[StreamTrainer, ...]:
    """One for each stream that the classifier has, in the order in which they train.

    Args:
        classifier: whose streams.
        dataset: what they learn from.
        split: its rows.
        weights: what the pixel stream starts from.
        settings: of the run.
        context: console, machine and run.
    """

    learner = HandLearner(dataset, split, settings, context)

    def trainer(stream: Stream) -> StreamTrainer:
        if isinstance(stream, PixelStream):
            features = trunk_features(stream, dataset, split.cells, weights, settings, context)
            return PixelStreamTrainer(stream, features, dataset, split, settings, context)
        if isinstance(stream, HandStream):
            return HandStreamTrainer(stream, learner)
        return LandmarkStreamTrainer(stream, learner)

    return tuple(map(trainer, classifier.streams.values()))


class PixelStreamTrainer:
    """The pixel stream: its head on a frozen base, then the last layers with it."""

    name = "pixels"

    def __init__(
        self,
        stream: PixelStream,
        features: TrunkFeatures,
        dataset: Dataset,
        split: Split,
        settings: Settings,
        context: Context,
    ) -> None:
        self._stream, self._features, self._dataset, self._split = stream, features, dataset, split
        self._settings, self._context = settings, context
        self._options: TrainingOptions | None = None  # chosen when something is first trained
        self._state: TrainingState | None = None
        self.teacher: Teacher | None = None

    @property
    def history(self) -> dict[str, Any]:
        """See :class:`StreamTrainer`."""
        state = self._state
        if state is None:
            return {}
        return {
            "best_epoch": state.best_epoch,
            "epochs": state.phase_epochs,
            "batch_size": state.batch_size,
            "precision": self._precision,
            "history": state.history,
        }

    @property
    def _precision(self) -> str:
        """What it computed in while it learned."""
        found = self._state.precision if self._state else ""
        asked = self._options.precision if self._options else ""
        return found or asked or self._context.runtime.policy

    def train(self) -> None:
        """See :class:`StreamTrainer`."""
        trainer = self.prepare()
        self.train_head(trainer)
        self.fine_tune(trainer)

    def prepare(self) -> PixelTrainer:
        """What trains the stream, the features that it needs computed."""
        from handshape.training.pixel_task import TrainingFiles

        run = self._context.run
        files = TrainingFiles(run.best_model, run.checkpoint, run.tensorboard) if run else TrainingFiles()
        return self._trainer(self._split.train, files, self._phases)

    def train_head(self, trainer: PixelTrainer) -> None:
        """Phase one: the head, base frozen."""
        from handshape.training.phases import head_phase

        model = self._settings.model
        with self._context.watch.stage("train"):
            self._context.console.status("train", f"Phase 1: training the head, up to {model.num_epochs} epochs")
            trainer.run(head_phase(model))

    def fine_tune(self, trainer: PixelTrainer) -> None:
        """Phase two: the last layers with the head; ends at the best epoch of both phases."""
        from handshape.training.phases import fine_tune_phase

        model = self._settings.model
        with self._context.watch.stage("fine_tune"):
            if model.fine_tune_epochs:
                what = f"fine-tuning the last {model.fine_tune_layers} layers, up to {model.fine_tune_epochs} epochs"
                self._context.console.status("train", f"Phase 2: {what}")
            trainer.run(fine_tune_phase(model))
        trainer.finish()
        self._state = state = trainer.state
        if state.best_epoch:
            best = state.history["val_accuracy"][state.best_epoch - 1]
            self._context.console.detail(
                f"kept epoch {state.best_epoch} of both phases together, with the lowest validation loss; there the "
                f"pixel stream alone is right on {best:.1%} of the validation images"
            )

    def refit(self, rows: Rows) -> None:
        """See :class:`StreamTrainer`."""
        from handshape.training.phases import refit_phase
        from handshape.training.pixel_task import TrainingFiles

        run = self._context.run
        files = TrainingFiles(checkpoint=run.work / "refit_state.npz") if run else TrainingFiles()
        phase = refit_phase(self._settings.model)
        rows = self._rows_of_refit(rows, phase)
        self._features = self._features.renewed(self._stream, rows)
        trainer = self._trainer(rows, files, (phase,))
        self._context.console.status(
            "train", f"Fine-tuning the pixel stream on {len(rows):,} images, {phase.epochs} epochs"
        )
        trainer.run(phase)
        trainer.finish()

    def _rows_of_refit(self, rows: Rows, phase: Phase) -> Rows:
        """As many of these as the phase shows often enough; those that are new first, half of what was learned from."""
        most = phase.epochs * phase.shown(len(rows)) // phase.passes
        new, seed = np.setdiff1d(rows, self._split.train), self._settings.data.seed
        new = some_of(new, max(most // 2, most - len(self._split.train)), seed)
        known = np.intersect1d(rows, self._split.train)
        return np.sort(np.concatenate([new, some_of(known, most - len(new), seed)]))

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """See :class:`StreamTrainer`."""
        from handshape.training.pixels import stream_probabilities

        self._features.compute(rows, rows[:0], self._context.console)
        return stream_probabilities(self._stream, self._features, rows)

    def compute_features(self) -> None:
        """Sends what both phases show through the frozen trunk."""
        self._compute_features(self._split.train, self._phases)

    @property
    def _phases(self) -> tuple[Phase, Phase]:
        from handshape.training.phases import fine_tune_phase, head_phase

        return head_phase(self._settings.model), fine_tune_phase(self._settings.model)

    def _compute_features(self, rows: Rows, phases: Sequence[Phase]) -> None:
        """Sends through the frozen trunk what these phases show of these rows, and what they are judged by."""
        from handshape.training.batches import views_to_show

        seed, views = self._settings.data.seed, self._settings.augmentation.views
        judging = some_of(self._split.validation, MOST_JUDGING, seed)
        with self._context.watch.stage("features"), chief_first():
            shown = views_to_show(rows, phases, seed, self._features.pooled.shape[:2]) if views else None
            self._features.compute(judging, rows if views else rows[:0], self._context.console, shown)

    def _trainer(self, rows: Rows, files: TrainingFiles, phases: Sequence[Phase]) -> PixelTrainer:
        from handshape.training.pixel_task import PixelData
        from handshape.training.pixels import PixelTrainer

        self._compute_features(rows, phases)
        labels, teacher = self._dataset.targets, self.teacher
        soft = None if teacher is None else teacher.targets(rows, labels[rows], temperature=1.0)
        judging = some_of(self._split.validation, MOST_JUDGING, self._settings.data.seed)
        data = PixelData(self._features, labels, rows, judging, soft)
        options = self._options or training_options(self._stream, len(rows), self._settings, self._context)
        if self._state is not None:  # a refit goes on in the numbers that the training ended in
            options = replace(options, precision=self._state.precision or options.precision)
        self._options, context = options, self._context
        return PixelTrainer(self._stream, data, options, context.runtime, files, context.console)


def some_of(rows: Rows, most: int, seed: int) -> Rows:
    """These rows; of more than ``most``, so many of them, drawn by chance and in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, most]).choice(rows, most, replace=False))
