"""Training, validation and test: stratified by class, seeded, and no group on two sides."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handshape.data.samples import Sample
from handshape.data.stratify import PARTS, StratifiedGroupSplitter
from handshape.errors import DataError
from handshape.files import write_text

__all__ = ["PARTS", "Split", "read_splits", "split_samples", "write_splits"]

_COLUMNS = ("path", "label", "part", "group")


@dataclass(frozen=True)
class Split:
    """The samples in three parts, each in the order they came.

    Attributes:
        train: what the network learns from.
        validation: what decides when to stop.
        test: what no decision ever sees.
        groups: group by path, or None where each image is its own.
        by: how it was split, in words.
        notes: what the user should know about it, such as a class that cannot be tested.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    groups: Mapping[str, str] | None = None
    by: str = "at random"
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Sample, ...]]:
        """The parts by name, in the order of ``PARTS``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_samples(
    samples: Sequence[Sample],
    groups: Mapping[str, str] | None,
    test_share: float,
    validation_share: float,
    seed: int,
    by: str = "at random",
) -> Split:
    """A stratified split in which no group straddles two parts.

    Groups of several images go one by one, large ones first, to the part whose classes lack them most; single images
    then fill up what is left. Where all are single, each class is split exactly (largest remainder), with at least
    one image in every part from three images on. Every class is in training.

    Args:
        samples: what to split.
        groups: group by path; None puts each sample in its own.
        test_share: share of all images, 0-1.
        validation_share: share of all images, 0-1.
        seed: decides what goes where.
        by: how the groups were found, in words.

    Raises:
        DataError: the groups leave a part without a single image.
    """
    splitter = StratifiedGroupSplitter(
        samples, groups, (1 - test_share - validation_share, validation_share, test_share), seed
    )
    splitter.deal()
    splitter.require_all_parts()
    train, validation, test = (
        tuple(samples[index] for index in np.flatnonzero(splitter.part_of == part).tolist())
        for part in range(len(PARTS))
    )
    return Split(train, validation, test, groups, by, tuple(splitter.notes()))


def write_splits(split: Split, path: Path) -> None:
    """The split as a CSV file: path, label, part, group (empty where an image is its own).

    Raises:
        RunError: the file cannot be written; an older one is then still whole.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    groups = split.groups or {}
    for part, samples in split.parts.items():
        for sample in samples:
            group = groups.get(sample.path, sample.path)
            writer.writerow((sample.path, sample.label, part, "" if group == sample.path else group))
    write_text(path, text.getvalue())


def read_splits(path: Path) -> Split:
    """What :func:`write_splits` wrote.

    Raises:
        DataError: the file is missing or is no such file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except OSError as error:
        raise DataError(f"The split {path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise _no_split(path) from None
    if not rows or any(row.get(column) is None for row in rows for column in _COLUMNS):
        raise _no_split(path)
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for row in rows:
        if row["part"] not in parts:
            raise _no_split(path)
        parts[row["part"]].append(Sample(row["path"], row["label"]))
    grouped = any(row["group"] for row in rows)
    groups = {row["path"]: row["group"] or row["path"] for row in rows} if grouped else None
    train, validation, test = (tuple(parts[part]) for part in PARTS)
    return Split(train, validation, test, groups, f"as {path.name} says")


def _no_split(path: Path) -> DataError:
    return DataError(
        f"{path} is not a saved split.",
        f"the columns {','.join(_COLUMNS)}, and one of {', '.join(PARTS)} as part",
        "Name the splits.csv of a run folder, or make the split anew.",
    )
