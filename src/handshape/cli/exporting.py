"""``handshape export``: a trained model in other formats, each proved against Keras on photographs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.console import Console
from handshape.errors import DataError

if TYPE_CHECKING:
    from handshape.export.bundle import Bundle
    from handshape.export.exports import Export, Exports
    from handshape.workflow.export_photographs import Chosen


def export(options: argparse.Namespace, console: Console) -> int:
    """Writes the formats; 1 when one of them is no match for Keras and nothing took its place."""
    from handshape.export.exports import export_model, failure
    from handshape.export.formats import require_modules
    from handshape.hands.search import hand_search
    from handshape.registry import resolve
    from handshape.workflow.export_photographs import load_photographs

    require_modules(options.to)
    bundle = resolve(options.model)
    chosen = choose(options, bundle, console)
    look = hand_search(console, required=True) if bundle.hands else None
    console.status("check", f"Comparing on {len(chosen.proof)} photographs of {chosen.root}")
    console.detail(f"{len(chosen.calibration)} others show int8 the range of every value")
    calibration = load_photographs(chosen.root, chosen.calibration, bundle, look, console)
    proof = load_photographs(chosen.root, chosen.proof, bundle, look, console)
    exports = export_model(bundle, options.to, calibration.inputs, proof, options.out or place_of(bundle), console)
    show(exports, console)
    failed = failure(exports)
    if options.json:
        console.emit(exports.as_dict() | ({"error": failed.text} if failed else {}))
    elif failed:
        console.error(failed)
    return 1 if failed else 0


def choose(options: argparse.Namespace, bundle: Bundle, console: Console) -> Chosen:
    """The photographs of ``--data``, else those that the run kept back."""
    from handshape.data.splits import read_splits
    from handshape.workflow.export_photographs import choose_from_folder, choose_from_split
    from handshape.workflow.run import open_run, read_record

    if options.data:
        return choose_from_folder(options.data, bundle)
    run = run_of(bundle)
    if run is None:
        raise DataError(
            f"{bundle.folder} comes without photographs to compare the exports with Keras on.",
            "the run folder that it was made in, or photographs",
            "Name photographs, one folder a class: --data FOLDER",
        )
    chosen = choose_from_split(Path(read_record(run)["data"]), read_splits(open_run(run).splits))
    if bundle.details.get("learned_from_all"):
        console.status("hint", "In the end the model learned from these photographs; others prove more: --data FOLDER")
    return chosen


def place_of(bundle: Bundle) -> Path:
    """Where exports go: into the run folder, or the folder of the user."""
    return (run_of(bundle) or Path()) / "exports"


def run_of(bundle: Bundle) -> Path | None:
    """The run folder that a bundle is in."""
    parent = bundle.folder.parent
    return parent if (parent / "run.json").is_file() and (parent / "splits.csv").is_file() else None


def show(exports: Exports, console: Console) -> None:
    """Tables of the formats, and of the classes that they do not recognise as Keras does."""
    first = exports.each[0].parity
    size, time = megabytes(exports.keras_size), f"{exports.keras_milliseconds:.1f}"
    rows = [("keras", size, time, "100.0%", "0", f"{first.keras:.1%}", ""), *map(row_of, exports.each)]
    columns = ("format", "MB", "ms", "same answer", "largest difference", "accuracy", "kept")
    console.table(f"Beside Keras on {first.images} photographs", columns, rows)
    kept = [each for each in exports.each if not each.fault]
    show_classes(exports, console)
    if kept:
        console.status("save", f"Saved {', '.join(each.format.path for each in kept)} in {exports.folder}")
        console.detail("ms: one photograph a call; LiteRT, ONNX and OpenVINO on one core, the others on all")


def row_of(export: Export) -> tuple[str, str, str, str, str, str, str]:
    """An export as a row of the table."""
    parity = export.parity
    return (
        export.format.name,
        megabytes(export.size),
        f"{export.milliseconds:.1f}",
        f"{parity.agreement:.1%}",
        f"{parity.largest_difference:.7f}",
        f"{parity.export:.1%}",
        "no" if export.fault else "yes",
    )


def show_classes(exports: Exports, console: Console) -> None:
    """The classes of which a format recognises more or fewer."""
    changed = [export for export in exports.each if any(each.loss for each in export.parity.classes)]
    rows = []
    for classes in zip(*(export.parity.classes for export in changed), strict=True):
        if any(each.loss for each in classes):
            shares = [f"{share:.1%}" for share in (classes[0].keras, *(each.export for each in classes))]
            rows.append((classes[0].label, classes[0].images, *shares))
    if rows:
        names = [export.format.name for export in changed]
        console.table("Accuracy of the classes that a format changes", ("class", "images", "keras", *names), rows)
    if len(changed) < len(exports.each):
        same = ", ".join(export.format.name for export in exports.each if export not in changed)
        console.detail(f"Every class is recognised as often as by Keras: {same}")


def megabytes(size: int) -> str:
    """Bytes in words of the table."""
    return f"{size / 1e6:.1f}"
