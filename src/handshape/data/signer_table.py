"""A table of who signed what: a .csv file with the columns path and signer."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

from handshape.errors import DataError, SettingsError


def read_signers(table: Path) -> dict[str, str]:
    """Signer by the key of a path. A spreadsheet may have written it: byte-order mark, semicolons, tabs, backslashes.

    Raises:
        SettingsError: there is no such file, or it is not text.
        DataError: it is not a table of path and signer, or names two signers for one image.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"The table of signers {table.absolute()} cannot be read: {cause}.",
            "a CSV file with the columns path,signer",
            "Check the path; it is relative to the folder the command runs in.",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"{table} is not text in UTF-8.",
            "a CSV file in UTF-8",
            "Save it as 'CSV UTF-8' in the spreadsheet program.",
        ) from None
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        return _signers(table, reader)
    except csv.Error as error:
        raise DataError(f"{table} is not a CSV file: {error} in line {reader.line_num}.", "path,signer") from None


def _signers(table: Path, reader: csv.DictReader[str]) -> dict[str, str]:
    columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    if not {"path", "signer"} <= set(columns):
        raise DataError(
            f"{table} lacks the columns path and signer; it has {', '.join(columns) or 'none'}.",
            "path,signer as the first line, then for example A/1.jpg,anna",
            "Name the columns so.",
        )
    signers: dict[str, str] = {}
    for row in reader:
        path, signer = path_key(row[columns["path"]] or ""), (row[columns["signer"]] or "").strip()
        if path and signer and signers.setdefault(path, signer) != signer:
            raise DataError(
                f"{table} names two signers for {path}: {signers[path]} and {signer} (line {reader.line_num}).",
                "one signer an image",
                "Remove the wrong line.",
            )
    return signers


def path_key(path: str) -> str:
    """The same path in whatever way a system or a spreadsheet wrote it."""
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/").removeprefix("./"))
