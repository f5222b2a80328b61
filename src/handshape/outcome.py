"""What comes of a trained classifier: calibration, measures, figures, the saved model and its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.evaluation.calibration import fit_temperature
from handshape.evaluation.metrics import Metrics, classification_report, measure
from handshape.evaluation.predictions import Network, Predictions, keras_network, predict_images
from handshape.export.bundle import Bundle, write_bundle
from handshape.files import whole_file, write_json
from handshape.model import litert
from handshape.model.classifier import Classifier, in_float32
from handshape.runs import Run
from handshape.runtime import Runtime, is_installed, versions
from handshape.stages import Decoded, labels_of

if TYPE_CHECKING:
    from handshape.training.fit import Trainer


@dataclass(frozen=True)
class Evaluation:
    """What a model did on images whose classes are known."""

    predictions: Predictions
    metrics: Metrics


@dataclass(frozen=True)
class Judgement:
    """The measures of a trained classifier, and the network they were measured on."""

    validation: Evaluation
    test: Evaluation
    model: Any  # the Keras model, calibrated, float32
    litert: bytes | None  # None where TensorFlow, which converts, is not installed
    split_by: str


def judge(
    classifier: Classifier,
    trainer: Trainer,
    split: Split,
    decoded: Decoded,
    runtime: Runtime,
    run: Run,
    console: Console,
) -> Judgement:
    """Calibrates on validation, measures validation and test on the network as it is shipped, writes the results."""
    temperature = calibrate(classifier, trainer)
    model = classifier.model if runtime.policy == "float32" else in_float32(classifier.model)
    content = to_litert(model, runtime, run, console)
    network = keras_network(model) if content is None else litert_network(content)
    validation = evaluate_part("validation", network, split, decoded, console)
    test = evaluate_part("test", network, split, decoded, console)
    results = {
        "accuracy": {"validation": validation.metrics.accuracy, "test": test.metrics.accuracy},
        "split": {"by": split.by, **{part: len(samples) for part, samples in split.parts.items()}},
        "test": _measures(test.metrics),
        "validation": _measures(validation.metrics),
        "training": {
            "best_epoch": trainer.state.best_epoch,
            "epochs": trainer.state.phase_epochs,
            "batch_size": trainer.state.batch_size,
            "history": trainer.state.history,
        },
        "temperature": temperature,
    }
    write_json(run.results / "evaluation_results.json", results)
    write_json(run.results / "classification_report.json", classification_report(test.metrics))
    return Judgement(validation, test, model, content, split.by)


def calibrate(classifier: Classifier, trainer: Trainer) -> float:
    """Fits the temperature on the validation images and folds it into the model."""
    probabilities = trainer.validation_probabilities()
    temperature = fit_temperature(np.log(np.maximum(probabilities, 1e-30)), trainer.data.validation_truth)
    classifier.fold_temperature(temperature)
    return temperature


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


def litert_network(content: bytes | Path) -> Network:
    """A LiteRT classifier as a function of images to probabilities."""
    network = litert.LiteRtModel(content)
    return lambda images: network(images)[0]


def evaluate_part(part: str, network: Network, split: Split, decoded: Decoded, console: Console) -> Evaluation:
    """Measures the model on one part of the split."""
    console.status("chart", f"Evaluating on the {part} images")
    paths = [sample.path for sample in split.parts[part]]
    predictions = predict_images(network, decoded.images[part], decoded.truth[part], paths, console)
    metrics = measure(predictions.probabilities, predictions.truth, labels_of(split))
    console.log(f"Accuracy on the {part} images: {metrics.accuracy:.4f} of {metrics.n}")
    return Evaluation(predictions, metrics)


def draw_figures(run: Run, test: Evaluation, trainer: Trainer, console: Console) -> None:
    """The eight figures, as .png and .jpg."""
    from handshape.evaluation import plots

    console.status("chart", f"Drawing figures into {run.results}")
    state, predictions = trainer.state, test.predictions
    plots.draw_figures(
        run.results,
        test.metrics,
        predictions.confidence,
        predictions.correct,
        state.history,
        state.phase_epochs.get("1", 0),
        run.folder.name,
        console,
    )


def save_model(run: Run, classifier: Classifier, judgement: Judgement, settings: Settings, console: Console) -> Bundle:
    """The finished model, its labels, and the bundle with both."""
    with whole_file(run.final_model) as partial:
        judgement.model.save(partial)
    write_json(run.label_map, {str(number): label for number, label in enumerate(classifier.labels)})
    details = {
        "accuracy": {part: getattr(judgement, part).metrics.accuracy for part in ("validation", "test")},
        "split": judgement.split_by,
        "settings": settings.model_dump(),
        "versions": versions(),
    }
    size, labels = settings.model.img_size, classifier.labels
    bundle = write_bundle(run.bundle, run.final_model, judgement.litert, labels, size, details)
    console.status("save", f"Saved {run.final_model} and {bundle.folder}")
    return bundle


def _measures(metrics: Metrics) -> dict[str, Any]:
    return {
        **metrics.as_dict(),
        "best": [score.label for score in metrics.best()],
        "worst": [score.label for score in metrics.worst()],
        "confusion_matrix": metrics.confusion.tolist(),
    }
