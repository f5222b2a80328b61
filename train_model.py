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
from handshape.data.checks import CheckReport
from handshape.data.samples import ImageFolder
from handshape.data.splits import Split
from handshape.errors import HandshapeError, SettingsError
from handshape.export.bundle import Bundle
from handshape.model.classifier import Classifier
from handshape.runtime import Runtime
from handshape.workflow import dataset as prepare
from handshape.workflow import evaluate as judge
from handshape.workflow import fit as learn
from handshape.workflow import publish as save
from handshape.workflow.run import Run, run_in_progress

CONFIG: dict[str, dict[str, Any]] = Settings().model_dump()
CONFIG["hands"]["find"] = "off"  # whole images, pixels alone: the specification's model
CONFIG["model"]["streams"] = ["pixels"]
CONFIG["training"]["refit"] = "off"
CONFIG["data"]["layout"] = "link"  # the split as folders below temp_data/, as hard links


def configure_gpu(settings: Settings, console: Console) -> Runtime:
    """Detects accelerators; sets memory growth, mixed precision and XLA where there is one, and says why where not."""
    runtime = learn.start_machine(settings, console)
    for decision in runtime.decisions:
        console.detail(str(decision))
    return runtime


def create_directories(run: Run, settings: Settings, split: Split) -> None:
    """Makes models/, results/ and logs/, with the settings and the split on record."""
    prepare.start_run(run, settings, split)


def validate_data(settings: Settings, console: Console) -> tuple[ImageFolder, CheckReport]:
    """Checks every image, class by class."""
    return prepare.check_data(Path(settings.data.original_data_dir), console)


def split_data(folder: ImageFolder, report: CheckReport, settings: Settings, console: Console) -> Split:
    """Splits into training, validation and test, and lays the parts out as folders."""
    split = prepare.split_data(folder, report, {}, settings, console)
    prepare.export_split_folders(folder, split, settings, console)
    return split


def create_data_generators(
    folder: ImageFolder, split: Split, settings: Settings, run: Run, console: Console
) -> prepare.Decoded:
    """Decodes every image once; augmented views are drawn from these pixels in training."""
    return prepare.decode_split(folder, split, {}, settings, run, console)


def build_model(split: Split, settings: Settings, console: Console) -> Classifier:
    """MobileNetV2 with a new head."""
    return learn.build_model(prepare.labels_of(split), settings, learn.choose_weights(settings, console))


def create_callbacks(
    classifier: Classifier, data: prepare.Decoded, settings: Settings, runtime: Runtime, run: Run, console: Console
) -> Any:
    """The trainer, which carries the callbacks: checkpoint, early stopping, plateau rule and TensorBoard."""
    return learn.create_trainer(classifier, data, settings, runtime, run, console)


def train_model(trainer: Any, settings: Settings, console: Console) -> None:
    """Phase one: the head on the frozen base."""
    learn.train_head(trainer, settings, console)


def fine_tune_model(trainer: Any, settings: Settings, console: Console) -> None:
    """Phase two: the last layers too, at a lower rate."""
    learn.fine_tune(trainer, settings, console)


def evaluate_model(
    classifier: Classifier,
    trainer: Any,
    split: Split,
    data: prepare.Decoded,
    settings: Settings,
    runtime: Runtime,
    run: Run,
    console: Console,
) -> judge.Judgement:
    """Calibrates on the validation images, measures on the test images and writes the results as JSON."""
    judgement = judge.judge(classifier, trainer, split, data, None, settings, runtime, run, console)
    judge.write_results(run, judgement, {}, trainer)
    return judgement


def create_visualizations(judgement: judge.Judgement, trainer: Any, run: Run, console: Console) -> None:
    """The eight figures, as .png and .jpg."""
    save.draw_figures(run, judgement.test, trainer, console)


def save_model(
    classifier: Classifier, judgement: judge.Judgement, settings: Settings, run: Run, console: Console
) -> Bundle:
    """The model, its label map and the bundle."""
    return save.save_model(run, classifier, judgement, judgement.judged, settings, console)


def main() -> int:
    """The whole pipeline; returns the exit code."""
    console = Console()
    try:
        train(console)
    except HandshapeError as error:
        console.error(error)
        return 1
    except KeyboardInterrupt as stopped:
        console.warn(str(stopped) or "Stopped.")
        return 130
    return 0


def train(console: Console) -> None:
    """Every step in its order, in the working folder."""
    run = Run(Path(), time.strftime("%Y%m%d_%H%M%S"))
    settings = validate_settings(CONFIG)
    if settings.hands.find != "off":
        raise SettingsError(
            f"train_model.py looks at whole images, so hands.find cannot be {settings.hands.find} in its CONFIG.",
            "hands.find: off",
            f"Find hands with: handshape train {settings.data.original_data_dir}",
        )
    folder, report = validate_data(settings, console)
    split = split_data(folder, report, settings, console)
    with run_in_progress(run, console, keep=True):
        create_directories(run, settings, split)
        runtime = configure_gpu(settings, console)
        data = create_data_generators(folder, split, settings, run, console)
        classifier = build_model(split, settings, console)
        trainer = create_callbacks(classifier, data, settings, runtime, run, console)
        train_model(trainer, settings, console)
        fine_tune_model(trainer, settings, console)
        judgement = evaluate_model(classifier, trainer, split, data, settings, runtime, run, console)
        create_visualizations(judgement, trainer, run, console)
        bundle = save_model(classifier, judgement, settings, run, console)
    console.status("done", f"Test accuracy {judgement.test.metrics.accuracy:.1%}; model in {bundle.folder}")


if __name__ == "__main__":
    sys.exit(main())
