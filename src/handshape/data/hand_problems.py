"""What is wrong with hands, labels and signers, and what to do about it, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from handshape.data.check_report import CheckReport, Problem
from handshape.data.label_table import LABELS_FILE
from handshape.data.messages import counted, some
from handshape.data.problems import MIN_SIGNERS
from handshape.hands.known_hands import are_one_handshape


def label_issue_problems(report: CheckReport) -> tuple[Problem, ...]:
    """What to do about the suspect labels of a report, if it has any."""
    if not report.label_issues:
        return ()
    named = [f"{issue.path} looks like {issue.suggested}" for issue in report.label_issues]
    first, count = report.label_issues[0], len(named)
    remedies = f"'{first.path},{first.suggested}' to move it, '{first.path},' to leave it out"
    return (
        Problem(
            f"{counted(count, 'label is', 'labels are')} suspect, the clearest first: {some(named)}.",
            f"Look at {'it' if count == 1 else 'them'} with handshape labels, or say in a {LABELS_FILE} in the folder "
            f"what each shows: path,label as the first line, then {remedies}; what is only signed in an unusual way "
            "should stay.",
        ),
    )


def twin_problems(report: CheckReport) -> tuple[Problem, ...]:
    """What to do about classes that are told apart hardly better than by chance."""
    one_handshape = [f"{one} and {other}" for one, other in report.twins or () if are_one_handshape(one, other)]
    alike = [f"{one} and {other}" for one, other in report.twins or () if not are_one_handshape(one, other)]
    problems = []
    if one_handshape:
        problems.append(
            Problem(
                f"{', '.join(one_handshape)} {'are' if len(one_handshape) == 1 else 'are each'} the same handshape.",
                "Join the two classes, or keep one of them; more photographs cannot tell them apart.",
            )
        )
    if alike:
        problems.append(
            Problem(
                f"{', '.join(alike)} look so much alike in these photographs that they are hardly told apart.",
                "If two of them are the same handshape, join them or keep one; if not, see whether the photographs "
                "show what tells them apart.",
            )
        )
    return tuple(problems)


def two_hand_problems(report: CheckReport, found: Mapping[str, int]) -> tuple[Problem, ...]:
    """What to do about classes that show two hands; ``found`` counts the images of each that show any."""
    if not report.two_hands:
        return ()
    named = [f"{label} ({count} of {found[label]})" for label, count in report.two_hands.items()]
    return (
        Problem(
            f"Two hands are seen in many images of {counted(len(named), 'class', 'classes')}: {some(named)}; a second "
            "hand is often missed.",
            "One hand of each image is looked at, so signs that differ in the other hand cannot be told apart: show "
            "one hand alone, or learn from whole images with hands.find=off.",
        ),
    )


def signer_problems(report: CheckReport) -> tuple[Problem, ...]:
    """What to do about classes that too few of the signers of a report show."""
    if not report.signers:
        return ()
    absent = Counter(label for count in report.signers.values() for label in count.absent)
    shown = {label: len(report.signers) - absent[label] for label in report.usable_classes}
    rare = [f"{label} ({count})" for label, count in shown.items() if count < MIN_SIGNERS]
    if not rare:
        return ()
    return (
        Problem(
            f"{counted(len(rare), 'class is', 'classes are')} shown by fewer than {MIN_SIGNERS} signers: {some(rare)}.",
            "Training, validation and test each need another person: add photographs by other people.",
        ),
    )
