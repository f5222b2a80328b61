"""The stages of training: the machine, the model, both streams, and what joins them.

Keras is imported by the stages that need it, after :func:`start_machine` has chosen its backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.calibration import fit_temperature
from handshape.hands.crops import points_in_crops
from handshape.hands.geometry import hand_size
from handshape.hands.known_hands import known_hands_like
from handshape.model.classifier import Classifier, build_classifier, fusion_kernel
from handshape.model.streams import LandmarkStream, PixelStream, fold_temperature
from handshape.model.weights import StartingWeights, find_weights
from handshape.runtime import Runtime, choose_runtime, native_chatter_hidden, start_runtime
from handshape.workflow.dataset import Decoded, knows_signers
from handshape.workflow.run import Run

if TYPE_CHECKING:
    from handshape.training.pixels import Trainer, TrainingFiles

MIN_PROBABILITY = 1e-30  # of a probability, before its logarithm
FUSION_NAMES = ("pixels_without_hand", "pixels", "pixels_by_size", "landmarks", "landmarks_by_size")
MANY_PEOPLE = 40  # with more, those kept back for judging are hardly missed


def choose_weights(settings: Settings, console: Console) -> StartingWeights:
    """Where MobileNetV2 starts, said aloud."""
    for_crops = settings.model.weights == "auto" and settings.hands.find != "off"
    weights = find_weights("own" if for_crops else settings.model.weights, settings.model.img_size, console)
    if for_crops:
        weights = replace(weights, reason="made for crops of hands")
    console.status("weights", f"Starting from weights: {weights.name} ({weights.reason})")
    return weights


def start_machine(settings: Settings, console: Console) -> Runtime:
    """Chooses backend, device and precision, says why, and starts Keras on them."""
    with native_chatter_hidden():  # of a backend that has to be asked for its devices
        runtime = choose_runtime(settings.gpu)
    console.status("machine", f"Running on {runtime.accelerator or 'the CPU'} with {runtime.backend}")
    for decision in runtime.decisions:
        console.log(str(decision))
    start_runtime(runtime, settings.gpu, settings.data.seed)
    return runtime


def require_same_start(run: Run, weights: StartingWeights, runtime: Runtime, settings: Settings) -> None:
    """Notes what the run starts from; raises RunError where a resumed run would start from something else."""
    start = {"weights": weights.name, "sha256": weights.sha256, "backend": runtime.backend}
    start["hands"] = settings.hands.find
    known = run.record().get("start", start)
    if known != start:
        raise RunError(
            f"The run {run.folder} began with {_in_words(known)}; now there are {_in_words(start)}.",
            "the same start, so that it ends as it would have without the stop",
            "Make the same weights, backend and hand models available again, or start a new run.",
        )
    run.record(start=start)


def _in_words(start: dict[str, str]) -> str:
    return f"{start['weights']} weights, {start['backend']} and hands.find={start.get('hands', 'off')}"


def build_model(class_names: tuple[str, ...], settings: Settings, weights: StartingWeights) -> Classifier:
    """MobileNetV2 with its new head, the landmark stream, and what weighs them."""
    return build_classifier(class_names, settings.model, weights)


def create_trainer(
    classifier: Classifier, decoded: Decoded, settings: Settings, runtime: Runtime, run: Run, console: Console
) -> Trainer | None:
    """What trains the pixel stream, its features prepared; None without that stream."""
    from handshape.training.pixels import TrainingFiles

    files = TrainingFiles(run.best_model, run.checkpoint, run.board, run.work)
    return _trainer("train", files, classifier, decoded, settings, runtime, console)


def _trainer(
    part: str,
    files: TrainingFiles,
    classifier: Classifier,
    decoded: Decoded,
    settings: Settings,
    runtime: Runtime,
    console: Console,
) -> Trainer | None:
    from handshape.training.pixels import Trainer, TrainingData

    if classifier.pixels is None:
        return None
    inputs, targets = decoded.inputs[part], decoded.targets[part]
    points = points_in_crops(inputs.landmarks, settings.model.img_size)
    trainer = Trainer(
        classifier.pixels,
        TrainingData(inputs.image, points, targets, decoded.inputs["validation"].image, decoded.targets["validation"]),
        settings.model.batch_size,
        settings.data.seed,
        settings.augmentation,
        settings.training,
        runtime,
        files,
        console,
    )
    trainer.prepare()
    return trainer


def train_landmark_stream(
    classifier: Classifier,
    decoded: Decoded,
    split: Split,
    settings: Settings,
    runtime: Runtime,
    console: Console,
    part: str = "train",
) -> None:
    """The landmark stream, on the hands of a part of the images and on known ones."""
    from handshape.training.landmarks import balanced, train_landmarks

    if classifier.landmarks is None:
        return
    inputs, targets = decoded.inputs[part], decoded.targets[part]
    if not inputs.found.any():
        console.warn("No hand was found in any training image, so the landmark stream has nothing to learn from.")
        return
    landmarks, targets, people = (
        inputs.landmarks[inputs.found],
        targets[inputs.found],
        _people(split, part)[inputs.found],
    )
    console.status("train", f"Training the landmark stream on {len(targets)} hands")
    if settings.hands.known == "auto":
        others = known_hands_like(landmarks, targets, classifier.class_names)
        console.detail(others.summary)
        landmarks, targets = np.concatenate([landmarks, others.landmarks]), np.concatenate([targets, others.targets])
        people = np.concatenate([people, np.full(len(others.targets), people.max() + 1)])
    train_landmarks(classifier.landmarks, balanced(landmarks, targets, people), settings.data.seed, runtime, console)


def _people(split: Split, part: str) -> NDArray[np.int64]:
    """The number of the signer of each image of a part; one number for all where signers are not known."""
    samples = split.parts.get(part) or [sample for each in split.parts.values() for sample in each]
    if not knows_signers(split) or split.groups is None:
        return np.zeros(len(samples), np.int64)
    return np.unique([split.groups[sample.path] for sample in samples], return_inverse=True)[1]


def train_head(trainer: Trainer | None, settings: Settings, console: Console) -> None:
    """Phase one: the head, base frozen."""
    from handshape.training.phases import head_phase

    if trainer is None:
        return
    console.status("train", f"Phase 1: training the head, up to {settings.model.num_epochs} epochs")
    trainer.run(head_phase(settings.model))


def fine_tune(trainer: Trainer | None, settings: Settings, console: Console) -> None:
    """Phase two: the last layers with the head; ends at the best epoch of both phases."""
    from handshape.training.phases import fine_tune_phase

    if trainer is None:
        return
    epochs, layers = settings.model.fine_tune_epochs, settings.model.fine_tune_layers
    if epochs:
        console.status("train", f"Phase 2: fine-tuning the last {layers} layers, up to {epochs} epochs")
    trainer.run(fine_tune_phase(settings.model))
    trainer.finish()


def calibrate_streams(
    classifier: Classifier, trainer: Trainer | None, decoded: Decoded, split: Split
) -> dict[str, Any]:
    """Fits what joins and calibrates the streams on the validation images, puts it into the model and reports it."""
    from handshape.training.fusion import fit_fusion

    inputs, targets = decoded.inputs["validation"], decoded.targets["validation"]
    seen: Any = trainer.validation_probabilities() if trainer else None
    shapes = None
    if classifier.landmarks is not None:
        shapes = np.asarray(classifier.landmarks.model.predict(inputs.landmarks, batch_size=256, verbose=0))
    if seen is not None and shapes is not None:
        people = len(set(_people(split, "validation")))
        weights = fit_fusion(seen, shapes, inputs.hand_present, hand_size(inputs.landmarks), targets, people)
        classifier.fusion.set_weights([fusion_kernel(weights)])
        return {"fusion": dict(zip(FUSION_NAMES, map(float, weights), strict=True))}
    if shapes is not None:
        seen, targets = shapes[inputs.found], targets[inputs.found]
    temperature = fit_temperature(np.log(np.maximum(seen, MIN_PROBABILITY)), targets)
    fold_temperature(_only_stream(classifier), temperature)
    return {"temperature": temperature}


def _only_stream(classifier: Classifier) -> PixelStream | LandmarkStream:
    stream = classifier.pixels or classifier.landmarks
    if stream is None:
        raise ValueError("A classifier has at least one stream.")
    return stream


def refits(split: Split, settings: Settings) -> bool:
    """Whether, once judged, the classifier goes on to learn from the images kept back: where people are few."""
    if settings.training.refit != "auto":
        return settings.training.refit == "on"
    people = len(set(split.groups.values())) if knows_signers(split) and split.groups else 0
    return people < MANY_PEOPLE


def refit(
    classifier: Classifier,
    calibration: Mapping[str, Any],
    decoded: Decoded,
    split: Split,
    settings: Settings,
    runtime: Runtime,
    run: Run,
    console: Console,
) -> None:
    """The streams go on learning, now from every image; how they are joined and calibrated, what is accepted, stays.

    Args:
        calibration: what :func:`calibrate_streams` returned.
    """
    from handshape.training.phases import refit_phase
    from handshape.training.pixels import TrainingFiles

    console.status("train", "Learning from the validation and test images too, now that they have been judged by")
    temperature = calibration.get("temperature", 1.0)
    fold_temperature(_only_stream(classifier), 1 / temperature)  # training goes on where it was
    train_landmark_stream(classifier, decoded, split, settings, runtime, console, "all")
    work = run.work / "refit"
    work.mkdir(exist_ok=True)
    files = TrainingFiles(work / "best.h5", work / "state.npz", work / "board", work)
    trainer = _trainer("all", files, classifier, decoded, settings, runtime, console)
    if trainer is not None:
        trainer.run(refit_phase(settings.model))
        trainer.finish()
    fold_temperature(_only_stream(classifier), temperature)
