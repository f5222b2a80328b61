"""The command line: parses, runs one verb, and turns errors into messages and exit codes.

Exit codes: 0 done, 1 the input is at fault, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import _thread
import argparse
import atexit
import gc
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from handshape.cli.parser import build_parser

INPUT_AT_FAULT = 1
WRONG_USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141  # what a shell reports for a program that ends by SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    gc.set_threshold(10_000)  # after every 700 new objects, as Python has it, is too often for so many that stay
    atexit.register(gc.freeze)  # else Python ends by looking through all objects of TensorFlow once more, 1.4 s
    parser = build_parser()
    options = parser.parse_args(arguments)
    options.words = list(sys.argv[1:] if arguments is None else arguments)
    if options.verb is None:
        parser.print_help(sys.stderr)
        return WRONG_USAGE
    with _stops_alike():
        try:
            return _run(options)
        except KeyboardInterrupt as stopped:
            from handshape.console import Console

            Console().warn(str(stopped) or "Stopped. To begin again, give the same command.")
            return INTERRUPTED
        except BrokenPipeError:
            return PIPE_CLOSED


def _run(options: argparse.Namespace) -> int:
    from handshape.console import Console
    from handshape.errors import HandshapeError

    tells_progress = options.json and getattr(options, "json_progress", False)
    console = Console(quiet=options.quiet, to_json=options.json, tells_progress=tells_progress)
    try:
        return int(options.run(options, console))
    except HandshapeError as error:
        console.error(error)
    except MemoryError:
        console.error(
            HandshapeError(
                "The memory of this machine ran out.",
                fix="Lower augmentation.views, model.batch_size or model.img_size with --set, or close other programs.",
            )
        )
    return INPUT_AT_FAULT


@contextmanager
def _stops_alike() -> Iterator[None]:
    """SIGTERM ends a command the way Ctrl-C does, leaving nothing half-written; neither gets lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        sys.unraisablehook = hook


def _interrupt_again(swallowed: Any) -> None:
    """Python swallows an interrupt that comes while it cleans an object up; this one comes again a moment later."""
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)
        return
    again = threading.Timer(0.05, _thread.interrupt_main)
    again.daemon = True
    again.start()
