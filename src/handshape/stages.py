"""The stages of the journey up to a trained classifier, in its order; :mod:`handshape.outcome` has the rest.

Keras is imported by the stages that need it, after :func:`start_machine` has chosen its backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from handshape.files import whole_file, write_text
from handshape.model.classifier import Classifier, build_classifier
from handshape.model.weights import StartingWeights, find_weights
from handshape.runs import Run
from handshape.runtime import Runtime, choose_runtime, native_chatter_hidden, start_runtime

if TYPE_CHECKING:
    from handshape.training.fit import Trainer

NAMED_WEIGHTS = ("auto", "imagenet", "own", "none")  # whatever else model.weights says is a path


@dataclass(frozen=True)
class Decoded:
    """The images [N, S, S, 3] uint8 and class numbers [N] of each part: train, validation, test."""

    images: dict[str, NDArray[np.uint8]]
    truth: dict[str, NDArray[np.int64]]


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


def choose_weights(settings: Settings, console: Console) -> StartingWeights:
    """Where MobileNetV2 starts, said aloud."""
    weights = find_weights(settings.model.weights, settings.model.img_size, console)
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


def require_same_start(run: Run, weights: StartingWeights, runtime: Runtime) -> None:
    """Notes what the run starts from; raises RunError where a resumed run would start from something else."""
    start = {"weights": weights.name, "sha256": weights.sha256, "backend": runtime.backend}
    known = run.record().get("start", start)
    if known != start:
        raise RunError(
            f"The run {run.folder} began with {known['weights']} weights on {known['backend']}; now there are "
            f"{weights.name} weights and {runtime.backend}.",
            "the same start, so that it ends as it would have without the stop",
            "Make the same weights and backend available again, or start a new run.",
        )
    run.record(start=start)


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
