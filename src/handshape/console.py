"""The only printer: results, status lines, progress bars, tables, errors and the log file.

Results go to stdout, for people or as JSON, and everything else to stderr: status, progress, hints, warnings, errors.
Without a terminal the same lines come plain: no colour, no emoji, no bars. A notebook shows them in its cell.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from textwrap import shorten
from typing import Any, Protocol, TypeVar

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
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
from rich.text import Text

from handshape.errors import HandshapeError
from handshape.notebook import NotebookBar, NotebookLine
from handshape.screen import CONTROL, ROOM_FOR_LINES, Screen, visible, write_stdout

Item = TypeVar("Item")

EARLY_LINES = 10_000  # kept until there is a log file
ROOM_FOR_NOTE, ROOM_OF_FIGURES, ROOM_OF_BAR = 70, 30, 8  # characters


class Bar(Protocol):
    """A progress bar in use."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move on by ``steps``; ``note`` replaces the words behind the bar."""


class Console:
    """Prints for one command.

    Args:
        quiet: only results, warnings and errors.
        to_json: results as JSON on stdout; those for people are left out.
        tells_progress: what is happening as JSON on stdout too, one object a line: ``{"status": …}``,
            ``{"warning": …}``, and ``{"progress": {label, done, total, note}}`` a few times a second.
    """

    def __init__(self, quiet: bool = False, to_json: bool = False, tells_progress: bool = False) -> None:
        self.quiet = quiet
        self.to_json = to_json
        self._tells_progress = tells_progress
        self._start = time.monotonic()
        self._only_bars = False
        self._results, self._screen = Screen(to_stderr=False), Screen(to_stderr=True)
        self._notebook = NotebookLine() if self._screen.is_notebook else None
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
        """One line about what is happening; ``kind`` names its emoji, and "" makes it a part of the one above."""
        self._log.info(text)
        if self._tells_progress:
            self.emit({"status": text})
        if self._shows_lines:
            self._screen.line(kind, text, "" if kind else "dim")

    def detail(self, text: str) -> None:
        """A line that belongs to the status line above it."""
        self.status("", text)

    def epoch(self, text: str) -> None:
        """A detail among many alike; in a notebook the bar tells it."""
        if self._notebook:
            self.log(text)
        else:
            self.detail(text)

    def hint(self, text: str, command: str = "") -> None:
        """What to do next, and the command for it, which can be copied."""
        if not self._shows_lines:
            return
        whole = f"{text} {command}".rstrip()
        if not command or self._screen.fits("hint", whole):
            self._screen.line("hint", whole)
        else:
            self._screen.line("hint", text)
            self._screen.command(command)

    def done(self, text: str) -> None:
        """That something is done, and in what time since the command began."""
        self.status("done", f"{text} in {duration(time.monotonic() - self._start)}")

    def warn(self, text: str) -> None:
        """Something the user should know; shown even when quiet."""
        self._log.warning(text)
        if self._tells_progress:
            self.emit({"warning": text})
        self._screen.line("warn", text, "yellow")

    def error(self, error: HandshapeError) -> None:
        """What happened, what was expected, how to fix it."""
        self._log.error(error.text)
        if self.to_json:
            with suppress(HandshapeError):
                self.emit({"error": error.text})
        self._screen.line("error", error.happened, "bold red")
        for word, text in (("Expected", error.expected), ("Fix", error.fix)):
            if text:
                self._screen.line("", f"{word}: {text}")

    def result(self, kind: str, text: str) -> None:
        """A line of the result, on stdout; as :meth:`status` otherwise. Nothing when results go out as JSON."""
        if not self.to_json:
            self._results.line(kind, text, "yellow" if kind == "warn" else "")

    def command(self, text: str) -> None:
        """A command of the result, which can be copied."""
        if not self.to_json:
            self._results.command(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table of the result, on stdout: words stand left, figures right."""
        if not self.to_json:
            self._results.table(title, columns, [[str(cell) for cell in row] for row in rows])

    def emit(self, result: dict[str, Any]) -> None:
        """One JSON object on a line of stdout."""
        text = json.dumps(result, ensure_ascii=False)
        write_stdout(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")

    def say(self, text: str) -> None:
        """A result that other programs may read as it is, on stdout; nothing when results go out as JSON."""
        if not self.to_json:
            write_stdout(visible(text) + "\n")

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Bar]:
        """A bar with time left on a terminal; without one, a line where it is silent otherwise."""
        label = visible(label)
        if self._tells_progress and total > 0:
            yield _ToldBar(self.emit, label, total)
        elif self.quiet or total <= 0:
            yield _NoBar()
        elif self._notebook:
            try:
                yield NotebookBar(self._notebook, label, total)
            finally:
                self._notebook.show("")
        elif not self._screen.is_terminal:
            yield _PlainBar(self._screen, label, total)
        else:
            with Progress(
                *_bar_columns(self._screen.rich.width), console=self._screen.rich, transient=True
            ) as progress:
                told = _shortened(label, self._screen.rich.width)
                task = progress.add_task(escape(told), total=total, note="")
                yield _RichBar(progress, task, self._screen.rich.width - cell_len(told) - ROOM_OF_FIGURES - ROOM_OF_BAR)

    def track(self, items: Sequence[Item], label: str) -> Iterator[Item]:
        """The items, one by one, with progress."""
        with self.progress(label, len(items)) as bar:
            for item in items:
                yield item
                bar.advance()

    @contextmanager
    def live(self) -> Iterator[Callable[[str, str], None] | None]:
        """On a terminal, shows lines and a footer in the place of those before; elsewhere it is None."""
        if self.quiet or not self._screen.is_terminal:
            yield None
            return
        with Live(console=self._screen.rich, auto_refresh=False, transient=True) as shown:
            yield lambda text, footer: shown.update(
                Group(Text(visible(text)), Text(visible(footer), style="dim")), refresh=True
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and rows of the terminal; None where there is none."""
        return self._screen.rich.size if self._screen.is_terminal else None

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


class _LogFile(logging.FileHandler):
    """A log on a full disk loses lines; the training's own files find the same disk full and end it with a message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, control characters shown as escapes."""
        return visible(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing is shown."""

    def close(self) -> None:
        """Closes the file, whether or not its last lines find room."""
        with suppress(OSError):
            super().close()


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 2:
        return f"{round(seconds)} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


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


class _PlainBar:
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


class _ToldBar:
    """Tells another program, at the beginning, at the end, and a few times a second in between."""

    EVERY_SECONDS = 0.25

    def __init__(self, emit: Callable[[dict[str, Any]], None], label: str, total: int) -> None:
        self._emit = emit
        self._label = label
        self._total = total
        self._done = 0
        self._tell("")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        if self._done >= self._total or time.monotonic() - self._told_at >= self.EVERY_SECONDS:
            self._tell(note)

    def _tell(self, note: str) -> None:
        self._told_at = time.monotonic()
        self._emit({"progress": {"label": self._label, "done": self._done, "total": self._total, "note": note}})


class _NoBar:
    def advance(self, steps: int = 1, note: str = "") -> None:
        """Nothing is shown."""
