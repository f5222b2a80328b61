"""The stages after training: the network as it is shipped, its measures and its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.evaluation.decisions import DecisionReport, report_decisions
from handshape.evaluation.external import predict_files
from handshape.evaluation.metrics import Metrics, classification_report, measure
from handshape.evaluation.predictions import KerasNetwork, LiteRtNetwork, Network, Predictions, predict_all
from handshape.evaluation.thresholds import Tuning, tune_thresholds
from handshape.files import write_json
from handshape.hands.inputs import Inputs
from handshape.hands.search import HandSearch
from handshape.images import images_below
from handshape.machine import is_installed
from handshape.model.classifier import Classifier, in_float32
from handshape.runtime import Runtime
from handshape.workflow.dataset import Decoded, labels_of
from handshape.workflow.fit import calibrate_streams
from handshape.workflow.run import Run

if TYPE_CHECKING:
    from handshape.training.pixels import Trainer


@dataclass(frozen=True)
class Evaluation:
    """What a model did on images whose classes are known."""

    predictions: Predictions
    metrics: Metrics
    inputs: Inputs


@dataclass(frozen=True)
class Answered:
    """Probabilities [N, C] of N images, and which of them show a hand, [N]."""

    probabilities: NDArray[np.float32]
    found: NDArray[np.bool_]


@dataclass(frozen=True)
class Negatives:
    """What the model says about images without a sign."""

    tuning: Answered
    test: Answered


@dataclass(frozen=True)
class Shipped:
    """A classifier as it leaves the house.

    Attributes:
        model: in Keras, calibrated, float32.
        litert: None where TensorFlow, which converts, is not installed.
        network: the LiteRT model where there is one, else the Keras model, to measure.
    """

    model: Any
    litert: bytes | None
    network: KerasNetwork | LiteRtNetwork


@dataclass(frozen=True)
class Judgement:
    """The measures of a trained classifier, and what they were measured on."""

    validation: Evaluation
    test: Evaluation
    negatives: Negatives | None
    tuning: Tuning
    calibration: dict[str, Any]  # how the streams are joined and calibrated
    judged: Shipped
    split: Split
    looked_for_hands: bool

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return labels_of(self.split)

    def hand_found(self, evaluation: Evaluation) -> NDArray[np.bool_] | None:
        """Which images show a hand, [N]; None where nobody looked."""
        return evaluation.inputs.found if self.looked_for_hands else None


def judge(
    classifier: Classifier,
    trainer: Trainer | None,
    split: Split,
    decoded: Decoded,
    look: HandSearch | None,
    settings: Settings,
    runtime: Runtime,
    run: Run,
    console: Console,
) -> Judgement:
    """Weighs the streams, calibrates and tunes thresholds on validation; measures the network as it is shipped."""
    calibration = calibrate_streams(classifier, trainer, decoded, split)
    judged = ship(classifier, runtime, run, console)
    validation = evaluate_part("validation", judged.network, split, decoded, console)
    test = evaluate_part("test", judged.network, split, decoded, console)
    looked = look is not None
    negatives = evaluate_negatives(judged.network, look, settings, console)
    tuning = tune(classifier.class_names, validation, negatives, looked, settings)
    console.paragraph(tuning.summary)
    return Judgement(validation, test, negatives, tuning, calibration, judged, split, looked)


def ship(classifier: Classifier, runtime: Runtime, run: Run, console: Console) -> Shipped:
    """The classifier as it is now, in float32 and on LiteRT."""
    model = in_float32(classifier.model)  # a copy: the classifier may go on learning
    content = to_litert(model, runtime, run, console)
    return Shipped(model, content, KerasNetwork(model) if content is None else LiteRtNetwork(content))


def to_litert(model: Any, runtime: Runtime, run: Run, console: Console) -> bytes | None:
    """The model on LiteRT. TensorFlow converts: in this process, or on another backend in one of its own."""
    if runtime.backend == "tensorflow":
        return litert.convert(model)
    if not is_installed("tensorflow"):
        console.warn("Without TensorFlow there is no LiteRT model, which predict and evaluate need: install it.")
        return None
    file = run.work / "to_convert.keras"
    model.save(file)
    return litert.convert_elsewhere(file)


def evaluate_part(part: str, network: Network, split: Split, decoded: Decoded, console: Console) -> Evaluation:
    """Measures the model on one part of the split."""
    console.status("chart", f"Evaluating on the {part} images")
    paths = [sample.path for sample in split.parts[part]]
    predictions = predict_all(network, decoded.inputs[part], decoded.targets[part], paths, console)
    metrics = measure(predictions.probabilities, predictions.targets, labels_of(split))
    console.log(f"Accuracy on the {part} images: {metrics.accuracy:.4f} of {metrics.n}")
    return Evaluation(predictions, metrics, decoded.inputs[part])


def evaluate_negatives(
    network: Network, look: HandSearch | None, settings: Settings, console: Console
) -> Negatives | None:
    """What the network says about the photographs without a sign: every second one tunes, the others test."""
    if not settings.data.negatives:
        return None
    files = [file for folder in settings.data.negatives for file in images_below([Path(folder)])]
    console.status("check", f"Looking at {len(files)} photographs without a sign")
    hands = look(files) if look else [None] * len(files)
    answers = predict_files(network, files, hands, settings.model.img_size, console)
    found = np.array([hand is not None for hand in hands])
    return Negatives(Answered(answers[::2], found[::2]), Answered(answers[1::2], found[1::2]))


def tune(
    class_names: Sequence[str], validation: Evaluation, negatives: Negatives | None, looked: bool, settings: Settings
) -> Tuning:
    """Thresholds for decisions, on validation images and, where there are any, on images without a sign."""
    given = negatives.tuning if negatives else None
    return tune_thresholds(
        class_names,
        validation.predictions.probabilities,
        validation.predictions.targets,
        validation.inputs.found if looked else None,
        given.probabilities if given else None,
        given.found if given and looked else None,
        settings.hands.false_accept,
    )


def decisions_on(judgement: Judgement, evaluation: Evaluation) -> DecisionReport:
    """What the tuned thresholds decide about images; false accepts on the negatives kept for that."""
    kept = judgement.negatives.test if judgement.negatives else None
    return report_decisions(
        judgement.class_names,
        evaluation.predictions.probabilities,
        evaluation.predictions.targets,
        judgement.hand_found(evaluation),
        judgement.tuning.thresholds,
        kept.probabilities if kept else None,
        kept.found if kept and judgement.looked_for_hands else None,
    )


def write_results(run: Run, judgement: Judgement, findings: dict[str, Any], trainer: Trainer | None) -> None:
    """The measures and the training's history as JSON."""
    split, test, validation = judgement.split, judgement.test.metrics, judgement.validation.metrics
    results = {
        "accuracy": {"validation": validation.accuracy, "test": test.accuracy},
        "split": {"by": split.by, **{part: len(samples) for part, samples in split.parts.items()}},
        "test": _measures(test),
        "validation": _measures(validation),
        "decisions": decisions_on(judgement, judgement.test).as_dict(),
        "thresholds": judgement.tuning.as_dict(),
        **judgement.calibration,
        **findings,
    }
    if judgement.looked_for_hands:
        parts = {"validation": judgement.validation, "test": judgement.test}
        results["hands_found"] = {part: float(each.inputs.found.mean()) for part, each in parts.items()}
    if trainer is not None:
        results["training"] = {
            "best_epoch": trainer.state.best_epoch,
            "epochs": trainer.state.phase_epochs,
            "batch_size": trainer.state.batch_size,
            "history": trainer.state.history,
        }
    write_json(run.results / "evaluation_results.json", results)
    write_json(run.results / "classification_report.json", classification_report(test))


def _measures(metrics: Metrics) -> dict[str, Any]:
    return {
        **metrics.as_dict(),
        "best": [score.label for score in metrics.best()],
        "worst": [score.label for score in metrics.worst()],
        "confusion_matrix": metrics.confusion.tolist(),
    }
