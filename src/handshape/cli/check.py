"""``handshape check``: what is wrong with a folder of photographs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from handshape.cli.run_arguments import add_executor_arguments, executor_for
from handshape.cli.shared import Verbs, add_verb, given_path, quoted

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.data.check_report import CheckReport

ORDER = 10


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "check",
        run,
        "what is wrong with these photographs",
        "Reads every image and reports broken, misnamed, tiny, blank, duplicate and similar files, empty and uneven "
        "classes, and folders that are no classes. Finds the hands, and reports classes where few or two are found, "
        "labels that are probably wrong, and classes that are one handshape. "
        "Changes nothing.",
        [
            "handshape check photos",
            "handshape check photos --groups signers.csv",
            "handshape check photos --groups '/(?P<signer>[a-z]+)_'",
            "handshape check photos --quick --json | jq .problems",
        ],
    )
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")
    parser.add_argument(
        "--groups",
        default="auto",
        metavar="RULE",
        help="who signed what, as data.groups: folder, a .csv, an expression with (?P<signer>…); default: auto",
    )
    parser.add_argument("--quick", action="store_true", help="leave the hands out")
    add_executor_arguments(parser, "read the photographs")


def run(options: argparse.Namespace, console: Console) -> int:
    """0 when the folder can be trained on, 1 when it cannot."""
    from handshape.workflow.check import check

    with executor_for(options, console) as executor:
        report, found = check(options.data, options.groups, not options.quick, console, executor)
    show_check(report, found, console)
    console.done("Checked")
    if options.json:
        console.emit({**report.as_dict(), "hands_found": found})
    elif report.ok:
        rule = "" if options.groups == "auto" else f" --set data.groups={quoted(options.groups)}"
        console.hint("Train on it:", f"handshape train {quoted(options.data)}{rule}")
    if report.label_issues and not options.json:
        rule = "" if options.groups == "auto" else f" --groups {quoted(options.groups)}"
        console.hint("Look at the suspect labels one by one:", f"handshape labels {quoted(options.data)}{rule}")
    return 1 if report.fatal else 0


def show_check(report: CheckReport, found: Mapping[str, int] | None, console: Console) -> None:
    """The classes, the signers, the suspect labels, and everything that is wrong."""
    from handshape.data.groups import SIGNERS_FILE
    from handshape.data.messages import counted

    usable = report.usable_counts
    columns = ("class", "files", "usable", *(("with a hand",) if found is not None else ()))
    rows = [
        (label, n, usable[label], *((found[label],) if found is not None else ()))
        for label, n in report.classes.items()
    ]
    console.table("Images", columns, rows)
    if report.signers:
        people = [(name, count.images, len(count.absent)) for name, count in report.signers.items()]
        console.table("Signers", ("signer", "images", "classes not shown"), people)
    if report.label_issues:
        issues = [(each.path, each.label, each.suggested, f"{each.confidence:.0%}") for each in report.label_issues]
        console.table("Suspect labels", ("image", "lies in", "looks like", "sure"), issues)
    beside = [name for name in report.beside if not (report.signers and name == SIGNERS_FILE)]
    if beside:
        console.result("", f"Not read, since not in a class folder: {', '.join(beside)}")
    for problem in report.problems:
        console.result("warn", problem)
    verdict = "nothing is wrong" if report.ok else f"{counted(len(report.problems), 'problem', 'problems')} found"
    images, classes = f"{report.usable:,} of {counted(report.images, 'image', 'images')}", len(report.classes)
    console.result("check", f"{images} can be used, in {counted(classes, 'class', 'classes')}; {verdict}")
