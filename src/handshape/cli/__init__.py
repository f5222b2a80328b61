"""The command line: parses, runs one verb, and turns errors into messages and exit codes.

Exit codes: 0 done, 1 the input is at fault, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from handshape.cli.parser import build_parser

INPUT_AT_FAULT = 1
INTERRUPTED = 130
PIPE_CLOSED = 141  # what a shell reports for a program that ends by SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = build_parser().parse_args(arguments)
    from handshape.cli import verbs
    from handshape.console import Console
    from handshape.errors import HandshapeError

    console = Console(quiet=options.quiet, to_json=options.json)
    try:
        return verbs.run(options, console)
    except HandshapeError as error:
        console.error(error)
        return INPUT_AT_FAULT
    except KeyboardInterrupt:
        console.warn("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit finds no pipe
        return PIPE_CLOSED
    except MemoryError:
        console.error(
            HandshapeError(
                "The memory of this machine ran out.",
                fix="Lower augmentation.views, model.batch_size or model.img_size with --set, or close other programs.",
            )
        )
        return INPUT_AT_FAULT
