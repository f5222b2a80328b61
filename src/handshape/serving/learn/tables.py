"""The tables that lie beside class folders, kept in step with the files they name.

``signers.csv`` says who signed what (path, signer), ``labels.csv`` which labels were corrected. Somebody else may have
written them, so lines of other files, other columns and their order stay as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from handshape.files import why, write_text
from handshape.serving.learn.names import RefusedError

SIGNERS, LABELS = "signers.csv", "labels.csv"
PATH, SIGNER = "path", "signer"

Row = dict[str, str]


def require_signers(root: Path) -> None:
    """Passes where lines can be added to the table of signers, or there is none yet.

    Raises:
        RefusedError: it is none of path and signer.
    """
    columns, _ = _read(root / SIGNERS, [PATH, SIGNER])
    if not {PATH, SIGNER} <= set(columns):
        raise _not_a_table(root / SIGNERS, "it lacks the columns path and signer")


def add_signers(root: Path, paths: Iterable[str], signer: str) -> None:
    """Says who signed these files, which lie below a folder of class folders.

    Raises:
        RefusedError: the table there is none of path and signer.
        RunError: it cannot be written.
    """
    require_signers(root)
    columns, rows = _read(root / SIGNERS, [PATH, SIGNER])
    named = {row[PATH] for row in rows}
    rows += [{PATH: path, SIGNER: signer} for path in paths if path not in named]
    _write(root / SIGNERS, columns, rows)


def signers_of(root: Path) -> dict[str, str]:
    """Who signed, by the path of each file; nothing where no table says it."""
    try:
        _, rows = _read(root / SIGNERS, [])
    except RefusedError:
        return {}
    return {row[PATH]: row[SIGNER] for row in rows if PATH in row and SIGNER in row}


def follow(root: Path, moved: Callable[[str], str | None]) -> None:
    """Has the tables say where files are now.

    Args:
        root: the folder of class folders.
        moved: the new path of a file; None of one that is gone.

    Raises:
        RunError: a table cannot be written.
    """
    for name in (SIGNERS, LABELS):
        try:
            columns, rows = _read(root / name, [])
        except RefusedError:
            continue  # not ours to mend
        kept = [row | {PATH: path} for row in rows if (path := moved(row.get(PATH, ""))) is not None]
        if kept != rows:
            _write(root / name, columns, kept)


def _read(file: Path, columns: list[str]) -> tuple[list[str], list[Row]]:
    """Columns and rows; the columns given where there is no table yet."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return columns, []
    except (OSError, UnicodeDecodeError) as error:
        raise _not_a_table(file, why(error)) from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = [{name: value or "" for name, value in row.items() if isinstance(name, str)} for row in reader]
    return list(reader.fieldnames or columns), rows


def _write(file: Path, columns: list[str], rows: list[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_text(file, text.getvalue())


def _not_a_table(file: Path, reason: str) -> RefusedError:
    return RefusedError(
        "bad_table",
        f"{file.name} in the folder of recordings cannot be read as a table: {reason}.",
        "columns path and signer, separated by commas, in UTF-8",
        "Correct it, or move it away.",
    )
