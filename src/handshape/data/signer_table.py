"""A table of who signed what: a .csv file with the columns path and signer."""

from __future__ import annotations

from pathlib import Path

from handshape.data.tables import path_key, read_lines
from handshape.errors import DataError


def read_signers(table: Path) -> dict[str, str]:
    """Signer by the key of a path. A spreadsheet may have written it: byte-order mark, semicolons, tabs, backslashes.

    Raises:
        SettingsError: there is no such file, or it is not text.
        DataError: it is not a table of path and signer, or names two signers for one image.
    """
    signers: dict[str, str] = {}
    example = "path,signer as the first line, then for example A/1.jpg,anna"
    for line in read_lines(table, "The table of signers", example):
        path, signer = path_key(line.values["path"]), line.values["signer"]
        if path and signer and signers.setdefault(path, signer) != signer:
            raise DataError(
                f"{table} names two signers for {path}: {signers[path]} and {signer} (line {line.number}).",
                "one signer an image",
                "Remove the wrong line.",
            )
    return signers
