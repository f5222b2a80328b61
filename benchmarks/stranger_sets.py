"""Which photographs the benchmarks on strangers train on and test on, and who signed those for training."""

from __future__ import annotations

import csv
import os
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.data.samples import ImageFolder, Sample, list_samples

LETTERS = tuple("ABCDEFGHIKLMNOPQRSTUVWXY")  # J and Z are movements
NEGATIVES = ("no_hand", "not_hands")
HARD_WALLS = ("asl23_plain_wall", "asl24_dark_room")  # both benchmarks' models are asked about these as well

FOUR_SIGNERS, FIVE_HANDS = "asl26_4_signers", "asl36_5_hands"
THUMBNAIL = 8  # pixels


@dataclass(frozen=True)
class Benchmark:
    """Names of sets.

    Attributes:
        sources: to train on.
        tests: by other people; their mean is the benchmark's figure.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def strangers(self) -> tuple[str, ...]:
        """All sets by other people."""
        return (*self.tests, *HARD_WALLS)

    @property
    def knows_signers(self) -> bool:
        """Whether there are signers enough to split by them."""
        return len(self.sources) > 1


BENCHMARKS = {
    "one": Benchmark(
        sources=("asl29_one_signer_video",),
        tests=("asl24_signer_t", "asl26_two_sessions", FOUR_SIGNERS, FIVE_HANDS),
    ),
    "many": Benchmark(
        sources=(
            "asl29_one_signer_video",
            "asl24_signer_j",
            FOUR_SIGNERS,
            FIVE_HANDS,
            "asl26_hazy_room",
            "asl26_crops",
            "asl26_face_beside_hand",
        ),
        tests=("asl24_signer_t", "asl26_two_sessions"),
    ),
}


def samples_of(data: Path, names: Sequence[str], limit: int | None) -> tuple[Sample, ...]:
    """The letters of some sets, or all classes of those without a sign, their paths relative to ``data``.

    Thinned out evenly to at most ``limit`` of each class of each set.

    Raises:
        DataError: a set is missing.
    """
    return tuple(
        Sample(f"{name}/{sample.path}", sample.label)
        for name in names
        for sample in thinned(list_samples(data / name), None if name in NEGATIVES else LETTERS, limit)
    )


def thinned(folder: ImageFolder, classes: Sequence[str] | None, limit: int | None) -> list[Sample]:
    """The samples of some classes of a folder, or of all, at most ``limit`` of each."""
    kept: list[Sample] = []
    for label in classes or folder.classes:
        samples = [sample for sample in folder.samples if sample.label == label]
        count = min(len(samples), limit or len(samples))
        kept += [samples[index] for index in np.linspace(0, len(samples) - 1, count).round().astype(int)]
    return kept


def lay_out(data: Path, samples: Sequence[Sample], folder: Path) -> Path:
    """A folder with one folder a class, of several sets, by hard links, or by copies where links are not possible."""
    for sample in samples:
        place = folder / place_of(sample)
        place.parent.mkdir(parents=True, exist_ok=True)
        source = (data / sample.path).resolve()
        try:
            os.link(source, place)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, place)
    return folder


def place_of(sample: Sample) -> str:
    """Where a sample of a set goes in the common folder: SET/CLASS/file to CLASS/SET/file."""
    name, label, file = sample.path.split("/", 2)
    return f"{label}/{name}/{file}"


def write_signers(data: Path, benchmark: Benchmark, samples: Sequence[Sample], table: Path) -> None:
    """Who signed each sample, as a CSV file of path and signer."""
    signers = signers_of(data, benchmark)
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("path", "signer"))
        writer.writerows((place_of(sample), signers[sample.path]) for sample in samples)


def signers_of(data: Path, benchmark: Benchmark) -> Mapping[str, str]:
    """The signer of every photograph to train on, by its path: one a set, but for two sets with several."""
    signers = {}
    by_class: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples_of(data, benchmark.sources, None):
        name, _, file = sample.path.split("/", 2)
        signers[sample.path] = f"{name} {file.partition('_')[0]}" if name == FIVE_HANDS else name
        if name == FOUR_SIGNERS:
            by_class[sample.label].append(sample)
    for samples in by_class.values():
        blocks = blocks_of([data / sample.path for sample in samples], 4)
        signers |= {
            sample.path: f"{FOUR_SIGNERS} {block}" for sample, block in zip(samples, blocks.tolist(), strict=True)
        }
    return signers


def blocks_of(files: Sequence[Path], count: int) -> np.ndarray:
    """The block, 0 to ``count`` - 1, of each of a class's photographs [N], which lie one signer after another.

    Where a signer ends differs from class to class; the picture changes there more than anywhere else.
    """
    looks = np.stack([thumbnail(file) for file in files])
    changes = np.abs(np.diff(looks, axis=0)).mean(axis=(1, 2, 3))
    starts = np.zeros(len(files), int)
    starts[np.argsort(-changes)[: count - 1] + 1] = 1
    return starts.cumsum()


def thumbnail(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), np.float32)
