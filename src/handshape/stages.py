"""The stages of the journey, in its order. :mod:`handshape.pipeline` strings them together.

Keras is imported by the stages that need it, after :func:`start_machine` has chosen its backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.checks import CheckReport, check_folder, require_trainable
from handshape.data.groups import signer_groups
from handshape.data.layout import lay_out
from handshape.data.samples import ImageFolder, list_samples, natural_key
from handshape.data.splits import Split, split_samples, write_splits
from handshape.data.store import decode_images
from handshape.errors import RunError
from handshape.evaluation.calibration import fit_temperature
from handshape.evaluation.metrics import Metrics, classification_report, measure
from handshape.evaluation.predictions import Network, Predictions, keras_network, predict_images
from handshape.export.bundle import Bundle, write_bundle
from handshape.files import whole_file, write_json, write_text
from handshape.model import litert
from handshape.model.classifier import Classifier, build_classifier
from handshape.model.weights import StartingWeights, find_weights
from handshape.runs import Run
from handshape.runtime import Runtime, choose_runtime, native_chatter_hidden, start_runtime, versions

if TYPE_CHECKING:
    from handshape.training.fit import Trainer

NAMED_WEIGHTS = ("auto", "imagenet", "own", "none")  # whatever else model.weights says is a path


@dataclass(frozen=True)
class Decoded:
    """The images [N, S, S, 3] uint8 and class numbers [N] of each part: train, validation, test."""

    images: dict[str, NDArray[np.uint8]]
    truth: dict[str, NDArray[np.int64]]


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
    litert: bytes | None  # None on a backend that cannot convert
    split_by: str


def check_data(path: Path, console: Console) -> tuple[ImageFolder, CheckReport]:
    """Lists and decodes every image; passes when the folder can be trained on.

    Raises:
        DataError: it cannot.
    """
    console.status("check", f"Checking {path}")
    folder = list_samples(path)
    report = check_folder(folder, console)
    require_trainable(report)
    console.detail(f"{report.usable} usable images in {len(report.usable_classes)} classes")
    for problem in report.problems:
        console.warn(problem)
    return folder, report


def split_data(folder: ImageFolder, report: CheckReport, settings: Settings, console: Console) -> Split:
    """Training, validation and test, no group on two sides."""
    data = settings.data
    groups, by = signer_groups(folder, report.usable_samples, data.groups, report.digests)
    split = split_samples(report.usable_samples, groups, data.test_split, data.val_split, data.seed, by)
    sizes = ", ".join(f"{len(samples)} {part}" for part, samples in split.parts.items())
    console.status("split", f"Split {by}: {sizes}")
    for note in split.notes:
        console.warn(note)
    return split


def start_run(run: Run, settings: Settings, split: Split) -> None:
    """Puts the settings and the split into the run folder; what an earlier training left to work with goes."""
    run.clean()
    run.create_folders()
    settings = with_absolute_paths(settings)
    write_text(run.config, settings.to_yaml())
    run.record(data=settings.data.original_data_dir)
    write_splits(split, run.splits)


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings with every path in full, so that a run can be resumed from any folder."""
    data, weights = settings.data, settings.model.weights
    folders = ("original_data_dir", "temp_train_dir", "temp_val_dir", "temp_test_dir")
    paths = {name: str(Path(getattr(data, name)).resolve()) for name in folders}
    if data.groups.lower().endswith(".csv"):
        paths["groups"] = str(Path(data.groups).expanduser().resolve())
    if weights not in NAMED_WEIGHTS:
        weights = str(Path(weights).expanduser().resolve())
    model = settings.model.model_copy(update={"weights": weights})
    return settings.model_copy(update={"data": data.model_copy(update=paths), "model": model})


def require_same_split(run: Run, split: Split) -> None:
    """Raises RunError where the photographs are not those the run began with."""
    with whole_file(run.work / "splits.csv") as again:
        write_splits(split, again)
        same = again.read_bytes() == run.splits.read_bytes()
    if not same:
        raise RunError(
            f"The photographs are not those that the run {run.folder} began with.",
            f"the images that {run.splits} lists",
            "Start a new run, or put the photographs back as they were.",
        )


