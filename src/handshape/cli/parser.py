"""What the command line understands: the verbs, each in a module of its own, and words that are nearly right."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from handshape import __version__
from handshape.suggestions import did_you_mean

DESCRIPTION = """\
Handshape turns a folder of photographs of hand signs, one folder a class, into
a recogniser, judges it honestly and ships it. It recognises static handshapes;
it does not translate a sign language."""

EPILOG = """\
a first hour:
  handshape sample practice                 draw a practice set
  handshape check practice                  what is wrong with these photographs?
  handshape train practice                  train on it → runs/…
  handshape predict runs/… photo.jpg        use what came out

Every verb has --help with examples, and --json for machines."""


class Parser(argparse.ArgumentParser):
    """Argparse's own, which says what a mistyped verb or option may have been meant for."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Knows all: the parser that meets a strange word refuses it, so that a verb's own usage is shown."""
        options, strange = super().parse_known_args(args, namespace)
        if strange:
            flags = [word.partition("=")[0] for word in strange if word.startswith("-")]
            self.error(
                f"unrecognized arguments: {' '.join(strange)}{_line(did_you_mean(flags, self._option_string_actions))}"
            )
        return options, strange

    def error(self, message: str) -> NoReturn:
        """Usage, and what is wrong with it; on a terminal, lines break between words."""
        lines = f"{self.prog}: error: {message}".splitlines()
        if sys.stderr is not None and sys.stderr.isatty():
            room = shutil.get_terminal_size().columns - 1
            lines = ["\n   ".join(textwrap.wrap(line, room - 3, break_on_hyphens=False)) for line in lines]
        self.print_usage(sys.stderr)
        from handshape.screen import visible

        self.exit(2, visible("\n".join(lines)) + "\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _line(did_you_mean(str(value), map(str, action.choices or ())))
            raise


def _line(text: str) -> str:
    return f"\n{text}" if text else ""


def build_parser() -> argparse.ArgumentParser:
    """The parser for every verb."""
    parser: argparse.ArgumentParser = Parser(
        prog="handshape", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"handshape {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for module in verb_modules():
        module.add_parser(verbs)
    return parser


def verb_modules() -> list[Any]:
    """The modules beside this one that are verbs: those with an ``ORDER``, their place in the help.

    Each has ``add_parser(verbs)``, which registers its ``run(options, console) -> int`` by ``shared.add_verb``, and
    imports what it computes with inside its functions, so that a help is there at once. A name with an underscore
    is a part of a verb.
    """
    names = [path.stem for path in Path(__file__).parent.glob("*.py") if "_" not in path.stem]
    modules = [import_module(f"handshape.cli.{name}") for name in names]
    return sorted((module for module in modules if hasattr(module, "ORDER")), key=lambda module: int(module.ORDER))
