"""The verbs about photographs: ``check`` and ``sample``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from handshape.cli.shared import quoted
from handshape.console import Console
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.data.check_report import CheckReport
    from handshape.workflow.dataset import FoundHands

NO_PEOPLE = ("auto", "none")  # rules of --groups that name nobody
FEW_HANDS = 0.5  # of a class's images; with fewer, its landmarks say little


def check(options: argparse.Namespace, console: Console) -> int:
    """``handshape check``: 0 when the folder can be trained on, 1 when it cannot."""
    from handshape.data.checks import check_folder, with_signers
    from handshape.data.groups import signer_groups
    from handshape.data.samples import list_samples
    from handshape.hands.search import hand_search
    from handshape.workflow.dataset import add_label_issues, find_hands

    console.status("check", f"Checking {options.data}")
    folder = list_samples(options.data)
    report = check_folder(folder, console)
    groups, _ = signer_groups(folder, report.usable_samples, options.groups, report.digests, report.similarity)
    if options.groups not in NO_PEOPLE:
        report = with_signers(report, groups)
    hands: FoundHands = {}
    if report.usable and not options.quick:
        hands = find_hands(folder, report, hand_search(console), console)
    found = hands_of_classes(report, hands) if hands else None
    if found is not None:
        report = add_label_issues(with_few_hands(report, found), hands, groups)
    show_check(report, found, console)
    if options.json:
        console.emit({**report.as_dict(), "hands_found": found})
    elif report.ok:
        rule = "" if options.groups == "auto" else f" --set data.groups={quoted(options.groups)}"
        console.status("hint", f"Train on it: handshape train {quoted(options.data)}{rule}")
    return 1 if report.fatal else 0


def hands_of_classes(report: CheckReport, hands: FoundHands) -> dict[str, int]:
    """How many usable images of each class show a hand."""
    counts = Counter(sample.label for sample in report.usable_samples if hands[sample.path])
    return {label: counts[label] for label in report.classes}


def with_few_hands(report: CheckReport, found: Mapping[str, int]) -> CheckReport:
    """The report with the classes in which few hands were found, those that show no sign aside."""
    from handshape.data.check_report import Problem
    from handshape.data.messages import counted, some
    from handshape.model.decisions import is_negative_name

    poor = [
        f"{label} ({found[label]} of {usable})"
        for label, usable in report.usable_counts.items()
        if found[label] < FEW_HANDS * usable and not is_negative_name(label)
    ]
    if not poor:
        return report
    problem = Problem(
        f"{counted(len(poor), 'class shows', 'classes show')} a hand in less than half of the images: {some(poor)}.",
        "Without a hand only the pixels are left to tell the sign, which goes wrong on other people: take photographs "
        "in which the whole hand is sharp, well lit and not tiny.",
    )
    return replace(report, findings=(*report.findings, problem))


def show_check(report: CheckReport, found: Mapping[str, int] | None, console: Console) -> None:
    """The classes, the signers, the suspect labels, and everything that is wrong."""
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
    for problem in report.problems:
        console.warn(problem)
    verdict = "nothing is wrong" if report.ok else f"{len(report.problems)} findings"
    console.status("done", f"{report.usable} of {report.images} images in {len(report.classes)} classes: {verdict}")


def sample(options: argparse.Namespace, console: Console) -> int:
    """``handshape sample``."""
    from handshape.practice import draw_practice_set

    console.status("draw", f"Drawing a practice set into {options.out}")
    if options.seed < 0:
        raise SettingsError(f"The seed cannot be {options.seed}.", "0 or more")
    count = draw_practice_set(options.out, options.per_class, options.seed, options.classes, options.size, console)
    console.status("done", f"Drew {count} images")
    signers = options.out / "signers.csv"
    console.status("hint", f"Train on it: handshape train {quoted(options.out)} --set data.groups={quoted(signers)}")
    if options.json:
        console.emit({"folder": str(options.out), "images": count, "signers": str(signers)})
    return 0
