"""Photographs beside those to learn from: of other people and rooms, to measure a model on, and without a sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from handshape.console import Console
from handshape.data.checks import check_folder
from handshape.data.groups import Groups
from handshape.data.messages import left_out_in_words, some
from handshape.data.reading import read_files
from handshape.data.samples import ImageFolder, find_images, inner_folder, list_samples, match_class_names
from handshape.errors import DataError
from handshape.hands.inputs import Inputs
from handshape.hands.search import HandSearch
from handshape.workflow.dataset import Dataset
from handshape.workflow.loading import inputs_of, read_samples

MIN_NEGATIVES = 2  # one to tune on, one to test with


def load_external(
    path: Path, class_names: Sequence[str], search: HandSearch | None, size: int, console: Console
) -> Dataset:
    """Photographs from elsewhere, of the classes that a finished model knows; the others are named and left out.

    Args:
        path: a folder with one folder of images a class.
        class_names: of the model; names are compared without regard to case, spaces and forms of accents.
        search: finds hands; None for a model of whole images.
        size: side of the model's input in pixels.
        console: shows the progress.

    Raises:
        DataError: folder and model share no class, or no image can be read.
    """
    folder = list_samples(path, use="measure", known=class_names)
    folder.corrections.announce(console)
    number_of = match_class_names(folder.classes, class_names)
    known = replace(folder, samples=tuple(sample for sample in folder.samples if sample.label in number_of))
    if not known.samples:
        raise _nothing_known(folder, class_names)
    readings = read_samples(known, search, size, console)
    report = check_folder(known, readings.inspections)
    if not report.usable:
        raise DataError(f"No image in {path} can be read.", fix=f"See what is wrong: handshape check {path}")
    return Dataset(
        folder=known,
        report=report,
        samples=report.usable_samples,
        class_names=tuple(class_names),
        targets=np.array([number_of[sample.label] for sample in report.usable_samples], np.int64),
        groups=Groups({sample.path: sample.path for sample in report.usable_samples}, "none", ""),
        hands=readings.hands,
        inputs=inputs_of(readings),
        search=search,
        left_out=tuple(name for name in folder.classes if name not in number_of),
    )


def load_externals(paths: Mapping[str, Path], dataset: Dataset, size: int, console: Console) -> dict[str, Dataset]:
    """Photographs from elsewhere, by name, to measure what is trained on ``dataset``; what is left out is said.

    Raises:
        DataError: as :func:`load_external`.
    """
    found = {
        name: load_external(path, dataset.class_names, dataset.search, size, console) for name, path in paths.items()
    }
    for name, each in found.items():
        for sentence in each.left_out_in_words():
            console.warn(f"{name}: {sentence}")
    return found


def load_negatives(folders: Sequence[str], search: HandSearch | None, size: int, console: Console) -> Inputs | None:
    """Photographs without a sign, of all these folders; None where no folder is named.

    Raises:
        DataError: a folder is missing or holds no image, or fewer than two photographs can be read.
    """
    if not folders:
        return None
    for folder in folders:
        if not Path(folder).is_dir():
            raise DataError(f"There is no folder {folder} of photographs without a sign.")
    found = find_images([Path(folder) for folder in folders])
    for path, error in found.failed:
        raise DataError(f"No photographs without a sign in {path}: {error.happened}", error.expected, error.fix)
    if found.left_out:
        console.warn(f"Photographs without a sign: {left_out_in_words([str(file) for file in found.left_out])}")
    files = found.files
    readings = read_files(files, search, size, console, "Reading photographs without a sign")
    unusable = [str(file) for file, each in zip(files, readings.inspections, strict=True) if each.reason]
    if len(files) - len(unusable) < MIN_NEGATIVES:
        raise DataError(
            f"Of {len(files)} photographs without a sign in {some(folders)}, {len(unusable)} cannot be read.",
            f"at least {MIN_NEGATIVES} that can, better some dozens",
            "Name another folder, or leave it out.",
        )
    if unusable:
        console.warn(f"Left out, photographs without a sign that cannot be read: {some(unusable)}.")
    return inputs_of(readings)


def _nothing_known(folder: ImageFolder, class_names: Sequence[str]) -> DataError:
    inner = inner_folder(folder, "measure")
    return DataError(
        f"The model knows none of the classes in {folder.root}: {', '.join(folder.classes)}.",
        f"some of {', '.join(class_names)}",
        f"If the classes lie deeper, name {inner}." if inner else "Rename the class folders, or choose another model.",
    )
