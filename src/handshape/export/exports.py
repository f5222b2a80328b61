"""Exports that prove themselves: each is run against Keras on photographs, and only what matches is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import files
from handshape.console import Console
from handshape.downloads import file_sha256
from handshape.errors import HandshapeError
from handshape.evaluation.answers import Floats
from handshape.evaluation.predictions import predict
from handshape.export.bundle import Bundle
from handshape.export.formats import FORMATS, Format, Source
from handshape.export.keras_file import load_keras
from handshape.export.parity import Parity, compare
from handshape.export.usage import write_usage
from handshape.hands.inputs import Inputs
from handshape.model.networks import KerasNetwork, Network

RECORD = "exports.json"
ROOM = 150_000_000  # bytes: the largest, a SavedModel, takes about 12 MB, and each is written once more to convert it
WARM_UPS, TIMED = 5, 50  # calls


@dataclass(frozen=True)
class Photographs:
    """What a model is given of N photographs, and what they show.

    Attributes:
        inputs: of the N photographs.
        targets: class numbers [N].
    """

    inputs: Inputs
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Export:
    """One format, written and proved.

    Attributes:
        format: what it is.
        size: of its files, in bytes.
        milliseconds: a photograph, one a call: the median of fifty.
        parity: beside Keras.
        fault: why it is not kept; "" where it is.
        files: SHA-256 of each, by its path in the folder of exports.
    """

    format: Format
    size: int
    milliseconds: float
    parity: Parity
    fault: str
    files: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        measures = {"bytes": self.size, "milliseconds": round(self.milliseconds, 3), **self.parity.as_dict()}
        return {"path": self.format.path, "kept": not self.fault, "fault": self.fault, "files": self.files, **measures}


@dataclass(frozen=True)
class Exports:
    """What one command made.

    Attributes:
        folder: where the exports are.
        each: every format that was tried, in order.
        keras_size: of the Keras model, in bytes.
        keras_milliseconds: a photograph, one a call, on every core.
    """

    folder: Path
    each: tuple[Export, ...]
    keras_size: int
    keras_milliseconds: float

    @property
    def failed(self) -> tuple[Export, ...]:
        """Those that are not kept, and that no other took the place of."""
        kept = {export.format.name for export in self.each if not export.fault}
        return tuple(export for export in self.each if export.fault and export.format.fallback not in kept)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "keras": {"bytes": self.keras_size, "milliseconds": round(self.keras_milliseconds, 3)},
            "exports": {export.format.name: export.as_dict() for export in self.each},
        }


def export_model(
    bundle: Bundle, formats: Sequence[Format], calibration: Inputs, proof: Photographs, folder: Path, console: Console
) -> Exports:
    """Writes a model in every format asked for, and in those that take the place of one that fails.

    Everything is made aside and moved to ``folder`` as whole files at the end; exports made before stay.

    Args:
        bundle: of the model.
        formats: what :func:`~handshape.export.formats.require_modules` let pass.
        calibration: photographs as the model will see them.
        proof: other photographs, to compare on.
        folder: where the exports go.
        console: shows the progress.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend than TensorFlow in this process.
        RunError: the folder cannot be written.
    """
    files.require_disk_space(folder, ROOM)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.tidy(folder)
        with TemporaryDirectory(dir=folder, prefix=files.PARTIAL, ignore_cleanup_errors=True) as aside:
            console.status("weights", "Loading the trained model, to compare with")
            model = load_keras(bundle)
            reference = KerasNetwork(model)
            expected = predict(reference, proof.inputs, console)
            source = Source(bundle, model, calibration)
            made = _make_all(source, formats, proof, expected, Path(aside), console)
            exports = Exports(folder, made, bundle.keras.stat().st_size, _milliseconds(reference, proof.inputs))
            _keep(source, exports, Path(aside), console)
    except Exception as error:
        if isinstance(error, OSError) or files.is_refused(error):  # TensorFlow has an error of its own for a full disk
            raise files.cannot_write(folder, error) from None
        raise
    return exports


def read_exports(folder: Path) -> dict[str, Any]:
    """What was recorded of the exports in a folder; nothing where there is no record that can be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _make_all(
    source: Source, formats: Sequence[Format], proof: Photographs, expected: Floats, aside: Path, console: Console
) -> tuple[Export, ...]:
    queue, made = list(formats), []
    for each in queue:
        console.status("save", f"Exporting to {each.name}")
        export = _make(each, source, proof, expected, aside / each.path, console)
        made.append(export)
        if export.fault:
            console.warn(f"{each.name}: {export.fault}." + f" Making {each.fallback} instead." * bool(each.fallback))
        if export.fault and each.fallback and FORMATS[each.fallback] not in queue:
            queue.append(FORMATS[each.fallback])
    return tuple(made)


def _make(each: Format, source: Source, proof: Photographs, expected: Floats, path: Path, console: Console) -> Export:
    each.write(source, path)
    network = each.open(path)
    answers = predict(network, proof.inputs, console)
    parity = compare(source.bundle.class_names, expected, answers, proof.targets)
    parts = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return Export(
        format=each,
        size=sum(file.stat().st_size for file in parts),
        milliseconds=_milliseconds(network, proof.inputs),
        parity=parity,
        fault=parity.fault(each.tolerance),
        files={file.relative_to(path.parent).as_posix(): file_sha256(file) for file in parts},
    )


def _milliseconds(network: Network, inputs: Inputs) -> float:
    """The median time of a call with one photograph."""
    seconds = []
    for call in range(WARM_UPS + TIMED):
        number = call % len(inputs)
        start = time.perf_counter()
        network(inputs[number : number + 1])
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[WARM_UPS:])) * 1000


def _keep(source: Source, exports: Exports, aside: Path, console: Console) -> None:
    """Moves what matches Keras to its place, and records and explains it beside earlier exports of the same model."""
    bundle = source.bundle
    folder, model = exports.folder, file_sha256(bundle.keras)
    before = read_exports(folder)
    known = dict(before.get("exports", {})) if before.get("model_sha256") == model else {}
    for export in exports.each:
        target = folder / export.format.path
        if export.fault:
            files.discard(target)  # an earlier one of its format, for which it cannot stand
        else:
            files.take_place(aside / target.name, target)
    details = {name: bundle.details[name] for name in ("labels", "input", "thresholds") if name in bundle.details}
    now = exports.as_dict()
    record = {"model_sha256": model, **details, "keras": now["keras"], "exports": known | now["exports"]}
    files.write_json(folder / RECORD, record)
    write_usage(folder, bundle, frozenset(each.name for each in source.model.inputs), record["exports"], console)


def failure(exports: Exports) -> HandshapeError | None:
    """What to tell a user whose formats are not all there; None where they are."""
    if not exports.failed:
        return None
    names = ", ".join(export.format.name for export in exports.failed)
    return HandshapeError(
        f"Not kept, because it is no match for Keras: {names}.",
        "the same answers as Keras, and no class that loses more than a point",
        "Use another format, or give more photographs with --data, so that one image counts for less.",
    )
