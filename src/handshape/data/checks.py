"""Checks a folder of photographs by opening every image. Nothing in it is ever changed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from handshape.console import Console
from handshape.data.check_report import TINY_SIDE, CheckReport, LabelIssue, Paths, Problem
from handshape.data.groups import count_signers
from handshape.data.label_issues import Features, find_label_issues
from handshape.data.near_duplicates import similarity, thumbnail
from handshape.data.problems import MIN_IMAGES, find_problems, label_issue_problems, signer_problems
from handshape.data.samples import ImageFolder, Sample
from handshape.data.threads import in_threads
from handshape.errors import DataError, ImageError
from handshape.images import FORMATS, UNNAMED, decode, open_image, read_bytes

__all__ = ["CheckReport", "Problem", "check_folder", "require_trainable", "with_label_issues", "with_signers"]


def check_folder(folder: ImageFolder, console: Console, workers: int = 2) -> CheckReport:
    """Decodes every image, class by class, and reports what is wrong.

    Args:
        folder: what to check.
        console: shows the progress.
        workers: threads.
    """
    inspections: list[_Inspection] = []
    with console.progress("Checking images", len(folder.samples)) as bar:
        for inspection in in_threads(lambda sample: _inspect(folder, sample), folder.samples, workers):
            inspections.append(inspection)
            bar.advance(note=f"class {inspection.sample.label}")
    usable = [inspection for inspection in inspections if not inspection.reason]
    duplicates = _duplicates(usable)
    class_names = {inspection.sample.path: inspection.sample.label for inspection in usable}
    report = CheckReport(
        classes=folder.counts(),
        usable_samples=tuple(inspection.sample for inspection in usable),
        reasons={inspection.sample.path: inspection.reason for inspection in inspections if inspection.reason},
        duplicates=duplicates,
        conflicts=tuple(group for group in duplicates if len({class_names[path] for path in group}) > 1),
        tiny=tuple(inspection.sample.path for inspection in usable if inspection.is_tiny),
        misnamed=tuple(inspection.sample.path for inspection in usable if inspection.is_misnamed),
        strays=folder.strays,
        digests={inspection.sample.path: inspection.digest for inspection in usable},
        similarity=similarity([inspection.thumbnail for inspection in usable]),
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
        groups: by path, as :func:`~handshape.data.groups.signer_groups` finds them. A mislabelled burst that is not
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


@dataclass(frozen=True)
class _Inspection:
    """What opening one image showed; ``reason`` is empty when it is usable."""

    sample: Sample
    reason: str = ""
    digest: str = ""
    thumbnail: bytes = b""
    is_tiny: bool = False
    is_misnamed: bool = False


def _inspect(folder: ImageFolder, sample: Sample) -> _Inspection:
    path = folder.file(sample)
    try:
        data = read_bytes(path)
        image = open_image(data)
        kind = image.format or ""
        small = thumbnail(decode(image))
    except ImageError as error:
        return _Inspection(sample, error.happened.removeprefix(str(path)).removeprefix(UNNAMED).strip(" ."))
    return _Inspection(
        sample,
        digest=hashlib.sha256(data).hexdigest(),
        thumbnail=small,
        is_tiny=min(image.size) < TINY_SIDE,
        is_misnamed=PurePosixPath(sample.path).suffix.lower() not in FORMATS[kind],
    )


def _duplicates(inspections: Sequence[_Inspection]) -> tuple[Paths, ...]:
    same: dict[str, list[str]] = defaultdict(list)
    for inspection in inspections:
        same[inspection.digest].append(inspection.sample.path)
    return tuple(tuple(paths) for paths in same.values() if len(paths) > 1)
