"""The only printer: status lines, progress bars, tables, errors and the log file.

Everything for people goes to stderr, so that stdout carries only results (and with ``--json`` only JSON).
Without a terminal the same lines come plain: no colour, no emoji, no bars. A notebook shows them in its cell.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from textwrap import wrap
from typing import Any, Protocol, TypeVar

from rich.box import SIMPLE_HEAD
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
from rich.table import Column, Table

from handshape.errors import HandshapeError
from handshape.notebook import WIDTH, NotebookBar, NotebookLine

Item = TypeVar("Item")

EARLY_LINES = 10_000  # kept until there is a log file
ROOM_FOR_LINES, ROOM_FOR_NOTE, ROOM_OF_FIGURES = 60, 70, 30  # characters
FIGURE = re.compile(r"[-+]?[0-9][0-9.,]*%?")

EMOJI = {  # each two columns wide everywhere: none with a variation selector
    "folder": "📁",
    "check": "🔍",
    "split": "🧩",
    "decode": "📷",
    "machine": "💻",
    "weights": "🧠",
    "train": "🚀",
    "chart": "📊",
    "save": "💾",
    "done": "✅",
    "hint": "💡",
    "warn": "❗",
    "error": "❌",
    "draw": "🎨",
    "hands": "✋",
}


NARROWEST = 30  # columns; a narrower terminal breaks the lines itself


class Bar(Protocol):
    """A progress bar in use."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move on by ``steps``; ``note`` replaces the words behind the bar."""


