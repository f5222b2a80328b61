"""Training, validation and test as rows of a data set: stratified by class, seeded, and no group on two sides."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.samples import Sample
from handshape.data.stratify import PARTS, StratifiedGroupSplitter
from handshape.errors import DataError
from handshape.files import TEXT_LIMIT, read_regular, write_text

__all__ = ["PARTS", "Rows", "Split", "read_splits", "split_samples", "write_splits"]

Rows = NDArray[np.int64]  # numbers of the rows of a data set, rising

_COLUMNS = ("path", "label", "part", "group")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set in three parts.

    Attributes:
        train: what the network learns from.
        validation: what decides when to stop.
        test: what no decision ever sees.
        cells: [N], images of one cell stand on one side of this split, and of all others made with it; only they may
            lend each other backgrounds.
        notes: what the user should know about it, such as a class that cannot be tested.
    """

    train: Rows
    validation: Rows
    test: Rows
    cells: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Rows]:
        """The parts by name, in the order of ``PARTS``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def all(self) -> Rows:
        """The rows of all parts, rising."""
        return np.sort(np.concatenate(list(self.parts.values())))

    def samples(self, samples: Sequence[Sample]) -> dict[str, tuple[Sample, ...]]:
        """The samples of each part, of a data set's samples."""
        return {part: tuple(samples[row] for row in rows) for part, rows in self.parts.items()}


def split_samples(
    samples: Sequence[Sample],
    groups: Mapping[str, str] | None,
    test_share: float,
    validation_share: float,
    seed: int,
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

    Raises:
        DataError: the groups leave a part without a single image.
    """
    shares = (1 - test_share - validation_share, validation_share, test_share)
    splitter = StratifiedGroupSplitter(samples, groups, shares, seed)
    splitter.assign()
    splitter.require_all_parts()
    train, validation, test = (np.flatnonzero(splitter.part_of == part) for part in range(len(PARTS)))
    return Split(train, validation, test, splitter.part_of, tuple(splitter.notes()))


def write_splits(path: Path, parts: Mapping[str, Sequence[Sample]], groups: Mapping[str, str] | None = None) -> None:
    """A split as a CSV file: path, label, part, group (empty where an image is its own).

    Raises:
        RunError: the file cannot be written; an older one is then still whole.
    """
    write_text(path, splits_as_csv(parts, groups or {}))


def splits_as_csv(parts: Mapping[str, Sequence[Sample]], groups: Mapping[str, str]) -> str:
    """What :func:`write_splits` writes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for part, samples in parts.items():
        for sample in samples:
            group = groups.get(sample.path, sample.path)
            writer.writerow((sample.path, sample.label, part, "" if group == sample.path else group))
    return text.getvalue()


def read_splits(path: Path) -> dict[str, tuple[Sample, ...]]:
    """The samples of each part that :func:`write_splits` wrote.

    Raises:
        DataError: the file is missing or is no such file.
    """
    try:
        text = read_regular(path, TEXT_LIMIT).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except OSError as error:
        raise DataError(f"The split {path} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise _no_split(path) from None
    if not rows or any(row.get(column) is None or row.get("part") not in PARTS for row in rows for column in _COLUMNS):
        raise _no_split(path)
    return {part: tuple(Sample(row["path"], row["label"]) for row in rows if row["part"] == part) for part in PARTS}


def _no_split(path: Path) -> DataError:
    return DataError(
        f"{path} is not a saved split.",
        f"the columns {','.join(_COLUMNS)}, and one of {', '.join(PARTS)} as part",
        "Name the splits.csv of a run folder, or make the split anew.",
    )
