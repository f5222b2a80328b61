"""What ``handshape models`` understands."""

from __future__ import annotations

import argparse
import textwrap

from handshape.cli.arguments import MODEL, given_path

DESCRIPTION = (
    "Keeps finished models under names and numbers. asl@3 is a version and never changes; asl@production is an alias, "
    "which promote moves from version to version; asl alone is what is in production, else the newest. Every verb "
    "that takes a MODEL takes such a name. Without an action: list."
)
EXAMPLES = [
    "handshape models add runs/first --name asl",
    "handshape models promote asl@1",
    "handshape models show asl",
    "handshape models compare asl@1 asl@2 other-people",
    "handshape models rollback asl",
    "handshape models pack asl asl.zip",
]
PLACE = (
    "They are kept in ~/.local/share/handshape/registry, or where $HANDSHAPE_REGISTRY says: a folder, or a URL such as "
    "s3://bucket/models (pip install 'handshape[remote]' s3fs). S3, Google Cloud and Azure refuse to create a file "
    "twice, so several programs may change models there; on other URLs change them from one program at a time."
)
VERSION = "NAME, NAME@NUMBER or NAME@ALIAS"


def add_actions(parser: argparse.ArgumentParser, width: int) -> None:
    """The actions of the verb, each with a help of its own."""
    parser.description = "\n\n".join(textwrap.fill(text, width) for text in (DESCRIPTION, PLACE))
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    _action(actions, "list", "the models", "Lists the registered models with their versions and aliases.")
    show = _action(actions, "show", "versions and history, or a model card", "Shows what is known of a model.")
    show.add_argument("model", metavar="MODEL", help="a NAME: its versions and their history; else the model card")
    add = _action(actions, "add", "a run, bundle or zip becomes the next version", "Copies a model into the registry.")
    add.add_argument("source", metavar="MODEL", help=MODEL)
    add.add_argument("--name", metavar="NAME", help="of the model (default: that of the run folder or zip)")
    promote = _action(actions, "promote", "let an alias stand for a version", "Lets an alias stand for a version.")
    promote.add_argument("version", metavar="NAME@NUMBER", help="or another alias: asl@staging")
    promote.add_argument("alias", nargs="?", default="production", metavar="ALIAS", help="default: production")
    back = _action(actions, "rollback", "let it stand for the version before", "Takes the last promotion back.")
    back.add_argument("name", metavar="NAME")
    back.add_argument("alias", nargs="?", default="production", metavar="ALIAS", help="default: production")
    remove = _action(actions, "remove", "a version, or an alias", "Removes a version, or an alias, not what it is of.")
    remove.add_argument("version", metavar="NAME@NUMBER", help="or NAME@ALIAS")
    path = _action(actions, "path", "where it lies on this machine", "Prints the folder of a model's bundle.")
    path.add_argument("model", metavar="MODEL", help=MODEL)
    pack = _action(actions, "pack", "one zip to pass on", "Writes a model as one zip, which stands for it everywhere.")
    pack.add_argument("model", metavar="MODEL", help=MODEL)
    pack.add_argument("out", type=given_path, metavar="OUT.zip", help="a file that is not there yet")
    compare = _action(actions, "compare", "two models side by side", "Compares what was measured of two models.")
    compare.add_argument("first", metavar="A", help=MODEL)
    compare.add_argument("second", metavar="B", help=MODEL)
    compare.add_argument("data", type=given_path, nargs="?", metavar="DATA", help="photographs to measure both on, now")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=description)
    for option, words in (("--json", "results as JSON on stdout"), ("--quiet", "only warnings and errors")):
        parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=words)
    return parser
