"""Exporting a bundle: the photographs on which exports are calibrated and proved, then the formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handshape.console import Console
from handshape.data.reading import read_files
from handshape.data.samples import Sample, list_samples, match_class_names
from handshape.data.splits import read_splits
from handshape.errors import DataError
from handshape.export.bundle import Bundle
from handshape.export.exports import Exports, Photographs, export_model
from handshape.export.formats import Format, require_modules
from handshape.hands.search import HandSearch, hand_search
from handshape.workflow.run import Run, read_record

CALIBRATE, PROVE = 200, 2_000  # at most; 2,000 images of 128 pixels take 100 MB


@dataclass(frozen=True)
class Chosen:
    """Photographs of a folder, none of them in both parts.

    Attributes:
        root: the folder.
        calibration: int8 learns the ranges of values from these.
        proof: the exports are compared on these.
    """

    root: Path
    calibration: tuple[Sample, ...]
    proof: tuple[Sample, ...]


def export_bundle(
    bundle: Bundle, formats: Sequence[Format], data: Path | None, out: Path | None, console: Console
) -> Exports:
    """Writes a model in other formats, each proved against Keras on photographs.

    Args:
        bundle: of the model.
        formats: which.
        data: photographs, one folder a class; None takes those that the run of the bundle kept back.
        out: where they go; None takes ``exports`` in the run folder, else here.
        console: shows the progress.

    Raises:
        RuntimeUnavailableError: what a format needs is not installed.
        DataError: there are no photographs to prove them on.
        RunError: the folder cannot be written.
    """
    require_modules(formats)
    chosen = choose_from_folder(data, bundle) if data else _choose_from_run(bundle, console)
    search = hand_search(console, required=True) if bundle.hands else None
    console.status("check", f"Comparing on {len(chosen.proof)} photographs of {chosen.root}")
    console.detail(f"{len(chosen.calibration)} others show which values occur, which int8 needs to know")
    calibration = load_photographs(chosen.root, chosen.calibration, bundle, search, console)
    proof = load_photographs(chosen.root, chosen.proof, bundle, search, console)
    return export_model(bundle, formats, calibration.inputs, proof, out or usual_folder(bundle), console)


def choose_from_folder(root: Path, bundle: Bundle) -> Chosen:
    """A fifth of the photographs in class folders calibrates, the others prove; classes and files evenly.

    Raises:
        DataError: the folder is missing, or has fewer than two photographs of classes that the model knows.
    """
    folder = list_samples(root)
    known = match_class_names(folder.classes, bundle.class_names)
    samples = [
        Sample(each.path, bundle.class_names[known[each.label]]) for each in folder.samples if each.label in known
    ]
    if len(samples) < 2:
        raise DataError(
            f"{root} has too few photographs of the classes that the model knows.",
            f"at least two, of {', '.join(bundle.class_names)}",
            "Name a folder with one folder of photographs a class.",
        )
    calibration = _evenly(samples, min(CALIBRATE, max(1, len(samples) // 5)))
    apart = set(calibration)
    return Chosen(root, calibration, _evenly([each for each in samples if each not in apart], PROVE))


def choose_from_split(root: Path, parts: Mapping[str, Sequence[Sample]]) -> Chosen:
    """Of the photographs that a model was made with, those it was trained on calibrate, those kept back prove.

    Raises:
        DataError: they are no longer there.
    """
    chosen = Chosen(root, _evenly(parts["train"], CALIBRATE), _evenly((*parts["validation"], *parts["test"]), PROVE))
    if not root.is_dir() or not any((root / each.path).is_file() for each in chosen.proof):
        raise DataError(
            f"The photographs that the model was made with are no longer in {root}.",
            "photographs to compare the exports with Keras on",
            "Name others, one folder a class: --data FOLDER",
        )
    return chosen


def load_photographs(
    root: Path, samples: Sequence[Sample], bundle: Bundle, search: HandSearch | None, console: Console
) -> Photographs:
    """Photographs as the model is shown them; those that cannot be read are left out.

    Args:
        root: the folder they are in.
        samples: what to read, with labels that the bundle has.
        bundle: of the model.
        search: finds hands; None for a model of whole images.
        console: shows the progress.

    Raises:
        DataError: none can be read.
    """
    readings = read_files([root / sample.path for sample in samples], search, bundle.size, console)
    usable = readings.usable
    if len(usable) < len(samples):
        console.warn(f"Left out, unreadable images: {len(samples) - len(usable)}. See: handshape check {root}")
    if readings.inputs is None or not usable:
        raise DataError(f"None of the {len(samples)} photographs in {root} can be read.")
    targets = np.array([bundle.class_names.index(samples[row].label) for row in usable], np.int64)
    return Photographs(readings.inputs, targets)


def _choose_from_run(bundle: Bundle, console: Console) -> Chosen:
    """The photographs that the run of a bundle kept back."""
    run = _run_of(bundle)
    if run is None:
        raise DataError(
            f"{bundle.folder} comes without photographs to compare the exports with Keras on.",
            "the run folder that it was made in, or photographs",
            "Name photographs, one folder a class: --data FOLDER",
        )
    record = read_record(run)
    chosen = choose_from_split(Path(record["data"]), read_splits(Run(run, record["timestamp"]).splits))
    if bundle.details.get("learned_from_all"):
        console.hint("In the end the model learned from these photographs too, so others prove more: --data FOLDER")
    return chosen


def usual_folder(bundle: Bundle) -> Path:
    """Where exports go: into the run folder, or the folder of the user."""
    return (_run_of(bundle) or Path()) / "exports"


def _run_of(bundle: Bundle) -> Path | None:
    """The run folder that a bundle is in."""
    parent = bundle.folder.parent
    return parent if (parent / "run.json").is_file() and (parent / "splits.csv").is_file() else None


def _evenly(samples: Sequence[Sample], count: int) -> tuple[Sample, ...]:
    """At most so many of them, at even distances."""
    if len(samples) <= count:
        return tuple(samples)
    return tuple(samples[index] for index in np.linspace(0, len(samples) - 1, count).round().astype(int).tolist())
