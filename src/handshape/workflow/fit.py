"""Fitting a classifier: each stream trains on the rows it is given, then what joins and calibrates them is fitted.

Keras is imported by what needs it, after the context has chosen its backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Rows, Split
from handshape.errors import RunError
from handshape.evaluation.calibration import fit_temperature
from handshape.hands.geometry import hand_size
from handshape.hands.known_hands import KnownHands, load_known_hands, no_known_hands
from handshape.model.classifier import PIXELS, Classifier, build_classifier, fused_scores, fusion_inputs
from handshape.model.networks import KerasNetwork
from handshape.model.streams import fold_temperature
from handshape.model.weights import StartingWeights, find_weights
from handshape.runtime import Runtime, seed_everything
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.hand_streams import HandStreamTrainer, LandmarkStreamTrainer
from handshape.workflow.run import Run
from handshape.workflow.streams import StreamTrainer, stream_trainers

if TYPE_CHECKING:
    from handshape.training.distillation import Teacher

MIN_PROBABILITY = 1e-30  # before its logarithm
FUSION_NAMES = ("without_hand", "with_hand", "by_size")  # of each stream, what it counts
MANY_PEOPLE = 40  # with more, those kept back for the test are hardly missed


@dataclass(frozen=True, eq=False)
class Fitted:
    """A classifier that has learned.

    Attributes:
        classifier: trained in place; a refit goes on with it.
        calibration: the numbers that join its streams, or its temperature.
        trainers: one a stream.
    """

    classifier: Classifier
    calibration: Mapping[str, Any]
    trainers: tuple[StreamTrainer, ...]

    @property
    def history(self) -> dict[str, Any]:
        """Epochs and curves of the streams that keep them; empty where none does."""
        return next((trainer.history for trainer in self.trainers if trainer.history), {})

    @cached_property
    def network(self) -> KerasNetwork:
        """The classifier as a function of inputs."""
        return KerasNetwork(self.classifier.model)


def fit(dataset: Dataset, split: Split, settings: Settings, context: Context, teacher: Teacher | None = None) -> Fitted:
    """Trains every stream on the training rows; validation rows choose epochs, join the streams and calibrate them.

    With a teacher, the streams learn what it says of the training rows instead of their labels.

    Raises:
        RunError: a resumed run would start from something else, or a training diverges.
        ModelError: the starting weights do not fit.
    """
    classifier, trainers = prepare(dataset, split, settings, context)
    for trainer in trainers:
        trainer.teacher = teacher
        trainer.train()
    set_prior(classifier, dataset, split.train)
    with context.watch.stage("calibrate"):
        calibration = calibrate(classifier, trainers, dataset, split.validation)
    return Fitted(classifier, calibration, trainers)


def prepare(
    dataset: Dataset, split: Split, settings: Settings, context: Context
) -> tuple[Classifier, tuple[StreamTrainer, ...]]:
    """A classifier that has learned nothing yet, and what trains each of its streams; see :func:`fit`."""
    with context.watch.stage("start"):
        weights = choose_weights(settings, context.console)
        runtime = context.runtime
        seed_everything(settings.data.seed)
        if context.run is not None:
            require_same_start(context.run, weights, runtime, settings)
    with context.watch.stage("build"):
        classifier = build_classifier(
            dataset.class_names, settings.model, weights, settings.landmark_stream, settings.hand_stream
        )
    return classifier, stream_trainers(classifier, dataset, split, weights, settings, context)


def known_hands_of(fitted: Fitted) -> KnownHands:
    """Those that a classifier learns from and is asked about; none where pixels count, which known hands lack."""
    learners = [each.learner for each in fitted.trainers if isinstance(each, HandStreamTrainer | LandmarkStreamTrainer)]
    return learners[0].known if learners and len(learners) == len(fitted.trainers) else no_known_hands()


def answer_other_signs(fitted: Fitted) -> NDArray[np.float32] | None:
    """What a classifier says of known hands of other signs that it has not learned from, [n, C]; None without any."""
    rows = known_hands_of(fitted).kept_others
    return answer_known_hands(fitted, rows) if len(rows) else None


def answer_known_hands(fitted: Fitted, rows: Rows) -> NDArray[np.float32]:
    """What a classifier says of some of its known hands, at least one, [n, C]."""
    trainers = [each for each in fitted.trainers if isinstance(each, HandStreamTrainer | LandmarkStreamTrainer)]
    size = hand_size(load_known_hands()[0][rows])
    weights = fusion_inputs(np.ones_like(size), size) @ fitted.classifier.fusion.get_weights()[0]
    scores = fused_scores([each.known_probabilities(rows) for each in trainers], weights)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def refit(fitted: Fitted, rows: Rows, settings: Settings, context: Context) -> None:
    """The streams go on learning, from all these rows; how they are joined and calibrated stays."""
    classifier, temperature = fitted.classifier, fitted.calibration.get("temperature", 1.0)
    with context.watch.stage("refit"):
        context.console.status(
            "train", "Learning from the validation and test images too: the accuracy has been measured"
        )
        if temperature != 1:
            fold_temperature(classifier.streams[PIXELS], 1 / temperature)  # training goes on where it was
        for trainer in fitted.trainers:
            trainer.refit(rows)
        if temperature != 1:
            fold_temperature(classifier.streams[PIXELS], temperature)


def needs_refit(dataset: Dataset, settings: Settings) -> bool:
    """Whether, once measured, a classifier goes on to learn from the images kept back: where people are few."""
    if settings.training.refit != "auto":
        return settings.training.refit == "on"
    people = len(set(dataset.groups.of.values())) if dataset.groups.are_signers else 0
    return people < MANY_PEOPLE


def choose_weights(settings: Settings, console: Console) -> StartingWeights:
    """Where MobileNetV2 starts, said aloud; without a pixel stream it starts nowhere, and nothing is downloaded."""
    if PIXELS not in settings.model.streams:
        wanted = settings.model.weights
        return find_weights("own" if wanted in ("auto", "imagenet") else wanted, settings.model.img_size, console)
    for_crops = settings.model.weights == "auto" and settings.hands.find != "off"
    weights = find_weights("own" if for_crops else settings.model.weights, settings.model.img_size, console)
    if for_crops:
        weights = replace(weights, reason="made for crops of hands")
    console.status("weights", f"Starting from weights: {weights.name} ({weights.reason})")
    return weights


def require_same_start(run: Run, weights: StartingWeights, runtime: Runtime, settings: Settings) -> None:
    """Notes what the run starts from; raises RunError where a resumed run would start from something else."""
    start = {"weights": weights.name, "sha256": weights.sha256, "backend": runtime.backend}
    start["hands"] = settings.hands.find
    known = run.record().get("start", start)
    if known != start:
        raise RunError(
            f"The run {run.folder} began with {_described(known)}; now there are {_described(start)}.",
            "the same start, so that it ends as it would have without the stop",
            "Make the same weights, backend and hand models available again, or start a new run.",
        )
    run.record(start=start)


def calibrate(
    classifier: Classifier, trainers: tuple[StreamTrainer, ...], dataset: Dataset, rows: Rows
) -> dict[str, Any]:
    """Fits what joins and calibrates the streams, puts it into the model and reports it."""
    targets = dataset.targets[rows]
    answers = {trainer.name: trainer.probabilities(rows) for trainer in trainers}
    if classifier.fusion is not None:
        kernel = fusion_of(answers, dataset, rows)
        classifier.fusion.set_weights([kernel])
        columns = zip(answers, kernel.T.tolist(), strict=True)
        return {"fusion": {name: dict(zip(FUSION_NAMES, column, strict=True)) for name, column in columns}}
    probabilities = answers[PIXELS]
    temperature = fit_temperature(np.log(np.maximum(probabilities, MIN_PROBABILITY)), targets)
    fold_temperature(classifier.streams[PIXELS], temperature)
    return {"temperature": temperature}


def fusion_of(answers: Mapping[str, NDArray[np.float32]], dataset: Dataset, rows: Rows) -> NDArray[np.float32]:
    """The kernel of the layer that joins the S streams, [3, S], fitted on what each says of these rows, [n, C]."""
    from handshape.training.fusion import fit_fusion

    present, size = dataset.inputs.hand_present[rows], hand_size(dataset.inputs.landmarks[rows])
    return fit_fusion(answers, present, size, dataset.targets[rows], len(set(dataset.signers(rows))))


def prior_of(dataset: Dataset, rows: Rows) -> NDArray[np.float32]:
    """Log-probabilities of the classes where no hand is found, [1, C]: of these rows that show none."""
    unseen = dataset.targets[rows][~dataset.inputs.found[rows]]
    counts = 1 + np.bincount(unseen, minlength=len(dataset.class_names))
    return np.log(counts / counts.sum())[None].astype(np.float32)


def set_prior(classifier: Classifier, dataset: Dataset, rows: Rows) -> None:
    """What a classifier without a pixel stream says where no hand is found: the classes of such training images."""
    if classifier.prior is not None:
        classifier.prior.set_weights([prior_of(dataset, rows)])


def _described(start: Mapping[str, str]) -> str:
    return f"{start['weights']} weights, {start['backend']} and hands.find={start.get('hands', 'off')}"