def lay_out_split(folder: ImageFolder, split: Split, settings: Settings, console: Console) -> None:
    """The split as class folders, where the settings ask for it."""
    data = settings.data
    if data.layout == "none":
        return
    targets = {"train": data.temp_train_dir, "validation": data.temp_val_dir, "test": data.temp_test_dir}
    console.status("folder", f"Laying the split out as folders, by {data.layout}")
    lay_out(split, folder, {part: Path(target) for part, target in targets.items()}, data.layout, console)


def start_machine(settings: Settings, console: Console) -> Runtime:
    """Chooses backend, device and precision, says why, and starts Keras on them."""
    with native_chatter_hidden():  # of a backend that has to be asked for its devices
        runtime = choose_runtime(settings.gpu)
    console.status("machine", f"Running on {runtime.accelerator or 'the CPU'} with {runtime.backend}")
    for decision in runtime.decisions:
        console.log(str(decision))
    start_runtime(runtime, settings.gpu, settings.data.seed)
    return runtime


def labels_of(split: Split) -> tuple[str, ...]:
    """The classes of a split, in the order of their numbers."""
    present = {sample.label for samples in split.parts.values() for sample in samples}
    return tuple(sorted(present, key=natural_key))


def decode_split(folder: ImageFolder, split: Split, settings: Settings, run: Run, console: Console) -> Decoded:
    """Every image of the split decoded once."""
    numbers = {label: number for number, label in enumerate(labels_of(split))}
    console.status("decode", "Decoding images")
    images, truth = {}, {}
    for part, samples in split.parts.items():
        images[part] = decode_images(folder, samples, settings.model.img_size, console, run.work / f"{part}.npy")
        truth[part] = np.array([numbers[sample.label] for sample in samples], np.int64)
    return Decoded(images, truth)


def build_model(labels: tuple[str, ...], settings: Settings, weights: StartingWeights) -> Classifier:
    """MobileNetV2 with its new head."""
    return build_classifier(labels, settings.model, weights)


def choose_weights(settings: Settings, console: Console) -> StartingWeights:
    """Where MobileNetV2 starts, said aloud."""
    weights = find_weights(settings.model.weights, settings.model.img_size, console)
    console.status("weights", f"Starting from weights: {weights.name} ({weights.reason})")
    return weights


def create_trainer(
    classifier: Classifier, decoded: Decoded, settings: Settings, runtime: Runtime, run: Run, console: Console
) -> Trainer:
    """What trains the classifier, with its callbacks' files."""
    from handshape.training.fit import Trainer, TrainingData, TrainingFiles

    images, truth = decoded.images, decoded.truth
    return Trainer(
        classifier,
        TrainingData(images["train"], truth["train"], images["validation"], truth["validation"]),
        settings.model.batch_size,
        settings.data.seed,
        settings.augmentation,
        settings.training,
        runtime,
        TrainingFiles(run.best_model, run.checkpoint, run.board, run.work),
        console,
    )


def train_head(trainer: Trainer, settings: Settings, console: Console) -> None:
    """Phase one: the head, base frozen."""
    from handshape.training.phases import head_phase

    console.status("train", f"Phase 1: training the head, up to {settings.model.num_epochs} epochs")
    trainer.run(head_phase(settings.model))


def fine_tune(trainer: Trainer, settings: Settings, console: Console) -> None:
    """Phase two: the last layers with the head; ends at the best epoch of both phases."""
    from handshape.training.phases import fine_tune_phase

    epochs, layers = settings.model.fine_tune_epochs, settings.model.fine_tune_layers
    if epochs:
        console.status("train", f"Phase 2: fine-tuning the last {layers} layers, up to {epochs} epochs")
    trainer.run(fine_tune_phase(settings.model))
    trainer.finish()


def calibrate(classifier: Classifier, trainer: Trainer) -> float:
    """Fits the temperature on the validation images and folds it into the model."""
    probabilities = trainer.validation_probabilities()
    temperature = fit_temperature(np.log(np.maximum(probabilities, 1e-30)), trainer.data.validation_truth)
    classifier.fold_temperature(temperature)
    return temperature


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
    content = litert.convert(classifier.model) if runtime.backend == "tensorflow" else None
    network = keras_network(classifier.model) if content is None else litert_network(content)
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
    return Judgement(validation, test, content, split.by)


def save_model(run: Run, classifier: Classifier, judgement: Judgement, settings: Settings, console: Console) -> Bundle:
    """The finished model, its labels, and the bundle with both."""
    with whole_file(run.final_model) as partial:
        classifier.model.save(partial)
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
