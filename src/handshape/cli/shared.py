"""What several verbs say and do alike."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.console import Console
from handshape.errors import ImageError

if TYPE_CHECKING:
    from handshape.serving.recognizer import Recognition


def for_each_image(options: argparse.Namespace, console: Console, answer: Callable[[Path], None]) -> int:
    """Answers for one image after the other and goes on after a bad one; 1 when no image could be read."""
    from handshape.images import images_below

    failed = 0
    paths = list(images_below(options.images))
    for path in paths:
        try:
            answer(path)
        except ImageError as error:
            failed += 1
            if options.json:
                console.emit({"path": str(path), "error": error.text})
            else:
                console.error(error)
    return 1 if failed == len(paths) else 0


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
