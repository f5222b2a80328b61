"""Checking photographs before anything is trained: files, look-alikes, signers, hands, labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from handshape.console import Console
from handshape.data.check_report import CheckReport, Problem
from handshape.data.checks import check_folder, with_signers
from handshape.data.groups import group_samples, require_rule
from handshape.data.messages import counted, some
from handshape.data.samples import list_samples
from handshape.hands.landmarks import Hand
from handshape.hands.search import hand_search
from handshape.model.decisions import is_negative_name
from handshape.workflow.dataset import read_samples
from handshape.workflow.label_signs import add_label_issues

CROP = 64  # pixels a side of the hands that labels are judged by
FEW_HANDS = 0.5  # of a class's images; with fewer, its landmarks say little


def check(path: Path, groups: str, hands: bool, console: Console) -> tuple[CheckReport, dict[str, int] | None]:
    """Reads every image of a folder and says what is wrong; changes nothing.

    Args:
        path: a folder with one folder of images a class.
        groups: who signed what, as the setting data.groups.
        hands: whether hands are looked for.
        console: shows the progress.

    Returns:
        the report, and how many usable images of each class show a hand; None where none were looked for.

    Raises:
        DataError: there is no such folder.
        SettingsError: ``groups`` is no rule.
    """
    console.status("check", f"Checking {path}")
    folder = list_samples(path, groups=groups)
    require_rule(folder, groups)
    search = hand_search(console) if hands else None
    readings = read_samples(folder, search, CROP if search else None, console)
    report = check_folder(folder, readings.inspections)
    grouped = group_samples(folder, report.usable_samples, groups, report.digests, report.similarity)
    grouped.announce(console)
    if grouped.are_signers:
        report = with_signers(report, grouped.of)
    if search is None or not report.usable:
        return report, None
    found = hands_of_classes(report, readings.hands)
    return add_label_issues(with_few_hands(report, found), readings, grouped), found


def hands_of_classes(report: CheckReport, hands: Sequence[Hand | None]) -> dict[str, int]:
    """How many usable images of each class show a hand."""
    counts = Counter(sample.label for sample, hand in zip(report.usable_samples, hands, strict=True) if hand)
    return {label: counts[label] for label in report.classes}


def with_few_hands(report: CheckReport, found: Mapping[str, int]) -> CheckReport:
    """The report with the classes in which few hands were found, those that show no sign aside."""
    poor = {
        label: f"{label} ({found[label]} of {usable})"
        for label, usable in report.usable_counts.items()
        if found[label] < FEW_HANDS * usable and not is_negative_name(label)
    }
    if not poor:
        return report
    named = some(tuple(poor.values()))
    problem = Problem(
        f"{counted(len(poor), 'class shows', 'classes show')} a hand in less than half of the images: {named}.",
        "Why is said above of these images; whole images are learned instead, which goes wrong on other people."
        if _is_explained(report, poor)
        else "Without a hand only the pixels are left to tell the sign, which goes wrong on other people: take "
        "photographs in which the whole hand is sharp, well lit and not tiny.",
    )
    return replace(report, findings=(*report.findings, problem))


def _is_explained(report: CheckReport, classes: Collection[str]) -> bool:
    """Whether most images of some classes are so odd that no hand can be expected in them."""
    odd = {*report.tiny, *report.traits.odd}
    images = [sample.path for sample in report.usable_samples if sample.label in classes]
    return sum(path in odd for path in images) > FEW_HANDS * len(images)
