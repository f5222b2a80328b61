"""Tables that people keep beside their photographs, as whatever spreadsheet program wrote them."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from handshape.errors import DataError, SettingsError
from handshape.files import TEXT_LIMIT, read_regular

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        number: where it ends in the file, from 1.
        values: by the names of the columns, in small letters, without spaces around them.
    """

    number: int
    values: Mapping[str, str]


def read_lines(table: Path, subject: str, example: str) -> Iterator[Line]:
    """The lines of a .csv file. Byte-order marks, semicolons, tabs and spaces are as spreadsheets write them.

    Args:
        table: the file.
        subject: what it is, as messages begin.
        example: a line, after the columns that must be there: ``path,signer as the first line, then for example …``.

    Raises:
        SettingsError: there is no such file, or it is not text.
        DataError: it is no table, or lacks a column.
    """
    text, columns = _text_of(table, subject, example), example.partition(" ")[0].split(",")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        names = {column_name(name): name for name in reader.fieldnames or ()}
        if not set(columns) <= set(names):
            raise DataError(
                f"{table} lacks the columns {' and '.join(columns)}; it has {', '.join(names) or 'none'}.",
                example,
                "Name the columns so.",
            )
        for row in reader:
            yield Line(reader.line_num, {name: (row[key] or "").strip() for name, key in names.items()})
    except csv.Error as error:
        raise DataError(f"{table} is not a CSV file: {error} in line {reader.line_num}.", ",".join(columns)) from None


def delimiter_of(text: str) -> str:
    """What stands between the columns, going by the first line."""
    return max(DELIMITERS, key=text.partition("\n")[0].count)


def column_name(name: str | None) -> str:
    """The name of a column as it is looked up."""
    return (name or "").strip().lower()


def path_key(path: str) -> str:
    """The same path in whatever way a system or a spreadsheet wrote it."""
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/").removeprefix("./"))


def _text_of(table: Path, subject: str, example: str) -> str:
    columns = example.partition(" ")[0]
    try:
        return read_regular(table, TEXT_LIMIT).decode("utf-8-sig")
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"{subject} {table.absolute()} cannot be read: {cause}.",
            f"a CSV file with the columns {columns}",
            "Check the path; it is relative to the folder the command runs in.",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"{table} is not text in UTF-8.",
            "a CSV file in UTF-8",
            "Save it as 'CSV UTF-8' in the spreadsheet program.",
        ) from None
