"""Where ``handshape live`` shows what it sees: the terminal, a window, JSON lines."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from handshape.errors import HandshapeError, RuntimeUnavailableError
from handshape.hands.geometry import BONES
from handshape.serving.film import opencv
from handshape.serving.segments import Look
from handshape.serving.spelling import Speller

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.images import Pixels

Show: TypeAlias = "Callable[[Look], bool]"

EVERY_SECONDS = 0.08  # the terminal changes no faster: text that flickers cannot be read
BARS, BAR = 3, 24  # of the most probable labels; columns
FEW_ROWS, FEW_COLUMNS = 10, 30
TITLE = "Handshape"
ENDS, KEYS = (27, ord("q")), "q ends it, backspace, c clears, u undoes"
INK, HALO, BONE, FILLED = (255, 255, 255), (0, 0, 0), (90, 200, 250), (80, 220, 120)  # RGB
X_PORT = 6000  # of an X server's first display
STRIP = 92  # pixels below the picture


def json_lines(console: Console) -> Show:
    """One JSON object a frame."""

    def show(look: Look) -> bool:
        state = look.state
        event = {"kind": state.event.kind, "value": state.event.value} if state.event else None
        console.emit(
            {
                "time": round(look.milliseconds / 1000, 3),
                **look.recognition.as_dict(),
                "text": state.text,
                "holding": state.holding or None,
                "progress": round(state.progress, 3),
                "event": event,
            }
        )
        return True

    return show


@contextmanager
def terminal(console: Console, name: str) -> Iterator[Show]:
    """A few lines that change; where there is no terminal, one line a change of the text."""
    rate = _Rate()
    shown_at = -1.0

    with console.live() as draw:

        def show(look: Look) -> bool:
            nonlocal shown_at
            rate.see(look)
            if draw is None:
                if look.state.event:
                    console.detail(f"{look.milliseconds / 1000:.1f} s: {look.state.text}")
            elif time.monotonic() - shown_at >= EVERY_SECONDS or look.state.event:
                shown_at = time.monotonic()
                columns, rows = console.size or (FEW_COLUMNS, FEW_ROWS)
                draw(page_of(look, columns, rows), f"  {name}, {rate} (Ctrl-C ends it)"[: columns - 1])
            return True

        yield show


def page_of(look: Look, columns: int, rows: int) -> str:
    """What the terminal shows of a frame, in as many columns and rows as there are, two of them left for others."""
    state, recognition = look.state, look.recognition
    width = min(BAR, max(8, columns - 16))
    lines = [f"  {state.holding or recognition.decision:<10} {_bar(state.progress, width, '█', '·')}"]
    if rows >= FEW_ROWS:
        tops = recognition.top[:BARS] if recognition.hand else [("", 0.0)] * BARS
        lines += ["", *(f"  {label[:10]:<10} {_bar(share, width, '▒', ' ')} {share:4.0%}" for label, share in tops), ""]
    room = columns - 5
    return "\n".join([*(line[: columns - 1] for line in lines), f"  {state.text[-room:]}_"])


@contextmanager
def window(name: str, speller: Speller) -> Iterator[Show]:
    """The picture, as in a mirror, with the hand, the letter and the text; keys change the text."""
    cv2 = opencv("Windows are")
    title, rate = f"{TITLE}: {name}", _Rate()
    cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
    does = {ord("c"): speller.clear, ord("u"): speller.undo, 8: speller.backspace, 127: speller.backspace}

    def show(look: Look) -> bool:
        rate.see(look)
        cv2.imshow(title, picture_of(cv2, look, f"{rate}; {KEYS}")[:, :, ::-1])
        key = cv2.waitKey(1) & 0xFF
        does.get(key, lambda: None)()
        return key not in ENDS and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1

    try:
        yield show
    finally:
        cv2.destroyAllWindows()


def picture_of(cv2: Any, look: Look, footer: str) -> Pixels:
    """What the window shows of a frame: RGB, mirrored, the text below it."""
    picture = np.ascontiguousarray(look.pixels[:, ::-1])
    width = picture.shape[1]
    hand = look.recognition.hand
    if hand is not None:
        points = [(round(width - 1 - float(x)), round(float(y))) for x, y in hand.landmarks[:, :2]]
        for start, end in BONES:
            cv2.line(picture, points[start], points[end], HALO, 4, cv2.LINE_AA)
            cv2.line(picture, points[start], points[end], BONE, 2, cv2.LINE_AA)
    strip = np.full((STRIP, width, 3), 24, np.uint8)
    state = look.state
    _write(cv2, strip, state.holding or look.recognition.decision, (12, 34), 1.0)
    cv2.rectangle(strip, (160, 16), (width - 12, 32), INK, 1)
    cv2.rectangle(strip, (160, 16), (160 + round((width - 172) * state.progress), 32), FILLED, cv2.FILLED)
    _write(cv2, strip, _fitting(cv2, state.text + "_", width - 24), (12, 64), 0.7)
    _write(cv2, strip, footer, (12, 85), 0.4)
    return np.concatenate([picture, strip])


def window_problem() -> HandshapeError | None:
    """Why no window can be shown; None where one can."""
    try:
        cv2 = opencv("Windows are")
    except RuntimeUnavailableError as error:
        return error
    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        return RuntimeUnavailableError(
            "This OpenCV shows no windows: it is the headless one.",
            fix="pip uninstall opencv-python-headless, then pip install 'handshape[live]'; or use --terminal",
        )
    if not _reaches_display():
        return RuntimeUnavailableError("There is no display to show a window on.", fix="Use --terminal instead.")
    return None


def _reaches_display() -> bool:
    """Whether an X server answers: OpenCV knows no other display on Linux, and without one ends the program."""
    if sys.platform in ("win32", "darwin"):
        return True
    host, _, number = os.environ.get("DISPLAY", "").rpartition(":")
    screen = number.partition(".")[0]
    if not screen.isdecimal():
        return False
    is_here = host in ("", "unix")
    family = socket.AF_UNIX if is_here else socket.AF_INET
    place = f"/tmp/.X11-unix/X{screen}" if is_here else (host, X_PORT + int(screen))
    with socket.socket(family) as server:
        server.settimeout(1)
        try:
            server.connect(place)
        except OSError:
            return False
    return True


class _Rate:
    """Frames a second and ms a frame, of late."""

    def __init__(self) -> None:
        self._time: float | None = None
        self._step = self._cost = 0.0

    def see(self, look: Look) -> None:
        now, before, self._time = time.monotonic(), self._time, time.monotonic()
        if before is not None:
            self._step += (now - before - self._step) * (0.1 if self._step else 1)
        self._cost += (look.recognition.milliseconds - self._cost) * (0.1 if self._cost else 1)

    def __str__(self) -> str:
        return f"{1 / self._step if self._step else 0:.0f} frames a second, {self._cost:.0f} ms each"


def _bar(share: float, width: int, full: str, empty: str) -> str:
    filled = round(width * share)
    return full * filled + empty * (width - filled)


def _fitting(cv2: Any, text: str, room: int) -> str:
    """The end of a text that fits into so many pixels."""
    while len(text) > 1 and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1)[0][0] > room:
        text = text[1:]
    return text


def _write(cv2: Any, picture: Pixels, text: str, place: tuple[int, int], scale: float) -> None:
    """Letters that the font lacks become question marks, as OpenCV has it."""
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)
