"""Tables of pixels, a picture a line, as Sign MNIST comes: ``python -m handshape.data.pixel_table TABLE.csv OUT``."""

from __future__ import annotations

import csv
import math
import shlex
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.console import Console
from handshape.errors import DataError, HandshapeError
from handshape.files import atomic_folder

MIN_PIXELS = 64  # 8 x 8
USAGE = "usage: python -m handshape.data.pixel_table TABLE.csv OUT [--letters]"

_ENDINGS = (".csv", ".tsv", ".txt")
_LABELS = ("label", "class", "target", "y")

Line = tuple[str, list[float]]


def is_pixel_table(path: Path) -> bool:
    """Whether a file begins with a label and the pixels of a square picture, or with the names of such columns."""
    if path.suffix.lower() not in _ENDINGS or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return _label_column(next(csv.reader([stream.readline(1_000_000)]), [])) is not None
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def pictures_command(path: Path) -> str:
    """What makes pictures of a table; Sign MNIST counts its letters from 0."""
    words = ["python", "-m", "handshape.data.pixel_table", str(path), f"{path.stem}_pictures"]
    return shlex.join([*words, *(["--letters"] if "sign" in path.stem.lower() else [])])


def write_pictures(table: Path, out: Path, letters: bool = False) -> int:
    """Writes each line as a PNG into the folder of its label, and returns how many there are.

    Args:
        table: a .csv with a label and the grey levels of a square picture, 0 to 255 or 0 to 1, in each line.
        out: a new folder.
        letters: label 0 becomes A, 1 becomes B …

    Raises:
        DataError: it is no such table, a line is at fault, or the folder is there already.
        RunError: the folder cannot be written.
    """
    if out.exists():
        raise DataError(f"{out} is there already.", "a new folder")
    count = 0
    with atomic_folder(out) as fresh:
        for count, (label, values) in enumerate(_lines(table), 1):
            if letters and label.isdigit() and int(label) < len(string.ascii_uppercase):
                label = string.ascii_uppercase[int(label)]
            (fresh / label).mkdir(exist_ok=True)
            pixels = np.array(values, np.float64) * (255 if max(values) <= 1 else 1)
            side = math.isqrt(len(values))
            picture = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8).reshape(side, side))
            picture.save(fresh / label / f"{count:06}.png")
    return count


def main(words: list[str]) -> int:
    """0 when the pictures are written, 1 when the table is at fault, 2 on wrong usage."""
    console = Console()
    paths = [Path(word) for word in words if word != "--letters"]
    if len(paths) != 2:
        console.say(USAGE)
        return 2
    try:
        count = write_pictures(paths[0], paths[1], "--letters" in words)
    except HandshapeError as error:
        console.error(error)
        return 1
    console.status("done", f"{count:,} pictures in {paths[1]}, one folder a label")
    return 0


def _lines(table: Path) -> Iterator[Line]:
    """Label and values of each line."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            yield from _parsed(table, csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise _no_table(table) from None


def _parsed(table: Path, rows: Iterable[list[str]]) -> Iterator[Line]:
    place: int | None = None
    columns = 0
    for number, row in enumerate(rows, 1):
        if number == 1:
            place, columns = _label_column(row), len(row)
            if place is None:
                raise _no_table(table)
            if not _is_number(row[-1]):
                continue
        if row and place is not None:
            yield row[place].strip(), _values(table, number, row, place, columns)


def _values(table: Path, number: int, row: list[str], place: int, columns: int) -> list[float]:
    label = row[place].strip() if len(row) == columns else ""
    try:
        values = [float(value) for value in (*row[:place], *row[place + 1 :])]
    except ValueError:
        values = []
    if not values or not label or Path(label).name != label:
        raise DataError(f"Line {number} of {table} is not a label and {columns - 1} pixels.")
    return values


def _label_column(first: list[str]) -> int | None:
    """Which column of the first line is the label; None where the others do not make a square picture."""
    pixels = len(first) - 1
    if pixels < MIN_PIXELS or math.isqrt(pixels) ** 2 != pixels:
        return None
    if _is_number(first[-1]):
        return 0
    names = [name.strip().lower() for name in first]
    return next((names.index(label) for label in _LABELS if label in names), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _no_table(table: Path) -> DataError:
    return DataError(f"{table} is not a table of pixels.", "a first line such as label,pixel1,pixel2 …")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
