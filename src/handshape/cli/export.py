"""``handshape export``: a trained model in other formats, each proved on photographs; and the page that runs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import MODEL, Verbs, add_verb, quoted
from handshape.errors import HandshapeError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.export.bundle import Bundle
    from handshape.export.exports import Export, Exports
    from handshape.export.formats import Format
    from handshape.workflow.export_web import Website

ORDER = 70
WEB_FOLDER = "web"  # of the page, beside other exports


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "export",
        run,
        "other formats, each proved on photographs; a website",
        "Writes a model in other formats and runs each against Keras on photographs. What is no match for Keras is not "
        "kept; int8 then falls back to float16 and says which class lost how much.\n\n"
        "The format web is the page of 'handshape serve' as a folder for any web server, no program behind it: the "
        "model reads hands on each visitor's own device. It needs no photographs.",
        [
            "handshape export asl --to web --out site",
            "handshape export runs/first --to litert-int8,onnx",
            "handshape export runs/first --to litert-int8 --data other-people --out app/model",
        ],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument(
        "--to",
        type=_formats,
        required=True,
        metavar="FORMAT,…",
        help="litert, litert-float16, litert-int8, onnx, openvino, saved_model, web",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="photographs to compare on (default: what the run kept back)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where they go (default: exports/ in the run folder); the page itself, or web/ in it beside others",
    )


def _formats(names: str) -> tuple[tuple[Format, ...], bool]:
    from handshape.export.formats import asked_for

    try:
        return asked_for(names)
    except HandshapeError as error:
        raise argparse.ArgumentTypeError(error.text.replace("\n", " ")) from None


def run(options: argparse.Namespace, console: Console) -> int:
    """Writes the formats; 1 when one of them is no match for Keras and nothing took its place."""
    from handshape.export.exports import failure
    from handshape.registry import resolve
    from handshape.workflow.export import export_bundle

    bundle, (formats, has_page) = resolve(options.model, console), options.to
    page = write_page(bundle, options, console) if has_page else None
    exports = export_bundle(bundle, formats, options.data, options.out, console) if formats else None
    failed = failure(exports) if exports else None
    if exports:
        show(exports, console)
    console.done("Exported")
    if options.json:
        told = exports.as_dict() if exports else {}
        console.emit(told | ({"web": page.as_dict()} if page else {}) | ({"error": failed.text} if failed else {}))
    elif failed:
        console.error(failed)
    return 1 if failed else 0


def write_page(bundle: Bundle, options: argparse.Namespace, console: Console) -> Website:
    """The page, in the folder that is meant, and how to look at it."""
    from handshape.workflow.export import usual_folder
    from handshape.workflow.export_web import export_web

    formats, _ = options.to
    alone = options.out if options.out and not formats else None
    folder = alone or (options.out or usual_folder(bundle)) / WEB_FOLDER
    page = export_web(bundle, options.model, folder, console)
    console.result("save", f"Saved the page, {page.files} files, {megabytes(page.size)} MB, in {page.folder}")
    console.hint("Look at it:", f"python -m http.server --directory {quoted(folder)} 8080")
    console.hint("It is then at http://localhost:8080; a web server for others needs https, without which no camera")
    return page


def show(exports: Exports, console: Console) -> None:
    """Tables of the formats, and of the classes that they do not recognise as Keras does."""
    from handshape.export.usage import README

    first = exports.each[0].parity
    size, time = megabytes(exports.keras_size), f"{exports.keras_milliseconds:.1f}"
    rows = [("keras", size, time, "100.0%", "0", f"{first.keras:.1%}", ""), *map(row_of, exports.each)]
    columns = ("format", "MB", "ms", "same answer", "largest difference", "accuracy", "kept")
    console.table(f"Beside Keras on {first.images} photographs", columns, rows)
    kept = [each for each in exports.each if not each.fault]
    show_classes(exports, console)
    if kept:
        console.result("", "ms: time for one photograph; LiteRT, ONNX and OpenVINO on one core, the others on all")
        console.result("save", f"Saved {', '.join(each.format.path for each in kept)} in {exports.folder}")
        console.hint(f"How others use them, with examples that run: {exports.folder / README}")


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
        console.result("", f"Every class is recognised as often as by Keras: {same}")


def megabytes(size: int) -> str:
    """Bytes in words of the table."""
    return f"{size / 1e6:.1f}"
