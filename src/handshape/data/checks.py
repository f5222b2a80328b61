"""Checks a folder of photographs by what opening every image showed. Nothing in it is ever changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from handshape.data.check_report import CheckReport, LabelIssue, Paths, Problem
from handshape.data.groups import count_signers
from handshape.data.label_issues import Features, find_label_issues
from handshape.data.near_duplicates import SIDE, similarity
from handshape.data.problems import MIN_IMAGES, find_problems, label_issue_problems, signer_problems
from handshape.data.reading import Inspection
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import DataError

__all__ = ["CheckReport", "Problem", "check_folder", "require_trainable", "with_label_issues", "with_signers"]


def check_folder(folder: ImageFolder, inspections: Sequence[Inspection]) -> CheckReport:
    """Reports what is wrong.

    Args:
        folder: what was read.
        inspections: of its samples, in their order.
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
    )
    return replace(report, findings=find_problems(report, folder.root))


def with_label_issues(
    report: CheckReport, samples: Sequence[Sample], features: Features, groups: Mapping[str, str], seed: int = 0
) -> CheckReport:
    """The report with the labels that are probably wrong, and with what to do about them.

    Args:
        report: of a folder.
        samples: those in which a hand was found; the others are not judged.
        features: of these hands, ``[N, D]`` float32, such as their landmarks and world landmarks.
        groups: by path, as :func:`~handshape.data.groups.group_samples` finds them. A mislabelled burst that is not
            known to be one vouches for itself.
        seed: of the cross-validation.
    """
    targets = [sample.label for sample in samples]
    found = find_label_issues(features, targets, [groups[sample.path] for sample in samples], seed)
    label_issues = tuple(
        LabelIssue(samples[issue.row].path, targets[issue.row], issue.suggested, issue.confidence) for issue in found
    )
    report = replace(report, label_issues=label_issues)
    return replace(report, findings=(*report.findings, *label_issue_problems(report)))


def with_signers(report: CheckReport, groups: Mapping[str, str]) -> CheckReport:
    """The report with what each signer showed, and with what too few of them show.

    Args:
        report: of a folder.
        groups: the signer by path; not the bursts that stand in where signers are unknown.
    """
    report = replace(report, signers=count_signers(report.usable_samples, groups))
    return replace(report, findings=(*report.findings, *signer_problems(report)))


def require_trainable(report: CheckReport) -> None:
    """Passes when every class that has images has enough usable ones, and there are at least two such classes.

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


def _duplicates(usable: Sequence[tuple[Sample, Inspection]]) -> tuple[Paths, ...]:
    same: dict[str, list[str]] = defaultdict(list)
    for sample, inspection in usable:
        same[inspection.digest].append(sample.path)
    return tuple(tuple(paths) for paths in same.values() if len(paths) > 1)
