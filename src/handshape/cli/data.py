"""``handshape data``: public sets of photographs of hand signs, ready to train on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import Verbs, add_action, add_verb, given_path, quoted
from handshape.errors import RunError, SettingsError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.workflow.public_sets import PublicSet

ORDER = 92
DESCRIPTION = (
    "Fetches photographs of hand signs that others publish: one folder a class, who signed what as far as that is "
    "known, and SOURCE.md, which says where they came from and under which licence. The licence is shown first. "
    "Without an action: list.\n\n"
    "The publishers give no hash. What arrives is checked by the number of photographs of each class, and every one is "
    "decoded; the digest of all of them is shown, so that two people can tell whether they have the same."
)
EXAMPLES = [
    "handshape data list",
    "handshape data get digits",
    "handshape data get digits photos --yes",
    "handshape data get asl-alphabet letters --from archive.zip",
]


def add_parser(verbs: Verbs) -> None:
    """The actions of the verb."""
    parser = add_verb(verbs, "data", run, "fetch public sets of photographs", DESCRIPTION, EXAMPLES)
    parser.set_defaults(act=list_sets)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    add_action(actions, "list", list_sets, "what there is", "Lists the sets: what, licence, from where, who signed.")
    get = add_action(
        actions,
        "get",
        get_set,
        "fetch one",
        "Fetches a set into a new folder; a download that broke off goes on where the server can. Overwrites nothing.",
    )
    get.add_argument("name", metavar="NAME", help="of the set, as list says it")
    get.add_argument("folder", nargs="?", type=given_path, metavar="FOLDER", help="new or empty (default: ./NAME)")
    get.add_argument("--yes", action="store_true", help="accept the licence without being asked")
    get.add_argument("--from", dest="source", default="", metavar="FILE|URL", help="a zip or folder that you have")
    get.add_argument("--sha256", type=_digest, metavar="HEX", help="refuse photographs of another digest")


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the action; without one it lists the sets."""
    options.act(options, console)
    return 0


def list_sets(options: argparse.Namespace, console: Console) -> None:
    """Every set, on a few lines."""
    from handshape.workflow.public_sets import NO_HASH, SETS

    for public in SETS.values():
        console.result("check", f"{public.name}: {public.shows}")
        for line in _facts(public):
            console.result("", line)
    console.result("", NO_HASH)
    if options.json:
        console.emit({"sets": [_as_dict(public) for public in SETS.values()]})
    console.hint("Fetch one:", "handshape data get digits")


def get_set(options: argparse.Namespace, console: Console) -> None:
    """Shows the licence, asks, fetches, and says how to train."""
    from handshape.workflow import public_sets

    public = public_sets.set_named(options.name)
    folder = options.folder or Path(public.name)
    public_sets.require_free(folder)
    console.status("check", f"{public.name}: {public.shows}")
    for line in _facts(public):
        console.detail(line)
    _require_consent(public, options, console)
    gotten = public_sets.get_set(public, folder, console, options.source, options.sha256 or "")
    console.result("done", f"{gotten.photographs:,} photographs in {folder}, all of them whole")
    console.result("", f"digest of the photographs (SHA-256): {gotten.sha256}")
    console.detail(public_sets.NO_HASH)
    if public.signers is None:
        console.warn(public.means)
    groups = "" if gotten.signers is None else f" --set data.groups={quoted(folder / public_sets.SIGNERS)}"
    command = f"handshape train {quoted(folder)}{groups}"
    console.hint("Train on it:", command)
    if options.json:
        facts = {"folder": str(folder), "signers": gotten.signers, "sha256": gotten.sha256, "train": command}
        console.emit({**_as_dict(public), **facts})


def _facts(public: PublicSet) -> list[str]:
    return [
        f"{public.photographs:,} photographs in {len(public.counts)} classes",
        f"licence: {public.licence}",
        f"from: {public.page}",
        f"signed by: {public.who}",
        public.means,
    ]


def _as_dict(public: PublicSet) -> dict[str, Any]:
    words = {name: getattr(public, name) for name in ("name", "shows", "licence", "page", "who", "means")}
    return {**words, "photographs": public.photographs, "classes": list(public.counts)}


def _require_consent(public: PublicSet, options: argparse.Namespace, console: Console) -> None:
    """Passes when the licence is accepted, by --yes or on the terminal."""
    if options.yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError(
            f"Nobody can be asked about the licence of {public.name}: {public.licence}.",
            "a terminal, or --yes",
            "Read the licence, then add --yes.",
        )
    console.warn(f"Fetch {public.name} under its licence, {public.licence}? [y/N]")
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise RunError("Nothing was fetched: the licence was not accepted.")


def _digest(word: str) -> str:
    if len(word) != 64 or set(word.lower()) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return word.lower()
