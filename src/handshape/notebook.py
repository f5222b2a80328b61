"""Progress in a Jupyter notebook: one line of a cell's output that is written anew.

IPython is imported when there is something to show, which only a notebook's console asks for.
"""

from __future__ import annotations

import time
from typing import Any

WIDTH = 100  # characters of a line in a cell's output
SQUARES = 28  # of a bar


class NotebookLine:
    """Where bars stand, one after the other; the first one makes the line."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Replaces what stands there."""
        if self._handle is None:
            from IPython.display import display

            self._handle = display({"text/plain": text}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update({"text/plain": text}, raw=True)


class NotebookBar:
    """A progress bar on that line."""

    EVERY_SECONDS = 0.25

    def __init__(self, line: NotebookLine, label: str, total: int) -> None:
        self._line, self._label, self._total = line, label, total
        self._done = 0
        self._start = time.monotonic()
        self._next = self._start
        self._note = ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Moves on; shown a few times a second at most."""
        self._done += steps
        self._note = note or self._note
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.EVERY_SECONDS
            self._line.show(self._text(now))

    def _text(self, now: float) -> str:
        full = SQUARES * self._done // self._total
        left = (now - self._start) / max(1, self._done) * (self._total - self._done)
        bar = "█" * full + "░" * (SQUARES - full)
        return f"   {self._label} {bar} {self._done}/{self._total}, {left:.0f} s left  {self._note}".rstrip()
