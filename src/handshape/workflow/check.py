"""Checking photographs before anything is trained: files, look-alikes, signers, hands, labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.checks import check_folder, with_signers
from handshape.data.gathering import Readings
from handshape.data.groups import Groups, group_samples, require_rule
from handshape.data.samples import ImageFolder, list_samples
from handshape.hands.search import hand_search
from handshape.workflow.executor import Executor
from handshape.workflow.label_signs import add_hand_findings, hands_of_classes
from handshape.workflow.loading import read_samples

CROP = 64  # pixels a side of the hands that labels are judged by


@dataclass(frozen=True, eq=False)
class Checked:
    """What reading a folder showed.

    Attributes:
        folder: what lies there.
        report: what is wrong.
        groups: of its usable images.
        readings: of its files.
        looked_for_hands: whether the report says something about hands and labels.
    """

    folder: ImageFolder
    report: CheckReport
    groups: Groups
    readings: Readings
    looked_for_hands: bool


def check(
    path: Path, groups: str, hands: bool, console: Console, executor: Executor | None = None
) -> tuple[CheckReport, dict[str, int] | None]:
    """What :func:`inspect` reports, and how many usable images of each class show a hand.

    The latter is None where none were looked for.
    """
    checked = inspect(path, groups, hands, console, executor)
    found = hands_of_classes(checked.report, checked.readings.hands) if checked.looked_for_hands else None
    return checked.report, found


def inspect(path: Path, groups: str, hands: bool, console: Console, executor: Executor | None = None) -> Checked:
    """Reads every image of a folder and says what is wrong; changes nothing.

    Args:
        path: a folder with one folder of images a class.
        groups: who signed what, as the setting data.groups.
        hands: whether hands are looked for.
        console: shows the progress.
        executor: reads the photographs; None does it in this process.

    Raises:
        DataError: there is no such folder, or its ``labels.csv`` names what is not there.
        SettingsError: ``groups`` is no rule.
    """
    console.status("check", f"Checking {path}")
    folder = list_samples(path, groups=groups)
    folder.corrections.announce(console)
    require_rule(folder, groups)
    search = hand_search(console) if hands else None
    readings = read_samples(folder, search, CROP if search else None, console, executor)
    console.status("check", "Comparing the images with one another")
    report = check_folder(folder, readings.inspections)
    grouped = group_samples(folder, report.usable_samples, groups, report.digests, report.similarity)
    grouped.announce(console)
    if grouped.are_signers:
        report = with_signers(report, grouped.of)
    looks_for_hands = search is not None and report.usable > 0
    if looks_for_hands:
        report = add_hand_findings(report, readings, grouped)
    return Checked(folder, report, grouped, readings, looks_for_hands)
