"""Checks a folder of photographs by what opening every image showed. Nothing in it is ever changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handshape.data.check_report import CheckReport, LabelIssue, Paths, Problem, Traits
from handshape.data.gathering import Inspection
from handshape.data.groups import count_signers
from handshape.data.hand_problems import label_issue_problems, signer_problems, twin_problems, two_hand_problems
from handshape.data.label_issues import LabelEvaluation, Signs
from handshape.data.near_duplicates import SIDE, similarity
from handshape.data.problems import MIN_IMAGES, find_problems
from handshape.data.reading import BLANK_LEVELS, FAINT_LEVELS
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import DataError
from handshape.hands.landmarks import Hand

__all__ = [
    "CheckReport",
    "Problem",
    "check_folder",
    "require_trainable",
    "with_label_issues",
    "with_signers",
    "with_two_hands",
]

TYPICAL = 3  # images that stand for a class
MIN_SECOND, MIN_SECOND_SHARE = (
    2,
    0.15,
)  # images of a class, and share of them: a second hand seen so often belongs to the sign


def check_folder(folder: ImageFolder, inspections: Sequence[Inspection], least_classes: int = 2) -> CheckReport:
    """Reports what is wrong.

    Args:
        folder: what was read.
        inspections: of its samples, in their order.
        least_classes: that can be trained on.
    """
    pairs = list(zip(folder.samples, inspections, strict=True))
    usable = [(sample, inspection) for sample, inspection in pairs if not inspection.reason]
    duplicates = _duplicates(usable)
    label_of = {sample.path: sample.label for sample, _ in usable}
    report = CheckReport(
        classes=folder.counts(),
        usable_samples=tuple(sample for sample, _ in usable),
        reasons={sample.path: inspection.reason for sample, inspection in pairs if inspection.reason},
        duplicates=duplicates,
        conflicts=tuple(group for group in duplicates if len({label_of[path] for path in group}) > 1),
        tiny=tuple(sample.path for sample, inspection in usable if inspection.is_tiny),
        misnamed=tuple(sample.path for sample, inspection in usable if inspection.is_misnamed),
        strays=folder.strays,
        digests={sample.path: inspection.digest for sample, inspection in usable},
        similarity=similarity([inspection.thumbnail for _, inspection in usable]),
        thumbnails=np.frombuffer(b"".join(each.thumbnail for _, each in usable), np.uint8).reshape(-1, SIDE * SIDE),
        traits=_traits(usable),
        beside=folder.beside,
        alike_names=folder.alike,
        corrections=folder.corrections,
    )
    return replace(report, findings=find_problems(report, folder, least_classes))


def with_two_hands(report: CheckReport, hands: Sequence[Hand | None]) -> CheckReport:
    """The report with the classes in which a second hand is seen, and with what that means.

    Args:
        report: of a folder.
        hands: of its usable images. About half of the second hands are seen.
    """
    shown = [(sample.label, hand) for sample, hand in zip(report.usable_samples, hands, strict=True) if hand]
    found, second = Counter(label for label, _ in shown), Counter(label for label, hand in shown if hand.has_company)
    two_hands = {
        label: second[label]
        for label in report.classes
        if second[label] >= max(MIN_SECOND, MIN_SECOND_SHARE * found[label])
    }
    report = replace(report, two_hands=two_hands)
    return replace(report, findings=(*report.findings, *two_hand_problems(report, found)))


def with_label_issues(
    report: CheckReport, samples: Sequence[Sample], signs: Signs, groups: Mapping[str, str], seed: int = 0
) -> CheckReport:
    """The report with labels that are probably wrong and classes that are one handshape, and with what to do.

    Args:
        report: of a folder.
        samples: those that are judged: a hand was found in them, and no second one belongs to the sign.
        signs: of these, such as the shape of their landmarks.
        groups: by path, as :func:`~handshape.data.groups.group_samples` finds them. A mislabelled burst that is not
            known to be one vouches for itself.
        seed: of the cross-validation.
    """
    targets = [sample.label for sample in samples]
    evaluation = LabelEvaluation(signs, targets, [groups[sample.path] for sample in samples], seed)
    label_issues = tuple(
        LabelIssue(samples[issue.row].path, targets[issue.row], issue.suggested, issue.confidence)
        for issue in evaluation.issues
        if samples[issue.row].path not in report.corrections.looked_at
    )
    doubted = {issue.path for issue in label_issues}
    typical = {
        label: tuple(path for row in rows if (path := samples[row].path) not in doubted)
        for label, rows in evaluation.typical(TYPICAL).items()
    }
    report = replace(report, label_issues=label_issues, typical=typical, twins=evaluation.twins)
    return replace(report, findings=(*report.findings, *label_issue_problems(report), *twin_problems(report)))


def with_signers(report: CheckReport, groups: Mapping[str, str]) -> CheckReport:
    """The report with what each signer showed, and with what too few of them show.

    Args:
        report: of a folder.
        groups: the signer by path; not the bursts that stand in where signers are unknown.
    """
    report = replace(report, signers=count_signers(report.usable_samples, groups))
    return replace(report, findings=(*report.findings, *signer_problems(report)))


def require_trainable(report: CheckReport) -> None:
    """Passes when every class that has images has enough usable ones, and there are enough such classes.

    Raises:
        DataError: names every problem that prevents training, and the remedy of the first.
    """
    fatal = [problem for problem in report.findings if problem.fatal]
    if fatal:
        raise DataError(
            "\n".join(problem.what for problem in fatal),
            f"at least two classes, each with {MIN_IMAGES} usable images or more",
            "\n".join(dict.fromkeys(problem.remedy for problem in fatal)),
        )


def _traits(usable: Sequence[tuple[Sample, Inspection]]) -> Traits:
    def those(holds: Callable[[Inspection], bool]) -> Paths:
        return tuple(sample.path for sample, inspection in usable if holds(inspection))

    plain = [(sample.path, each) for sample, each in usable if not each.stretched_from]
    return Traits(
        blank=tuple(path for path, each in plain if each.levels <= BLANK_LEVELS),
        faint={path: each.levels for path, each in plain if BLANK_LEVELS < each.levels <= FAINT_LEVELS},
        stretched={sample.path: each.stretched_from for sample, each in usable if each.stretched_from},
        two_tone=those(lambda each: each.is_two_tone),
        sequences=those(lambda each: each.is_sequence),
    )


def _duplicates(usable: Sequence[tuple[Sample, Inspection]]) -> tuple[Paths, ...]:
    same: dict[str, list[str]] = defaultdict(list)
    for sample, inspection in usable:
        same[inspection.digest].append(sample.path)
    return tuple(tuple(paths) for paths in same.values() if len(paths) > 1)
