"""``handshape labels``: photographs that may lie in the wrong class, one by one, to keep, move or leave out."""

from __future__ import annotations

import argparse
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import Verbs, add_verb, given_path, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

    from handshape.console import Console
    from handshape.serving.api.limits import Limits
    from handshape.workflow.labels import Review

ORDER = 15
HOST = "127.0.0.1"  # a data set is nobody else's business
DONE = {"keep": "kept in", "move": "moved to", "leave_out": "left out", "undo": "as it lies again, in"}


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "labels",
        run,
        "fix labels: keep, move or leave out suspect photographs",
        "Finds photographs that may lie in the wrong class, as handshape check does, and opens a page that shows them "
        "one by one beside typical ones, until Ctrl-C. What you decide is written into DATA/labels.csv at once: check, "
        "train, crossval and evaluate go by it. No photograph is moved, renamed or changed.\n\n"
        "Without a browser: list them, then decide here, or write the file yourself. Its columns are path, label and "
        "kept; without a label a photograph is left out.",
        [
            "handshape labels photos",
            "handshape labels photos --list",
            "handshape labels photos --json | jq '.suspects[].path'",
            "handshape labels photos --move L/anna_3.jpg A --leave-out B/blurred.jpg --keep A/odd.jpg",
        ],
    )
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")
    parser.add_argument("--list", action="store_true", help="list them, and open no page; --json does the same")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: any that is free")
    parser.add_argument("--no-open", action="store_true", help="serve the page, but open no browser")
    parser.add_argument(
        "--groups",
        default="auto",
        metavar="RULE",
        help="who signed what, as data.groups: folder, a .csv, an expression with (?P<signer>…); default: auto",
    )
    decide = parser.add_argument_group("decisions, without a page")
    for name, words in (
        ("--keep", "its label is right: do not ask again"),
        ("--leave-out", "it takes no part"),
        ("--undo", "take back what was decided"),
    ):
        decide.add_argument(name, action="append", default=[], metavar="PATH", help=words)
    decide.add_argument(
        "--move", action="append", default=[], nargs=2, metavar=("PATH", "LABEL"), help="it shows another class"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """0 once all is listed or decided, or the page is stopped."""
    from handshape.workflow.labels import find_suspects

    decisions = list(_decisions(options))
    if decisions:
        return _decide(options, decisions, console)
    review = find_suspects(options.data, options.groups, console)
    if options.json:
        console.emit(review.as_dict())
        return 0
    _show(review, options.list, console)
    if not (options.list or not review.suspects):
        _serve(review, options, console)
    return 0


def _decisions(options: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Path, what to do, and the class to move to, of each that was given."""
    for kind, paths in (("keep", options.keep), ("leave_out", options.leave_out), ("undo", options.undo)):
        yield from ((path, kind, "") for path in paths)
    yield from ((path, "move", label) for path, label in options.move)


def _decide(options: argparse.Namespace, decisions: list[tuple[str, str, str]], console: Console) -> int:
    from handshape.data.label_table import LABELS_FILE
    from handshape.data.samples import list_samples
    from handshape.workflow.labels import decide_by_path

    for path, kind, label in decisions:
        found, lies_in = decide_by_path(options.data, path, kind, label)
        console.status("check", f"{found}: {DONE[kind]} {'' if kind == 'leave_out' else label or lies_in}".rstrip())
    corrections = list_samples(options.data).corrections
    console.result("save", f"{options.data / LABELS_FILE}: {corrections.in_words}. Nothing was moved on the disk.")
    if options.json:
        console.emit({"folder": str(options.data), "corrections": corrections.as_dict()})
    return 0


def _show(review: Review, whole: bool, console: Console) -> None:
    """The suspects, or that there are none."""
    from handshape.data.messages import counted

    if review.suspects is None:
        console.warn("No hand was found in these photographs, so nobody can say which labels are suspect.")
    elif not review.suspects:
        console.result("check", "No label is suspect.")
    elif whole:
        rows = [(each.path, each.label, each.suggested, f"{each.confidence:.0%}") for each in review.suspects]
        console.table("Suspect labels", ("image", "lies in", "looks like", "sure"), rows)
        first = review.suspects[0]
        decide = f"--move {quoted(first.path)} {quoted(first.suggested)}"
        console.hint("Decide:", f"handshape labels {quoted(review.folder.root)} {decide}")
    else:
        console.result("check", f"{counted(len(review.suspects), 'label is', 'labels are')} suspect.")


def _serve(review: Review, options: argparse.Namespace, console: Console) -> None:
    """The page, until Ctrl-C."""
    from handshape.cli.serve_log import problems_said
    from handshape.data.samples import list_samples
    from handshape.serving.api.limits import Limits
    from handshape.serving.api.server import make_server, open_socket

    limits = Limits(rate=0.0)
    app = make_page(review, limits, console)
    with open_socket(HOST, options.port, limits) as socket, problems_said(console):
        address = f"http://{HOST}:{socket.getsockname()[1]}/#labels"
        console.status("done", f"Fix labels at {address} (Ctrl-C stops it)")
        if not options.no_open:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # uvicorn has stopped gracefully, and says by which signal
            make_server(app, limits).run([socket])
    list_samples(review.folder.root).corrections.announce(console)
    console.status("done", "Stopped. Nothing was moved on the disk.")


def make_page(review: Review, limits: Limits, console: Console) -> ASGIApp:
    """The application that shows a review; it reads hands as ``handshape serve`` does, and fetches nothing."""
    from handshape.cli.serve import explained
    from handshape.registry.ready import DEFAULT
    from handshape.serving.api.access import LOOPBACK, Access
    from handshape.serving.api.app import make_app
    from handshape.serving.api.labels import make_labels_router
    from handshape.serving.api.models import Served
    from handshape.serving.api.page import Page
    from handshape.serving.recognizer import recognizer_of
    from handshape.workflow.labels import Desk

    served = Served(DEFAULT, lambda bundle: recognizer_of(bundle, console, 1), _say_nothing)
    access = Access((), LOOPBACK)
    page = Page(served, _no_device(console), access, {"labels": True}, [make_labels_router(Desk(review))])
    return make_app(served, explained, access, limits, _say_nothing, page)


def _say_nothing(event: dict[str, Any]) -> None:
    """Of requests: whoever decides sees what became of it on the page."""


def _no_device(console: Console) -> Any:
    """What runs a model in the browser is not fetched for this: nobody came to have a hand read."""
    from handshape.errors import DownloadError
    from handshape.serving.site import Device, Files

    class NoDevice(Device):
        def files(self, hands: bool) -> Files:
            raise DownloadError("Labels are being fixed here; handshape serve reads hands on this device.")

    return NoDevice(console)
