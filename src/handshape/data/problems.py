"""What is wrong with the photographs, and what to do about it, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from handshape.data.check_report import CheckReport, Problem
from handshape.data.messages import counted, some
from handshape.data.reading import TINY_SIDE
from handshape.data.samples import subfolders

MAX_IMBALANCE = 3.0
MANY_NEAR_DUPLICATES = 0.1  # of all images; fewer hardly change what a test says
MIN_SIGNERS = 3  # one each for training, validation and test
MIN_IMAGES = 3  # so that training, validation and test can each have one


def find_problems(report: CheckReport, root: Path) -> tuple[Problem, ...]:
    """The problems behind the figures of a report, those that prevent training first."""
    return (*_fatal(report, root), *_about_files(report), *_about_classes(report), *_about_near_copies(report))


def label_issue_problems(report: CheckReport) -> tuple[Problem, ...]:
    """What to do about the suspect labels of a report, if it has any."""
    if not report.label_issues:
        return ()
    named = [f"{issue.path} looks like {issue.suggested}" for issue in report.label_issues]
    count = len(named)
    return (
        Problem(
            f"{counted(count, 'label is', 'labels are')} suspect, the clearest first: {some(named)}.",
            f"Look at {'it' if count == 1 else 'them'}, and move what lies in the wrong class; what is only signed in "
            "an unusual way should stay.",
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


def _fatal(report: CheckReport, root: Path) -> Iterable[Problem]:
    counts = report.usable_counts
    if not report.usable_classes:
        yield Problem("There is not one usable image.", "Add photographs, in one folder a class.", fatal=True)
        return
    if len(report.usable_classes) == 1:
        yield Problem(f"Only one class has usable images: {report.usable_classes[0]}.", _second_class(root), fatal=True)
    broken = [label for label, count in counts.items() if count == 0 and report.classes[label]]
    if broken:
        yield Problem(
            f"{counted(len(broken), 'class holds', 'classes hold')} only images that cannot be used: {some(broken)}.",
            "Replace the broken images, or move the folder elsewhere to train without the class.",
            fatal=True,
        )
    small = [f"{label} ({count})" for label, count in counts.items() if 0 < count < MIN_IMAGES]
    if small:
        yield Problem(
            f"{counted(len(small), 'class has', 'classes have')} fewer than {MIN_IMAGES} usable images: {some(small)}.",
            "Training, validation and test each need one: add photographs, some dozens a class for a good "
            "recogniser, or move the folder elsewhere.",
            fatal=True,
        )


def _second_class(root: Path) -> str:
    """People often name the folder above the one that holds the classes."""
    folders = subfolders(root)
    inner = subfolders(root / folders[0]) if len(folders) == 1 else ()
    if len(inner) > 1:
        return f"{folders[0]} holds folders itself ({some(inner)}); if those are the classes, use {root / folders[0]}."
    return "Add a folder with photographs of another sign."


def _about_files(report: CheckReport) -> Iterable[Problem]:
    if report.reasons:
        named = some([f"{path}: {reason.removeprefix('is ')}" for path, reason in report.reasons.items()], between="; ")
        yield Problem(
            f"{counted(len(report.reasons), 'image', 'images')} of {report.images:,} cannot be used ({named}).",
            "What cannot be used is left out; copy it from its source again, or remove it.",
        )
    if report.strays:
        kinds = Counter(PurePosixPath(path).suffix.lower() or "no ending" for path in report.strays)
        listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(3))
        yield Problem(
            f"{counted(len(report.strays), 'file does', 'files do')} not have the name of an image or lie outside the "
            f"class folders ({listed}): {some(report.strays)}.",
            "Such files are left out; save photographs as JPEG or PNG inside a class folder.",
        )
    if report.misnamed:
        yield Problem(
            f"{counted(len(report.misnamed), 'image is', 'images are')} of another format than the name says: "
            f"{some(report.misnamed)}.",
            "Such images are used all the same; rename them, because other programs may refuse them.",
        )
    if report.tiny:
        yield Problem(
            f"{counted(len(report.tiny), 'image has', 'images have')} a side under {TINY_SIDE} pixels: "
            f"{some(report.tiny)}.",
            "Such images are used, but hardly show fingers; replace them by larger ones.",
        )


def _about_classes(report: CheckReport) -> Iterable[Problem]:
    if report.empty_classes:
        count = len(report.empty_classes)
        yield Problem(
            f"{counted(count, 'class folder holds', 'class folders hold')} no images: {some(report.empty_classes)}.",
            "Empty classes are left out; add photographs, or remove the folder.",
        )
    if report.conflicts:
        yield Problem(
            f"{counted(len(report.conflicts), 'image lies', 'images lie')} in more than one class, byte for byte: "
            f"{some(_equations(report.conflicts))}.",
            "At most one label can be right; keep the copy in the right class and remove the others.",
        )
    copies = [group for group in report.duplicates if group not in report.conflicts]
    if copies:
        count = sum(len(group) - 1 for group in copies)
        yield Problem(
            f"{counted(count, 'image is a byte-identical copy', 'images are byte-identical copies')} of another in its "
            f"class: {some(_equations(copies))}.",
            "With data.groups=auto copies never stand on two sides of the split; remove them all the same, for they "
            "teach nothing new.",
        )
    if report.imbalance > MAX_IMBALANCE:
        counts = {label: count for label, count in report.usable_counts.items() if count}
        largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        yield Problem(
            f"The classes are uneven: {largest} has {counts[largest]:,} usable images, {smallest} {counts[smallest]:,} "
            f"({report.imbalance:.1f} times as many).",
            "Add photographs to the small classes; meanwhile training.class_weights=auto weighs them up.",
        )


def _about_near_copies(report: CheckReport) -> Iterable[Problem]:
    if report.near_conflicts:
        count = len(report.near_conflicts)
        yield Problem(
            f"{counted(count, 'picture lies', 'pictures lie')} in more than one class, stored anew: "
            f"{some(_equations(report.near_conflicts))}.",
            "At most one label can be right; keep the copy in the right class and remove the others.",
        )
    if report.near_duplicate_share >= MANY_NEAR_DUPLICATES:
        first = report.near_duplicates[0]
        yield Problem(
            f"{report.near_duplicate_share:.0%} of the images look almost like another, as frames of one video do, in "
            f"{counted(len(report.near_duplicates), 'group', 'groups')}; the first is {some(first)}.",
            "data.groups=auto keeps such images on one side of the split, a random split would test on what was "
            "learned; they teach little that is new, so add photographs of other people, days and rooms.",
        )


def _equations(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return [" = ".join(group) for group in groups]
