"""``handshape explain``: the hand that was found and where the model looked, drawn over each photograph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import MODEL, Verbs, add_verb, for_each_image, given_path, in_words

if TYPE_CHECKING:
    from handshape.console import Console

ORDER = 50


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "explain",
        run,
        "where a model looked, drawn over images",
        "Draws a picture for each image: the hand that was found, the places that spoke for the answer, and the "
        "answer. No file is ever overwritten.",
        ["handshape explain runs/first photo.jpg", "handshape explain runs/first photos --out pictures --json"],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("images", type=given_path, nargs="+", metavar="IMAGE", help="image files or folders of them")
    parser.add_argument(
        "--out", type=Path, default=Path("explained"), metavar="FOLDER", help="where they go (default: explained)"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Draws one PNG an image and goes on after a bad image; 1 when one could not be read."""
    from handshape.files import write_bytes
    from handshape.registry import resolve
    from handshape.serving.explaining import explain_photograph
    from handshape.serving.recognizer import recognizer_of

    recognizer = recognizer_of(resolve(options.model, console), console)

    def answer(path: Path) -> None:
        result, picture = explain_photograph(path, recognizer)
        file = free_name(options.out, path)
        write_bytes(file, picture)
        console.say(f"{path}: {in_words(result)} → {file}")
        if options.json:
            console.emit({"path": str(path), "file": str(file), **result.as_dict()})

    return for_each_image(options, console, answer)


def free_name(folder: Path, image: Path) -> Path:
    """A file of the folder that is not there yet, named after the image."""
    file, number = folder / f"{image.stem}.explained.png", 1
    while file.exists():
        number += 1
        file = folder / f"{image.stem}.explained-{number}.png"
    return file
