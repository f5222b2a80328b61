"""What a mistyped word or path may have been meant for: one rule for verbs, flags, settings, names and paths."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

NEAR = 0.6  # of difflib's ratio, which is 1 for equal words


def did_you_mean(words: str | Iterable[str], known: Iterable[str], near: float = NEAR) -> str:
    """A question with the known word nearest to each of these; empty where none is near."""
    meant = nearest([words] if isinstance(words, str) else words, known, near)
    return f"Did you mean {' and '.join(meant)}?" if meant else ""


def did_you_mean_path(path: Path) -> str:
    """The same of a path: where it is not there, its first missing part is compared with what lies beside it."""
    parts = (path, *path.parents)
    try:
        if path.exists():
            return ""
        missing = next(part for part, above in pairwise(parts) if above.is_dir())
        beside = [entry.name for entry in missing.parent.iterdir() if not entry.name.startswith(".")]
        rest = path.relative_to(missing)
        there = [name for name in beside if (missing.with_name(name) / rest).exists()]
    except (StopIteration, OSError, ValueError):
        return ""
    meant = nearest([missing.name], there)
    return f"Did you mean {shlex.quote(str(missing.with_name(meant[0]) / rest))}?" if meant else ""


def nearest(words: Iterable[str], known: Iterable[str], near: float = NEAR) -> list[str]:
    """The known word nearest to each of these, capitals aside, each once; nothing for those that none is near."""
    import difflib  # only mistakes pay for it

    names = {name.casefold(): name for name in known}
    matches = (difflib.get_close_matches(word.casefold(), names, 1, near) for word in words)
    return list(dict.fromkeys(names[match] for found in matches for match in found))
