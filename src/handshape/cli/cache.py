"""``handshape cache``: what is kept so that nothing is computed or fetched twice, and clearing it."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import Verbs, add_action, add_verb

if TYPE_CHECKING:
    from handshape.cache import Clearing, Kept
    from handshape.console import Console

ORDER = 96
DAY = 24 * 3600.0  # seconds
DESCRIPTION = (
    "Shows what Handshape keeps so that nothing is computed or fetched twice: what it is, how much room it takes, and "
    "how much it may take. What is cleared is computed or fetched again. Without an action: list.\n\n"
    "It is kept in ~/.cache/handshape, or where $HANDSHAPE_HOME says. $HANDSHAPE_CACHE_GB is a limit for all kinds "
    "together: it makes each one's own limit smaller, in the same proportion; the longest unused goes first."
)
EXAMPLES = [
    "handshape cache",
    "handshape cache clear",
    "handshape cache clear features readings --yes",
    "handshape cache clear --older 30",
    "HANDSHAPE_CACHE_GB=2 handshape train photos",
]
CLEARING = (
    "Removes what is kept, after asking. What another program may have used in the last hour stays. Without a KIND, so "
    "does what would have to be fetched again and what was trained on the page and waits to be kept."
)


def add_parser(verbs: Verbs) -> None:
    """The actions of the verb."""
    parser = add_verb(verbs, "cache", run, "what is kept to save time, and clearing it", DESCRIPTION, EXAMPLES)
    parser.set_defaults(act=list_kinds)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    add_action(actions, "list", list_kinds, "what is kept", "Lists what is kept: a line a kind.")
    clear = add_action(actions, "clear", clear_kinds, "remove it", CLEARING)
    clear.add_argument("kinds", nargs="*", metavar="KIND", help="as list names them")
    clear.add_argument("--older", type=_days, default=0.0, metavar="DAYS", help="only what was not used for so long")
    clear.add_argument("--force", action="store_true", help="what another program may be using, too")
    clear.add_argument("--yes", action="store_true", help="without being asked")


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the action; without one it lists what is kept."""
    options.act(options, console)
    return 0


def list_kinds(options: argparse.Namespace, console: Console) -> None:
    """A line a kind, what they come to, and where they are."""
    from handshape.cache import OVERALL, contents, other_contents, overall_limit
    from handshape.downloads import cache_folder
    from handshape.files import in_megabytes

    kinds, other, together = contents(), other_contents(), overall_limit()
    rows = [_row(kept) for kept in kinds if kept.entries]
    if rows:
        columns = ("kind", "what it is", "entries", "size", "limit", "last used")
        console.table(f"Kept in {cache_folder()}", columns, rows)
    else:
        console.result("folder", f"Nothing is kept in {cache_folder()} yet")
    size = sum(kept.size for kept in kinds)
    limit = f"; with a limit they may take {in_megabytes(together)}, by {OVERALL}" if together else ""
    console.result("chart", f"Together {in_megabytes(size)}{limit}")
    if other:
        console.result(
            "", f"{in_megabytes(other)} there are no part of it, such as models of yours; nothing clears them"
        )
    for kept in kinds:
        if kept.problem:
            console.warn(kept.problem)
    console.hint("Another folder: set HANDSHAPE_HOME. Less of it:", "handshape cache clear")
    if options.json:
        console.emit(
            {
                "folder": str(cache_folder()),
                "bytes": size,
                "limit": together,
                "other_bytes": other,
                "kinds": [_as_dict(kept) for kept in kinds],
            }
        )


def clear_kinds(options: argparse.Namespace, console: Console) -> None:
    """Asks, removes, and says what stays.

    Raises:
        RunError: something could not be removed, or must not be.
        SettingsError: there is no such kind, or nobody can be asked.
    """
    from handshape.cache import clear, clearing
    from handshape.errors import RunError
    from handshape.files import in_megabytes

    def chosen() -> Clearing:
        return clearing(options.kinds, options.older * DAY, options.force)

    found = chosen()
    if found.entries and not options.yes:
        _require_consent(found, console)
        found = chosen()  # by now another program may be using some of it
    cleared = clear(found)
    console.result("done", f"Removed {_counted(cleared)}, {in_megabytes(cleared.size)}")
    if cleared.in_use:
        console.hint(f"{len(cleared.in_use)} used in the last hour stay; --force removes them, too.")
    if options.json:
        removed = {"removed": len(cleared.entries), "bytes": cleared.size, "in_use": len(cleared.in_use)}
        console.emit({**removed, "failed": [str(path) for path in cleared.failed]})
    if cleared.failed:
        paths = ", ".join(map(str, cleared.failed))
        raise RunError(f"Could not remove {paths}: another program holds it, or you may not.")


def _require_consent(found: Clearing, console: Console) -> None:
    """Passes when somebody at the terminal says yes."""
    from handshape.errors import RunError, SettingsError
    from handshape.files import in_megabytes

    what = f"{_counted(found)}, {in_megabytes(found.size)}"
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError(f"Nobody can be asked whether {what} may go.", "a terminal, or --yes", "Add --yes.")
    console.warn(f"Remove {what}? [y/N]")
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise RunError("Nothing was removed.")


def _counted(found: Clearing) -> str:
    return f"{len(found.entries):,} {'entry' if len(found.entries) == 1 else 'entries'}"


def _row(kept: Kept) -> tuple[str, ...]:
    from handshape.files import in_megabytes

    limit = "" if kept.limit is None else in_megabytes(kept.limit)
    used = "" if kept.used is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.used))
    return kept.kind.name, kept.kind.about, f"{len(kept.entries):,}", in_megabytes(kept.size), limit, used


def _as_dict(kept: Kept) -> dict[str, Any]:
    used = None if kept.used is None else time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(kept.used))
    facts = {"name": kept.kind.name, "about": kept.kind.about, "only_named": kept.kind.only_named}
    there = {"entries": len(kept.entries), "bytes": kept.size, "limit": kept.limit, "used": used}
    return {**facts, **there, "problem": kept.problem}


def _days(word: str) -> float:
    try:
        days = float(word)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise argparse.ArgumentTypeError(f"'{word}' is no number of days from 0 on")
    return days
