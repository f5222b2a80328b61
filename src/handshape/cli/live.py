"""``handshape live``: a hand before the camera, in a browser, a window or the terminal."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from handshape.cli.shared import MODEL, Verbs, add_verb, given_path
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.images import Pixels
    from handshape.serving.film import Film
    from handshape.serving.segments import Look
    from handshape.serving.spelling import Speller

ORDER = 45
LATEST = 0.1  # seconds by which a film may lag behind
USUAL_PORT = 8000  # browsers remember for each port whether a page may use the camera

Show: TypeAlias = "Callable[[Look], bool]"  # whether to go on
Shows: TypeAlias = "list[AbstractContextManager[Show]]"


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "live",
        run,
        "your hand before the camera, letter by letter",
        "Opens a page in the browser that reads the hand before your camera. Nothing leaves this machine.\n\n"
        "With --window, --terminal, --json, --source or --record it goes without a browser (needs the extra 'live'): "
        "in a window where there is a display, else in the terminal. Ctrl-C ends it.",
        [
            "handshape live",
            "handshape live runs/first",
            "handshape live --terminal",
            "handshape live asl --source film.mp4 --window",
            "handshape live --json > answers.jsonl",
            "handshape live --terminal --record film.mp4",
        ],
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help=f"{MODEL} (default: asl; in the browser, as serve)")
    parser.add_argument("--source", metavar="N|FILM", help="number of a camera, or a film (default: 0)")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--window", action="store_true", help="in a window")
    view.add_argument("--terminal", action="store_true", help="in the terminal")
    parser.add_argument(
        "--record",
        type=given_path,
        metavar="PATH",
        help="keep what the camera sees: a film (.mp4, .avi), answers (.jsonl), or a folder of frames",
    )
    parser.add_argument("--hold", type=float, metavar="SECONDS", help="how long a letter must be held (default: 0.6)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Until Ctrl-C, or the end of the film: 0."""
    elsewhere = (options.window, options.terminal, options.json, options.source, options.record)
    if not any(elsewhere) and options.hold is None:
        return _in_browser(options, console)
    from handshape.console import duration

    hold = {} if options.hold is None else {"hold": 1000 * _seconds(options.hold)}
    view, start = _view(options), time.monotonic()
    with _opened(options.source or "0") as film:
        text = _watch(film, view, hold, options, console)
    console.say(text.strip() or "Nothing was spelled.")
    console.status("done", f"{film.read:,} frames in {duration(time.monotonic() - start)}")
    return 0


def _watch(film: Film, view: str, hold: dict[str, float], options: argparse.Namespace, console: Console) -> str:
    """The text that was spelled until the end of the film, Ctrl-C, or a key that ends it."""
    from handshape.registry import resolve
    from handshape.registry.ready import DEFAULT
    from handshape.serving.recognizer import recognizer_of
    from handshape.serving.segments import watch
    from handshape.serving.spelling import Speller, options_for

    recognizer = recognizer_of(resolve(options.model or DEFAULT, console), console)
    speller = Speller(options_for(recognizer.class_names, **hold))
    is_watched = view == "window" or (view == "terminal" and console.size is not None)
    if film.is_live:
        console.status("hands", f"Watching {film.name} (Ctrl-C ends it)")
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        shows = [stack.enter_context(show) for show in _shows(film, view, speller, options, console)]
        for look in watch(_paced(film, is_watched), recognizer, speller):
            goes_on = [show(look) for show in shows]
            if not all(goes_on):
                break
    return speller.text


def has_display() -> bool:
    """Whether this machine can show a window."""
    is_unix = sys.platform not in ("win32", "darwin")
    return not is_unix or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _in_browser(options: argparse.Namespace, console: Console) -> int:
    """The server that ``handshape serve`` starts, with the page opened, or its address said."""
    from handshape.cli.parser import build_parser

    words = ["serve", *([options.model] if options.model else []), "--port", str(_port())]
    if has_display():
        words.append("--open")
    if options.quiet:
        words.append("--quiet")
    served = build_parser().parse_args(words)
    return int(served.run(served, console))


def _port() -> int:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", USUAL_PORT))
        return USUAL_PORT
    return 0


def _seconds(hold: float) -> float:
    if 0 < hold <= 60:
        return hold
    raise SettingsError(f"--hold cannot be {hold:g}.", "seconds, over 0 and at most 60")


def _opened(source: str) -> AbstractContextManager[Film]:
    from handshape.serving.film import open_camera, open_film

    return open_camera(int(source)) if source.isdecimal() else open_film(Path(source))


def _view(options: argparse.Namespace) -> str:
    """ "window", "terminal", or "" for programs."""
    from handshape.cli.live_views import window_problem

    if options.terminal or (options.json and not options.window):
        return "terminal" if options.terminal else ""
    problem = window_problem()
    if problem and options.window:
        raise problem
    return "terminal" if problem else "window"


def _shows(film: Film, view: str, speller: Speller, options: argparse.Namespace, console: Console) -> Shows:
    """What each frame is shown to."""
    from handshape.cli.live_record import recorder
    from handshape.cli.live_views import json_lines, terminal, window

    shows: Shows = [nullcontext(json_lines(console))] if options.json else []
    if options.record:
        shows.append(recorder(options.record))
    if view:
        shows.append(window(film.name, speller) if view == "window" else terminal(console, film.name))
    return shows


def _paced(film: Film, is_watched: bool) -> Iterator[tuple[float, Pixels]]:
    """A film's frames, no sooner than they are due where people watch; those that come too late are passed over."""
    start = time.monotonic()
    for milliseconds, pixels in film:
        early = milliseconds / 1000 - (time.monotonic() - start)
        if film.is_live or not is_watched:
            yield milliseconds, pixels
        elif early >= -LATEST:
            time.sleep(max(0.0, early))
            yield milliseconds, pixels
