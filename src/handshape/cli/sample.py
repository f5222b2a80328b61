"""``handshape sample``: a practice set of drawn hands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import Verbs, add_verb, quoted
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.console import Console

ORDER = 90


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "sample",
        run,
        "draw a practice set",
        "Draws hands: the 24 static letters of American fingerspelling, or digits where they are asked for, by drawn "
        "signers with different skin, light, views and rooms. The same seed draws the same pictures.",
        ["handshape sample practice", "handshape sample digits --classes 0 1 2 3 4 5 6 7 8 9 --per-class 20 --seed 7"],
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a new or empty folder")
    parser.add_argument("--per-class", type=int, default=60, metavar="N", help="images a class (default: 60)")
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="some of 0-9 A-Y, no J (default: the letters)")
    parser.add_argument("--size", type=int, default=160, metavar="PIXELS", help="side of the images (default: 160)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="decides every picture (default: 0)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Draws the set and says how to train on it."""
    from handshape.data.messages import counted
    from handshape.practice import draw_practice_set

    console.status("draw", f"Drawing a practice set into {options.out}")
    if options.seed < 0:
        raise SettingsError(f"The seed cannot be {options.seed}.", "0 or more")
    count = draw_practice_set(options.out, options.per_class, options.seed, options.classes, options.size, console)
    console.result("done", f"Drew {counted(count, 'image', 'images')} into {options.out}")
    console.hint("Train on it:", f"handshape train {quoted(options.out)}")
    if options.json:
        console.emit({"folder": str(options.out), "images": count, "signers": str(options.out / "signers.csv")})
    return 0
