"""Trains a sign recogniser on ``dataset/train/`` and writes models/, results/, logs/ and training.log right here.

The same journey as ``handshape train``, step by step under the specification's function names. Change CONFIG, or
import this file and call the steps. Run with: python train_model.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from handshape.config import Settings, validate_settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.errors import HandshapeError, SettingsError
from handshape.export.bundle import Bundle
from handshape.model.classifier import Classifier
from handshape.workflow import publish, train
from handshape.workflow.context import Context
from handshape.workflow.convert import convert
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import Negatives, evaluate_training
from handshape.workflow.fit import Fitted, calibrate, prepare
from handshape.workflow.loading import load
from handshape.workflow.run import Run, run_in_progress
from handshape.workflow.splitting import export_split_folders, split
from handshape.workflow.trained import Trained

CONFIG: dict[str, dict[str, Any]] = Settings().model_dump()
CONFIG["hands"]["find"] = "off"  # whole images, pixels alone: the specification's model
CONFIG["model"]["streams"] = ["pixels"]
CONFIG["training"]["refit"] = "off"
CONFIG["data"]["layout"] = "link"  # the split as folders below temp_data/, as hard links


def configure_gpu(context: Context) -> None:
    """Detects accelerators; sets memory growth, mixed precision and XLA where there is one, and says why where not."""
    for decision in context.runtime.decisions:
        context.console.detail(str(decision))


def create_directories(run: Run, settings: Settings, dataset: Dataset, parts: Split) -> None:
    """Makes models/, results/ and logs/, with the settings and the split on record."""
    train.start_run(run, settings, dataset, parts)


def validate_data(settings: Settings, context: Context) -> Dataset:
    """Reads every image once: checks it, and keeps what the network is shown of it."""
    return load(settings, context)


def split_data(dataset: Dataset, settings: Settings, console: Console) -> Split:
    """Splits into training, validation and test, and lays the parts out as folders."""
    parts = split(dataset, settings, console)
    export_split_folders(dataset, parts, settings, console)
    return parts


def build_model(dataset: Dataset, parts: Split, settings: Settings, context: Context) -> tuple[Classifier, Any]:
    """MobileNetV2 with a new head, and what trains it."""
    classifier, (stream,) = prepare(dataset, parts, settings, context)
    return classifier, stream


def create_data_generators(stream: Any) -> None:
    """Sends the augmented views through the frozen layers once; batches are drawn from what comes out."""
    stream.compute_features()


def create_callbacks(stream: Any) -> Any:
    """The trainer, which carries the callbacks: checkpoint, early stopping, plateau rule and TensorBoard."""
    return stream.prepare()


def train_model(stream: Any, trainer: Any) -> None:
    """Phase one: the head on the frozen base."""
    stream.train_head(trainer)


def fine_tune_model(stream: Any, trainer: Any) -> None:
    """Phase two: the last layers too, at a lower rate."""
    stream.fine_tune(trainer)


def evaluate_model(
    classifier: Classifier, stream: Any, dataset: Dataset, parts: Split, settings: Settings, context: Context
) -> Trained:
    """Calibrates on the validation images and measures on the test images."""
    fitted = Fitted(classifier, calibrate(classifier, (stream,), dataset, parts.validation), (stream,))
    model = convert(fitted, context)
    results = evaluate_training(model, dataset, parts, Negatives(None), settings.hands.false_accept, context.console)
    return Trained(dataset, parts, settings, fitted, results, model, model)


def create_visualizations(trained: Trained, run: Run, context: Context) -> None:
    """The results as JSON, and the eight figures, as .png and .jpg."""
    publish.write_results(trained, {}, run)
    publish.draw_figures(trained, run, context)


def save_model(trained: Trained, run: Run, context: Context) -> Bundle:
    """The model, its label map and the bundle."""
    return publish.save_model(trained, None, run, context)


def main() -> int:
    """The whole pipeline; returns the exit code."""
    console = Console()
    try:
        train_here(console)
    except HandshapeError as error:
        console.error(error)
        return 1
    except KeyboardInterrupt as stopped:
        console.warn(str(stopped) or "Stopped.")
        return 130
    return 0


def train_here(console: Console) -> None:
    """Every step in its order, in the working folder."""
    run = Run(Path(), time.strftime("%Y%m%d_%H%M%S"))
    settings = validate_settings(CONFIG)
    if settings.hands.find != "off":
        raise SettingsError(
            f"train_model.py looks at whole images, so hands.find cannot be {settings.hands.find} in its CONFIG.",
            "hands.find: off",
            f"Find hands with: handshape train {settings.data.original_data_dir}",
        )
    context = Context(console, settings.gpu)
    dataset = validate_data(settings, context)
    parts = split_data(dataset, settings, console)
    with run_in_progress(run, console, keep=True):
        create_directories(run, settings, dataset, parts)
        context = context.within(run)
        configure_gpu(context)
        classifier, stream = build_model(dataset, parts, settings, context)
        create_data_generators(stream)
        trainer = create_callbacks(stream)
        train_model(stream, trainer)
        fine_tune_model(stream, trainer)
        trained = evaluate_model(classifier, stream, dataset, parts, settings, context)
        create_visualizations(trained, run, context)
        bundle = save_model(trained, run, context)
    console.status("done", f"Test accuracy {trained.results.test.metrics.accuracy:.1%}; model in {bundle.folder}")


if __name__ == "__main__":
    sys.exit(main())
