"""What the arguments of several verbs are."""

from __future__ import annotations

import argparse
from pathlib import Path

MODEL = "run, bundle, zip of a bundle, or name"


def given_path(word: str) -> Path:
    """A path of the command line; an empty one, such as an unset variable makes, is not the current folder."""
    if not word:
        raise argparse.ArgumentTypeError("an empty word is no path; the current folder is .")
    return Path(word)
