"""Checking photographs before anything is trained: files, look-alikes, signers, hands, labels."""

from __future__ import annotations

from pathlib import Path

from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.checks import check_folder, with_signers
from handshape.data.groups import group_samples, require_rule
from handshape.data.samples import list_samples
from handshape.hands.search import hand_search
from handshape.workflow.dataset import read_samples
from handshape.workflow.label_signs import add_hand_findings, hands_of_classes

CROP = 64  # pixels a side of the hands that labels are judged by


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
    console.status("check", "Comparing the images with one another")
    report = check_folder(folder, readings.inspections)
    grouped = group_samples(folder, report.usable_samples, groups, report.digests, report.similarity)
    grouped.announce(console)
    if grouped.are_signers:
        report = with_signers(report, grouped.of)
    if search is None or not report.usable:
        return report, None
    return add_hand_findings(report, readings, grouped), hands_of_classes(report, readings.hands)
