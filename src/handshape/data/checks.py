"""Checks a folder of photographs by opening every image. Nothing in it is ever changed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from handshape.console import Console
from handshape.data.check_report import TINY_SIDE, CheckReport, Paths, Problem, SuspectLabel
from handshape.data.groups import count_signers
from handshape.data.near_copies import likeness, thumbnail
from handshape.data.problems import LEAST_IMAGES, find_problems, signer_problems, suspect_problems
from handshape.data.samples import ImageFolder, Sample
from handshape.data.suspects import Features, suspect_labels
from handshape.data.threads import in_threads
from handshape.errors import DataError, ImageError
from handshape.images import FORMATS, UNNAMED, decode, open_image, read_bytes

__all__ = ["CheckReport", "Problem", "check_folder", "require_trainable", "with_signers", "with_suspects"]


def check_folder(folder: ImageFolder, console: Console, workers: int = 2) -> CheckReport:
    """Decodes every image, class by class, and reports what is wrong.

    Args:
        folder: what to check.
        console: shows the progress.
        workers: threads.
    """
    looks: list[_Look] = []
    with console.progress("Checking images", len(folder.samples)) as bar:
        for look in in_threads(lambda sample: _look(folder, sample), folder.samples, workers):
            looks.append(look)
            bar.advance(note=f"class {look.sample.label}")
    usable = [look for look in looks if not look.reason]
    duplicates = _duplicates(usable)
    labels = {look.sample.path: look.sample.label for look in usable}
    report = CheckReport(
        classes=folder.counts(),
        usable_samples=tuple(look.sample for look in usable),
        reasons={look.sample.path: look.reason for look in looks if look.reason},
        duplicates=duplicates,
        conflicts=tuple(group for group in duplicates if len({labels[path] for path in group}) > 1),
        tiny=tuple(look.sample.path for look in usable if look.is_tiny),
        misnamed=tuple(look.sample.path for look in usable if look.is_misnamed),
        strays=folder.strays,
        digests={look.sample.path: look.digest for look in usable},
        likeness=likeness([look.thumbnail for look in usable]),
    )
    return replace(report, findings=find_problems(report, folder.root))


def with_suspects(
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
    truth = [sample.label for sample in samples]
    found = suspect_labels(features, truth, [groups[sample.path] for sample in samples], seed)
    suspects = tuple(
        SuspectLabel(samples[suspect.row].path, truth[suspect.row], suspect.suggested, suspect.confidence)
        for suspect in found
    )
    report = replace(report, suspects=suspects)
    return replace(report, findings=(*report.findings, *suspect_problems(report)))


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
            f"at least two classes, each with {LEAST_IMAGES} usable images or more",
            "\n".join(dict.fromkeys(problem.remedy for problem in fatal)),
        )


@dataclass(frozen=True)
class _Look:
    """What opening one image showed; ``reason`` is empty when it is usable."""

    sample: Sample
    reason: str = ""
    digest: str = ""
    thumbnail: bytes = b""
    is_tiny: bool = False
    is_misnamed: bool = False


def _look(folder: ImageFolder, sample: Sample) -> _Look:
    path = folder.file(sample)
    try:
        data = read_bytes(path)
        image = open_image(data)
        kind = image.format or ""
        small = thumbnail(decode(image))
    except ImageError as error:
        return _Look(sample, error.happened.removeprefix(str(path)).removeprefix(UNNAMED).strip(" ."))
    return _Look(
        sample,
        digest=hashlib.sha256(data).hexdigest(),
        thumbnail=small,
        is_tiny=min(image.size) < TINY_SIDE,
        is_misnamed=PurePosixPath(sample.path).suffix.lower() not in FORMATS[kind],
    )


def _duplicates(looks: Sequence[_Look]) -> tuple[Paths, ...]:
    same: dict[str, list[str]] = defaultdict(list)
    for look in looks:
        same[look.digest].append(look.sample.path)
    return tuple(tuple(paths) for paths in same.values() if len(paths) > 1)
