"""One stream that people read: lines and tables laid out for a terminal, a notebook, or a file.

On a terminal lines break between words, and tables that it has no room for become lists. Elsewhere a line is one thing
and stays whole, and there is no colour, no emoji and no control code.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table

from handshape.errors import HandshapeError
from handshape.notebook import WIDTH

NARROWEST = 30  # columns; a narrower terminal breaks the lines itself
ROOM_FOR_LINES = 60  # columns; below, tables go without lines
UNBROKEN = 10_000  # columns of what is no terminal
INDENT = "   "
CONTROL = re.compile(  # but for tabs and ends of lines; bidirectional overrides show a text in another order
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
)
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
    "download": "📥",
    "hands": "✋",
}


class Screen:
    """Stdout or stderr as people see it; a notebook shows both in one place.

    Args:
        to_stderr: which of the two.
    """

    def __init__(self, to_stderr: bool) -> None:
        self._sheet = None if to_stderr else _Sheet()
        self.rich: RichConsole = _Rich(
            stderr=to_stderr,
            file=self._sheet,
            highlight=False,
            soft_wrap=True,
            emoji=False,  # type: ignore[arg-type]
        )
        self.is_notebook = self.rich.is_jupyter
        if self.is_notebook:  # which shows stderr in red, and each line that rich displays as an output of its own
            plain: dict[str, Any] = {"force_jupyter": False, "force_terminal": False, "width": WIDTH}
            self.rich, self._sheet = _Rich(file=sys.stdout, highlight=False, soft_wrap=True, emoji=False, **plain), None
        self.is_terminal = self.rich.is_terminal and os.environ.get("TERM") != "dumb"
        self.is_plain = not (self.is_terminal or self.is_notebook) or "NO_COLOR" in os.environ
        if not (self.is_terminal or self.is_notebook):
            self.rich.width = UNBROKEN
        self.shown_at = time.monotonic()  # when there was last something to read

    def line(self, kind: str, text: str, style: str = "") -> None:
        """One line; ``kind`` names its emoji, and what has none belongs to the line above it."""
        self._show(escape(self._wrapped(self._prefixed(kind, visible(text)))), style)

    def command(self, text: str) -> None:
        """A command that can be copied; where it is longer than a line, it goes on behind a backslash."""
        lines, room = [INDENT], self._room - 2
        for word in map(shlex.quote, shlex.split(visible(text))):
            if lines[-1].strip() and cell_len(f"{lines[-1]} {word}") > room:
                lines[-1] += " \\"
                lines.append(2 * INDENT)
            lines[-1] += f" {word}" if lines[-1].strip() else word
        self._show(escape("\n".join(lines)), "dim")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table, words left and figures right; a list of its rows where the longest words have no room."""
        self.line("title", title, "bold")
        columns, rows = _in_one_line(columns), [_in_one_line(row) for row in rows]
        texts = [[name, *(row[number] for row in rows)] for number, name in enumerate(columns)]
        has_lines = self.rich.width >= ROOM_FOR_LINES
        gaps = 3 * len(columns) + 1 if has_lines else 2 * len(columns) - 2
        widths = fitting_widths(texts, self._room - gaps)
        if widths is None:
            for first, *others in rows:
                told = ", ".join(f"{name} {cell}" for name, cell in zip(columns[1:], others, strict=True) if cell)
                self.line("", f"{first}: {told}" if told else first)
            self._show("")
            return
        table = Table(box=SIMPLE_HEAD if has_lines else None, pad_edge=has_lines, header_style=self._style("bold"))
        for number, (column, width) in enumerate(zip(texts, widths, strict=True)):
            is_figure = number > 0 and all(map(FIGURE.fullmatch, column[1:]))
            table.add_column(escape(column[0]), justify="right" if is_figure else "left", width=width, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._show(table, soft_wrap=False)
        if not has_lines:
            self._show("")

    def fits(self, kind: str, text: str) -> bool:
        """Whether a line is not broken."""
        return cell_len(self._prefixed(kind, text)) <= self._room

    @property
    def _room(self) -> int:
        """Columns; one less than there are, since some terminals break a full line."""
        return max(NARROWEST, self.rich.width - 1)

    def _wrapped(self, text: str) -> str:
        if not (self.is_terminal or self.is_notebook):
            return text
        lines = wrap(text, self._room, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)
        return "\n".join(lines)

    def _prefixed(self, kind: str, text: str) -> str:
        if kind == "title":
            return text
        if not kind:
            return INDENT + text
        if self.is_plain:
            return f"{kind}: {text}" if kind in ("warn", "error") else text
        return f"{EMOJI[kind]} {text}"

    def _style(self, style: str) -> str:
        return "" if self.is_plain else style

    def _show(self, content: Any, style: str = "", soft_wrap: bool = True) -> None:
        self.shown_at = time.monotonic()
        self.rich.print(content, style=self._style(style) or None, soft_wrap=soft_wrap)
        if self._sheet is not None:
            text = self._sheet.taken()
            if sys.stdout is None:
                return  # what was made is there all the same
            write_stdout(text if self.is_terminal else re.sub(" +$", "", text, flags=re.MULTILINE))


class _Sheet(io.StringIO):
    """What is laid out for stdout, before it is written there."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of stdout."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether stdout is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()

    def taken(self) -> str:
        """What was laid out since this was last asked."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class _Rich(RichConsole):
    """Rich, which ends a program whose reader has gone with 1 where a shell expects a broken pipe's own code."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())  # else the flush at exit fails once more
        raise BrokenPipeError


def visible(text: str) -> str:
    """A text in which names of files and labels can steer no terminal: control characters are shown as escapes."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _in_one_line(cells: Sequence[str]) -> list[str]:
    return [visible(cell).replace("\n", "\\n") for cell in cells]


def fitting_widths(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column of texts may be so that all go into the room and break between words alone.

    Those that need little get it; the others share what is left. None where the longest words have no room.
    """
    least = [max((cell_len(word) for text in column for word in text.split()), default=1) for column in columns]
    widths = [max(map(cell_len, column)) for column in columns]
    if sum(least) > room:
        return None
    while (excess := sum(widths) - room) > 0:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] = max(least[widest], widths[widest] - max(1, excess // len(widths)))
    return widths


def write_stdout(text: str) -> None:
    """On stdout; what its encoding lacks, or a file name that is no text, is written as an escape.

    Raises:
        BrokenPipeError: nobody reads it any more.
        HandshapeError: there is no room for it, or stdout was closed from the start.
    """
    if sys.stdout is None:
        raise HandshapeError("Cannot write the results: stdout is closed.", "room where stdout goes")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails once more
        if isinstance(error, BrokenPipeError):
            raise
        reason = (error.strerror or str(error)).lower()
        raise HandshapeError(f"Cannot write the results: {reason}.", "room where stdout goes") from None
