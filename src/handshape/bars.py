"""Progress bars: on a terminal, as lines of a log, as words for another program, or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from handshape.screen import ROOM_FOR_LINES, Screen, visible

ROOM_FOR_NOTE, ROOM_OF_FIGURES, ROOM_OF_BAR = 70, 30, 8  # characters


class Bar(Protocol):
    """A progress bar in use."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move on by ``steps``; ``note`` replaces the words behind the bar."""


@contextmanager
def terminal_bar(terminal: RichConsole, label: str, total: int) -> Iterator[Bar]:
    """A bar with time left, which goes when it is done."""
    with Progress(*_bar_columns(terminal.width), console=terminal, transient=True) as progress:
        told = _shortened(label, terminal.width)
        task = progress.add_task(escape(told), total=total, note="")
        yield _RichBar(progress, task, terminal.width - cell_len(told) - ROOM_OF_FIGURES - ROOM_OF_BAR)


def _bar_columns(width: int) -> list[ProgressColumn]:
    """The parts of a bar that a terminal of ``width`` characters has room for."""
    columns: list[ProgressColumn] = [
        TextColumn("   {task.description}"),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("left"),
    ]
    if width >= ROOM_FOR_LINES:
        columns.insert(1, BarColumn(bar_width=28))
    if width >= ROOM_FOR_NOTE:
        columns.append(TextColumn("{task.fields[note]}"))
    return columns


def _shortened(label: str, width: int) -> str:
    """The words of a label for which there is room beside the figures, which tell more."""
    return shorten(label, max(len("…"), width - ROOM_OF_FIGURES), placeholder="…")


def _first_parts(note: str, room: int) -> str:
    """As many parts of a note, which commas part, as there is room for; the first one always."""
    parts = note.split(", ")
    while len(parts) > 1 and cell_len(", ".join(parts)) > room:
        parts.pop()
    return ", ".join(parts)


class _RichBar:
    def __init__(self, progress: Progress, task: Any, room: int) -> None:
        self._progress = progress
        self._task = task
        self._room = room  # for the note

    def advance(self, steps: int = 1, note: str = "") -> None:
        fields: dict[str, Any] = {"note": escape(_first_parts(visible(note), self._room))} if note else {}
        self._progress.update(self._task, advance=steps, **fields)


class PlainBar:
    """Speaks where nothing was said for two seconds, and from then on for ten."""

    FIRST_SECONDS, EVERY_SECONDS = 2.0, 10.0

    def __init__(self, screen: Screen, label: str, total: int) -> None:
        self._screen = screen
        self._label = label
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first step was done, and how large it was
        self._patience = self.FIRST_SECONDS

    def advance(self, steps: int = 1, note: str = "") -> None:
        """See :class:`Bar`."""
        self._done += steps
        now = time.monotonic()
        since, first = self._first = self._first or (now, self._done)
        is_silent = now - max(self._start, self._screen.shown_at) >= self._patience
        if is_silent and first < self._done < self._total:
            self._patience = self.EVERY_SECONDS
            left = (
                (now - since) / (self._done - first) * (self._total - self._done)
            )  # the first step also starts things
            told = f"{self._label}: {self._done:,} of {self._total:,}, {left:.0f} s left"
            self._screen.line("", f"{told}; {note}" if note else told)


class ToldBar:
    """Tells another program, at the beginning, at the end, and a few times a second in between."""

    EVERY_SECONDS = 0.25

    def __init__(self, emit: Callable[[dict[str, Any]], None], label: str, total: int) -> None:
        self._emit = emit
        self._label = label
        self._total = total
        self._done = 0
        self._tell("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """See :class:`Bar`."""
        self._done += steps
        if self._done >= self._total or time.monotonic() - self._told_at >= self.EVERY_SECONDS:
            self._tell(note)

    def _tell(self, note: str) -> None:
        self._told_at = time.monotonic()
        self._emit({"progress": {"label": self._label, "done": self._done, "total": self._total, "note": note}})


class NoBar:
    """Shows nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Nothing is shown."""
