"""What several verbs share: their parsers' common part, kinds of arguments, and what they say alike."""

from __future__ import annotations

import argparse
import shlex
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from handshape.errors import HandshapeError, ImageError
from handshape.suggestions import did_you_mean_path

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.evaluation.decisions import DecisionReport
    from handshape.serving.recognizer import Recognition

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = "Callable[[argparse.Namespace, Console], int]"
Act: TypeAlias = "Callable[[argparse.Namespace, Console], None]"

HELP_WIDTH = 79
MODEL = "run, bundle, zip of a bundle, or name"


def add_verb(
    verbs: Verbs, name: str, run: Run, summary: str, description: str, examples: Iterable[str]
) -> argparse.ArgumentParser:
    """A verb's parser, with what every verb takes.

    Args:
        verbs: where the verb is added.
        name: the word on the command line.
        run: takes the parsed options and the console, shows the result and returns the exit code.
        summary: a line for the list of verbs.
        description: paragraphs, with an empty line between them.
        examples: commands that parse.
    """
    parser = verbs.add_parser(
        name,
        help=summary,
        description="\n\n".join(textwrap.fill(text, HELP_WIDTH) for text in description.split("\n\n")),
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout, nothing else there")
    parser.add_argument("--quiet", action="store_true", help="only the result, warnings and errors")
    parser.set_defaults(run=run)
    return parser


def add_action(actions: Verbs, name: str, act: Act, summary: str, description: str) -> argparse.ArgumentParser:
    """The parser of an action of a verb, which ``act`` does; it takes what every verb takes."""
    parser = actions.add_parser(name, help=summary, description=description)
    for option, words in (("--json", "results as JSON on stdout"), ("--quiet", "only the result, warnings and errors")):
        parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=words)
    parser.set_defaults(act=act)
    return parser


def given_path(word: str) -> Path:
    """A path of the command line; an empty one, such as an unset variable makes, is not the current folder."""
    if not word:
        raise argparse.ArgumentTypeError("an empty word is no path; the current folder is .")
    return Path(word)


def for_each_image(options: argparse.Namespace, console: Console, answer: Callable[[Path], None]) -> int:
    """Answers for one image after the other, and says what it leaves out; 1 when an image or a folder failed."""
    from handshape.data.messages import left_out_in_words
    from handshape.data.samples import find_images

    found = find_images(options.images)
    failed = len(found.failed)
    for path in found.files:
        try:
            answer(path)
        except ImageError as error:
            failed += 1
            fix = did_you_mean_path(path) or error.fix
            _tell_failed(path, ImageError(error.happened, error.expected, fix), options.json, console)
    for path, problem in found.failed:
        _tell_failed(path, problem, options.json, console)
    if found.left_out:
        console.warn(left_out_in_words([str(path) for path in found.left_out]))
    if options.json:
        for path in found.left_out:
            console.emit({"path": str(path), "left_out": "no image by its name"})
    return 1 if failed else 0


def _tell_failed(path: Path, error: HandshapeError, to_json: bool, console: Console) -> None:
    if to_json:
        console.emit({"path": str(path), "error": error.text})
    else:
        console.error(error)


def show_decisions(decisions: DecisionReport, console: Console) -> None:
    """How often a model names a sign, how often rightly, and what else it answers."""
    from handshape.reporting.wording import decisions_in_words, for_terminal

    for sentence in decisions_in_words(decisions):
        console.result("", for_terminal(sentence))


def in_words(result: Recognition) -> str:
    """A recognition on one line."""
    best, *others = result.top[:3]
    runners_up = ", ".join(f"{label} {probability:.1%}" for label, probability in others)
    if result.decision == best[0]:
        return f"{best[0]} {best[1]:.1%} (then {runners_up})"
    return f"{result.decision} (at best {best[0]} {best[1]:.1%}, then {runners_up})"


def quoted(word: Path | str) -> str:
    """A path or another word as a shell takes it."""
    return shlex.quote(str(word))