class Console:
    """Prints for one command.

    Args:
        quiet: only warnings and errors.
        to_json: results as JSON on stdout; tables are left out.
    """

    def __init__(self, quiet: bool = False, to_json: bool = False) -> None:
        self.quiet = quiet
        self.to_json = to_json
        self._only_bars = False
        self._rich = RichConsole(stderr=True, highlight=False, soft_wrap=True)
        self._notebook = NotebookLine() if self._rich.is_jupyter else None
        if self._notebook:  # which shows stderr in red, and each line that rich displays as an output of its own
            self._rich = RichConsole(
                file=sys.stdout, force_jupyter=False, force_terminal=False, width=WIDTH, highlight=False, soft_wrap=True
            )
        self.is_terminal = self._rich.is_terminal and os.environ.get("TERM") != "dumb"
        self.is_plain = not (self.is_terminal or self._notebook) or "NO_COLOR" in os.environ
        self._log = logging.Logger("handshape", logging.INFO)  # its own: two consoles share nothing
        self._early = MemoryHandler(EARLY_LINES, flushLevel=logging.CRITICAL + 1)
        self._log.addHandler(self._early)
        self._log.addHandler(logging.NullHandler())  # else logging itself prints warnings once there is no other

    @contextmanager
    def only_bars(self) -> Iterator[None]:
        """Inside, lines go to the log alone, where many like them would follow; bars and warnings are shown."""
        before, self._only_bars = self._only_bars, True
        try:
            yield
        finally:
            self._only_bars = before

    @property
    def _shows_lines(self) -> bool:
        return not (self.quiet or self._only_bars)

    def status(self, kind: str, text: str) -> None:
        """One line about what is happening; ``kind`` names its emoji."""
        self._log.info(text)
        if self._shows_lines:
            self._rich.print(escape(self._prefixed(kind, text)))

    def detail(self, text: str) -> None:
        """A line that belongs to the status line above it."""
        self._log.info(text)
        if self._shows_lines:
            self._rich.print(f"   {escape(text)}", style=None if self.is_plain else "dim")

    def paragraph(self, text: str) -> None:
        """A sentence or two that belong to the status line above; on a terminal, lines break between words."""
        self._log.info(text)
        if self._shows_lines:
            self._rich.print(escape(self._wrapped(f"   {text}")), style=None if self.is_plain else "dim")

    def warn(self, text: str) -> None:
        """Something the user should know; shown even when quiet."""
        self._log.warning(text)
        wrapped = self._wrapped(self._prefixed("warn", text))
        self._rich.print(escape(wrapped), style=None if self.is_plain else "yellow")

    def error(self, error: HandshapeError) -> None:
        """What happened, what was expected, how to fix it."""
        self._log.error(error.text)
        if self.to_json:
            with suppress(HandshapeError):
                self.emit({"error": error.text})
        red = None if self.is_plain else "bold red"
        self._rich.print(escape(self._prefixed("error", error.happened)), style=red)
        for word, text in (("Expected", error.expected), ("Fix", error.fix)):
            if text:
                self._rich.print(f"   {word}: {escape(text)}")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table; words stand left, figures right. Without lines where the terminal is narrow."""
        if self.quiet or self.to_json:
            return
        is_narrow = self._rich.width < ROOM_FOR_LINES
        table = Table(
            title=title,
            title_justify="left",
            header_style="" if self.is_plain else "bold",
            box=None if is_narrow else SIMPLE_HEAD,
            pad_edge=not is_narrow,
        )
        texts = [[str(cell) for cell in row] for row in rows]
        for index, column in enumerate(columns):
            is_figure = index > 0 and all(FIGURE.fullmatch(row[index]) for row in texts)
            table.add_column(column, justify="right" if is_figure else "left", overflow="fold")
        for row in texts:
            table.add_row(*map(escape, row))
        self._rich.print(table, soft_wrap=False)

    def emit(self, result: dict[str, Any]) -> None:
        """One JSON object on a line of stdout."""
        _write_line(json.dumps(result, ensure_ascii=False))

    def say(self, text: str) -> None:
        """A result for people, on stdout; nothing when results go out as JSON."""
        if not self.to_json:
            _write_line(text)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Bar]:
        """A bar with time left on a terminal; without one, a line at the start and one every ten seconds."""
        if self.quiet or total <= 0:
            yield _NoBar()
        elif self._notebook:
            try:
                yield NotebookBar(self._notebook, label, total)
            finally:
                self._notebook.show("")
        elif not self.is_terminal:
            yield _PlainBar(self, label, total)
        else:
            with Progress(*_bar_columns(self._rich.width), console=self._rich, transient=True) as progress:
                task = progress.add_task(escape(_shortened(label, self._rich.width)), total=total, note="")
                yield _RichBar(progress, task)

    def track(self, items: Sequence[Item], label: str) -> Iterator[Item]:
        """The items, one by one, with progress."""
        with self.progress(label, len(items)) as bar:
            for item in items:
                yield item
                bar.advance()

    @contextmanager
    def log_file(self, path: Path) -> Iterator[None]:
        """Everything said inside, and before, also goes to ``path``, with time and level, appended.

        So does the exception that ends it, with its traceback unless it is one that a user can act on.
        """
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._early.setTarget(handler)
        self._early.flush()
        self._log.removeHandler(self._early)
        self._log.addHandler(handler)
        try:
            yield
        except (HandshapeError, KeyboardInterrupt) as error:
            self._log.error(f"{type(error).__name__}: {error}")
            raise
        except BaseException:
            self._log.exception("An unexpected error")
            raise
        finally:
            self._log.removeHandler(handler)
            handler.close()

    def log(self, text: str) -> None:
        """A line for the log file alone."""
        self._log.info(text)

    def _wrapped(self, text: str) -> str:
        """On a terminal, in lines that it has room for; elsewhere as it is, one line for one thing."""
        if self.is_plain:
            return text
        room = max(NARROWEST, self._rich.width - 1)
        lines = wrap(text, room, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)
        return "\n".join(lines)

    def _prefixed(self, kind: str, text: str) -> str:
        if self.is_plain:
            return f"{kind}: {text}" if kind in ("warn", "error") else text
        return f"{EMOJI[kind]} {text}"


class _LogFile(logging.FileHandler):
    """A log on a full disk loses lines; the training's own files find the same disk full and end it with a message."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing is shown."""

    def close(self) -> None:
        """Closes the file, whether or not its last lines find room."""
        with suppress(OSError):
            super().close()


def _write_line(text: str) -> None:
    """On stdout; what its encoding lacks, or a file name that is no text, is written as an escape."""
    if sys.stdout is None:  # closed from the start
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails once more
        if isinstance(error, BrokenPipeError):
            raise
        reason = (error.strerror or str(error)).lower()
        raise HandshapeError(f"Cannot write the results: {reason}.", "room where stdout goes") from None


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
    """What is left of a label beside the figures, which tell more."""
    room = max(1, width - ROOM_OF_FIGURES)
    return label if len(label) <= room else label[: room - 1] + "…"


class _RichBar:
    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, note: str = "") -> None:
        fields: dict[str, Any] = {"note": escape(note)} if note else {}
        self._progress.update(self._task, advance=steps, **fields)


class _PlainBar:
    EVERY_SECONDS = 10.0

    def __init__(self, console: Console, label: str, total: int) -> None:
        self._console = console
        self._label = label
        self._total = total
        self._done = 0
        self._start = self._said = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._said >= self.EVERY_SECONDS and 0 < self._done < self._total:
            self._said = now
            left = (now - self._start) / self._done * (self._total - self._done)
            self._console.detail(f"{self._label}: {self._done} of {self._total}, {left:.0f} s left {note}".rstrip())


class _NoBar:
    def advance(self, steps: int = 1, note: str = "") -> None:
        """Nothing is shown."""
