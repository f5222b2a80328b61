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
from typing import Any, TypeVar

from rich.console import Group
from rich.live import Live
from rich.text import Text

from handshape.bars import Bar, NoBar, PlainBar, ToldBar, terminal_bar
from handshape.errors import HandshapeError
from handshape.notebook import NotebookBar, NotebookLine
from handshape.screen import CONTROL, Screen, visible, write_stdout

Item = TypeVar("Item")

EARLY_LINES = 10_000  # kept until there is a log file


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
            yield ToldBar(self.emit, label, total)
        elif self.quiet or total <= 0:
            yield NoBar()
        elif self._notebook:
            try:
                yield NotebookBar(self._notebook, label, total)
            finally:
                self._notebook.show("")
        elif not self._screen.is_terminal:
            yield PlainBar(self._screen, label, total)
        else:
            with terminal_bar(self._screen.rich, label, total) as bar:
                yield bar

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
