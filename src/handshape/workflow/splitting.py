"""Which rows of a data set train, validate and test: a split, or folds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from handshape.config import Settings
from handshape.console import Console
from handshape.data.export_split import export_split
from handshape.data.folds import folds_by_group, splits_of, stratified_folds
from handshape.data.label_table import LABELS_FILE
from handshape.data.splits import Split, split_samples, splits_as_csv
from handshape.errors import DataError, RunError
from handshape.workflow.dataset import Dataset
from handshape.workflow.photographs import require_same_photographs
from handshape.workflow.run import Run, read_record

PART_FOLDERS = {"train": "temp_train_dir", "validation": "temp_val_dir", "test": "temp_test_dir"}


def split(dataset: Dataset, settings: Settings, console: Console) -> Split:
    """Training, validation and test, no group on two sides.

    Raises:
        DataError: the groups leave a part without an image.
    """
    data = settings.data
    made = split_samples(dataset.samples, dataset.groups.of, data.test_split, data.val_split, data.seed)
    sizes = ", ".join(f"{len(rows)} {part}" for part, rows in made.parts.items())
    console.status("split", f"Split {dataset.groups.description}: {sizes}")
    for note in made.notes:
        console.warn(note)
    return made


def folds(dataset: Dataset, count: int | Literal["signers"], settings: Settings, seed: int) -> dict[str, Split]:
    """A split for each fold, by its name; together they test every row once.

    Args:
        dataset: whose rows.
        count: of folds, or ``signers`` for one a signer, named so.
        settings: the share of validation.
        seed: decides which groups go together.

    Raises:
        DataError: there are fewer groups than folds, or nobody says who signed what.
    """
    groups = dataset.group_names(dataset.rows)
    if count == "signers":
        if not dataset.groups.are_signers:
            raise DataError(
                "One fold a signer needs to know who signed what.",
                "data.groups as folder, a .csv of path,signer, or an expression with (?P<signer>…)",
                "Name the signers with --set data.groups=…, or give a number of folds.",
            )
        fold_of, names = folds_by_group(groups)
    else:
        fold_of = stratified_folds(dataset.targets, groups, count, seed)
        names = tuple(f"fold {number}" for number in range(1, count + 1))
    return dict(zip(names, splits_of(fold_of, dataset.targets, settings.data.val_split), strict=True))


def random_folds(dataset: Dataset, count: int, settings: Settings, seed: int) -> dict[str, Split]:
    """Folds that know no groups, so that the same people and bursts stand on both sides: what most reports show."""
    alone = [sample.path for sample in dataset.samples]
    fold_of = stratified_folds(dataset.targets, alone, count, seed)
    made = splits_of(fold_of, dataset.targets, settings.data.val_split)
    return {f"random {number}": each for number, each in enumerate(made, 1)}


def splits_csv(dataset: Dataset, made: Split) -> str:
    """The split as a run folder keeps it."""
    return splits_as_csv(made.samples(dataset.samples), dataset.groups.of)


def require_same_split(run: Run, dataset: Dataset, made: Split) -> None:
    """Raises RunError where the photographs, or their labels, are not those the run began with."""
    require_same_labels(run, dataset)
    require_same_photographs(run, dataset)
    if splits_csv(dataset, made).encode() != run.splits.read_bytes():
        raise RunError(
            f"The photographs are not those that the run {run.folder} began with.",
            f"the images that {run.splits} lists",
            "Start a new run, or put the photographs back as they were.",
        )


def require_same_labels(run: Run, dataset: Dataset) -> None:
    """Raises RunError where ``labels.csv`` changes something else than when the run began."""
    corrections = dataset.folder.corrections
    began = read_record(run.folder).get("labels_file")
    if began is not None and began["sha256"] != corrections.digest:
        raise RunError(
            f"{dataset.folder.root / LABELS_FILE} is not as it was when the run {run.folder} began: then "
            f"{began['moved']} moved, {began['left_out']} left out; now {corrections.in_words}.",
            "the labels that it began with",
            "Start a new run with the new labels, or put the file back as it was.",
        )


def export_split_folders(dataset: Dataset, made: Split, settings: Settings, console: Console) -> None:
    """The split as class folders, where the settings ask for it."""
    how = settings.data.layout
    if how == "none":
        return
    console.status("folder", f"Laying the split out as folders, by {how}")
    folders = {part: Path(getattr(settings.data, name)) for part, name in PART_FOLDERS.items()}
    export_split(made.samples(dataset.samples), dataset.folder, folders, how, console)
