"""Writing ``labels.csv``, one decision at a time: whatever else stands in it, and whoever else writes it, is kept."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import dataclass
from pathlib import Path

from handshape.data.label_table import COLUMNS, EXAMPLE, LABELS_FILE, Decision, is_label_table, read_decisions
from handshape.data.tables import column_name, delimiter_of, path_key
from handshape.errors import DataError
from handshape.files import atomic_write, sync

REMEDY = "copy the photographs to a folder that you may write to"
TRIES = 5  # at a file that another program keeps writing
MARK = "\ufeff"  # by which Excel knows UTF-8


class LabelFile:
    """The table of labels of one folder. It is made with the first decision, and goes with the last.

    Args:
        root: the folder of photographs.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / LABELS_FILE
        self._lock = threading.Lock()

    def decisions(self) -> dict[str, Decision]:
        """What it says now, by the keys of paths; nothing where there is none.

        Raises:
            SettingsError: it is not text.
            DataError: it is another table, or says two things of one photograph.
        """
        if not self.path.is_file():
            return {}
        if not is_label_table(self.path):
            raise DataError(
                f"There is a {self.path} of another kind already.",
                EXAMPLE,
                "Rename it: decisions about labels are kept in a file of this name.",
            )
        return read_decisions(self.path)

    def decide(self, path: str, label: str, decision: Decision | None) -> None:
        """Writes what a photograph shows; the file is read anew before, and whole or as it was after.

        Args:
            path: of the photograph, relative to the folder.
            label: of the class folder it lies in.
            decision: None takes back what was decided.

        Raises:
            SettingsError: the file is not text any more.
            DataError: it is another table, or a damaged one.
            RunError: it cannot be written.
        """
        with self._lock:
            for _ in range(TRIES):
                self.decisions()  # a file that cannot be read is not written over
                before = _bytes_of(self.path)
                text = _Text.of(before).changed(path, label, decision)
                if self._replaced(before, text):
                    return
        raise DataError(f"Another program keeps writing {self.path}.", fix="Close it there, then decide again.")

    def _replaced(self, before: bytes | None, text: str) -> bool:
        """Whether the new text is there, in the place of ``before`` and of nothing that came meanwhile."""
        if not text:
            self.path.unlink(missing_ok=True)
            return True
        try:
            with atomic_write(self.path, REMEDY) as partial:
                partial.write_bytes(text.encode())
                sync(partial)  # it takes longest, and the file may change while it does
                if _bytes_of(self.path) != before:
                    raise _ChangedError
        except _ChangedError:
            return False
        return True


class _ChangedError(Exception):
    """Somebody else has written the file."""


@dataclass(frozen=True)
class _Text:
    """A table as it stands in a file: its columns, its rows, and how it is written."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str = ","
    line_end: str = "\n"
    mark: str = ""

    @classmethod
    def of(cls, content: bytes | None) -> _Text:
        if content is None:
            return cls(COLUMNS, ())
        text = content.decode("utf-8")
        mark = MARK if text.startswith(MARK) else ""
        text = text.removeprefix(MARK)
        delimiter = delimiter_of(text)
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        named = {column_name(name) for name in header}
        columns = (*header, *(name for name in COLUMNS if name not in named))
        line_end = "\r\n" if "\r\n" in text else "\n"
        return cls(columns, tuple(map(tuple, rows)), delimiter, line_end, mark)

    def changed(self, path: str, label: str, decision: Decision | None) -> str:
        """The text with what is decided of a photograph; "" where it says nothing of any."""
        mine = [number for number, row in enumerate(self.rows) if self._key(row) == path_key(path)]
        rows: list[tuple[str, ...] | None] = list(self.rows)
        said = None if decision is None else (decision.label, "yes" if decision.kept else "")
        for number in mine:
            rows[number] = self._row(rows[number] or (), path, label, said)
        if not mine and said is not None:
            rows.append(self._row((), path, label, said))
        left = [row for row in rows if row is not None]
        if not left and self.columns == COLUMNS:
            return ""
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=self.delimiter, lineterminator=self.line_end)
        writer.writerows([self.columns, *left])
        return self.mark + written.getvalue()

    def _key(self, row: tuple[str, ...]) -> str:
        place = self._place("path")
        return path_key(row[place]) if place < len(row) else ""

    def _row(self, row: tuple[str, ...], path: str, label: str, said: tuple[str, str] | None) -> tuple[str, ...] | None:
        """A row with what is said; without it, nothing is left but a row in which other columns say something."""
        values = [*row, *[""] * (len(self.columns) - len(row))]
        ours = [self._place(name) for name in COLUMNS]
        if said is None and not any(value for number, value in enumerate(values) if number not in ours):
            return None
        named = values[ours[0]] if row else path
        news = dict(zip(ours, (named, *(said or (label, ""))), strict=True))
        return tuple(news.get(number, value) for number, value in enumerate(values))

    def _place(self, name: str) -> int:
        return [column_name(column) for column in self.columns].index(name)


def _bytes_of(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
