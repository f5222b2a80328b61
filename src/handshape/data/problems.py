"""What is wrong with the photographs, and what to do about it, in plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from handshape.data.check_report import CheckReport, Paths, Problem
from handshape.data.messages import counted, endings, some, what_to_do_with
from handshape.data.names import label_of, told_apart
from handshape.data.reading import TINY_SIDE
from handshape.data.samples import ImageFolder, inner_folder

MAX_IMBALANCE = 3.0
MIN_NEAR_DUPLICATES = 0.1  # of all images; fewer hardly change what a test says
MIN_SIGNERS = 3  # one each for training, validation and test
MIN_TINY_SHARE = 0.5  # of the images: the set is one of small pictures
MAX_COPIES = 4  # named of each picture
MIN_EVERYWHERE, MIN_EVERYWHERE_SHARE = 3, 0.5  # classes, and their share: no sign is photographed so
MIN_IMAGES = 3  # so that training, validation and test can each have one


def find_problems(report: CheckReport, folder: ImageFolder, least_classes: int = 2) -> tuple[Problem, ...]:
    """The problems behind the figures of a report on a folder, those that prevent training first.

    Args:
        report: the figures.
        folder: what was read.
        least_classes: that can be trained on; one, where classes without photographs join it.
    """
    return (
        *_fatal(report, folder, least_classes),
        *_about_names(folder),
        *_about_files(report),
        *_about_pictures(report),
        *_about_classes(report),
        *_about_near_copies(report),
    )


def _fatal(report: CheckReport, folder: ImageFolder, least_classes: int) -> Iterable[Problem]:
    counts = report.usable_counts
    if not report.usable_classes:
        yield Problem("There is not one usable image.", "Add photographs, in one folder a class.", fatal=True)
        return
    if len(report.usable_classes) < least_classes:
        yield Problem(
            f"Only one class has usable images: {report.usable_classes[0]}.", _second_class(folder), fatal=True
        )
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


def _second_class(folder: ImageFolder) -> str:
    """People often name the folder above the one that holds the classes."""
    inner = inner_folder(folder)
    if inner is not None:
        return f"It holds folders itself; if those are the classes, use {inner}."
    return "Add a folder with photographs of another sign."


def _about_names(folder: ImageFolder) -> Iterable[Problem]:
    if folder.note:
        yield Problem(folder.note, "")
    for names in folder.alike:
        told = ", ".join(map(told_apart, names))
        labels = tuple(dict.fromkeys(map(label_of, names)))
        if len(labels) == 1:
            yield Problem(
                f"{len(names)} folders are one class, for their names differ only in spaces or in how accents are "
                f"stored: {told}.",
                f"Their images are taken together as {labels[0]}; put them into one folder.",
            )
        else:
            yield Problem(
                f"{len(names)} class folders have names that people read alike: {told}.",
                "They are learned as different signs; if they are one, put their images into one folder.",
            )


def _about_files(report: CheckReport) -> Iterable[Problem]:
    if report.reasons:
        named = some([f"{path}: {reason.removeprefix('is ')}" for path, reason in report.reasons.items()], between="; ")
        yield Problem(
            f"{counted(len(report.reasons), 'image', 'images')} of {report.images:,} cannot be used ({named}).",
            "What cannot be used is left out; copy it from its source again, or remove it.",
        )
    if report.strays:
        yield Problem(
            f"{counted(len(report.strays), 'file does', 'files do')} not have the name of an image or lie outside the "
            f"class folders ({endings(report.strays)}): {some(report.strays)}.",
            f"Such files are left out; {what_to_do_with(report.strays) or 'save photographs as JPEG or PNG'}, inside a "
            "class folder.",
        )
    if report.misnamed:
        yield Problem(
            f"{counted(len(report.misnamed), 'image is', 'images are')} of another format than the name says: "
            f"{some(report.misnamed)}.",
            "Such images are used all the same; rename them, because other programs may refuse them.",
        )


def _about_pictures(report: CheckReport) -> Iterable[Problem]:
    """What the pictures themselves are, where that is the cause of what goes wrong with them."""
    if len(report.tiny) > MIN_TINY_SHARE * report.usable:
        yield Problem(
            f"{counted(len(report.tiny), 'image has', 'images have')} a side under {TINY_SIDE} pixels, most of the "
            "set: it is one of small pictures, as Sign MNIST is.",
            "In so few pixels no hand is found, so whole images are learned, and photographs will not be recognised "
            "by it; look for the set in its original size.",
        )
    elif report.tiny:
        yield Problem(
            f"{counted(len(report.tiny), 'image has', 'images have')} a side under {TINY_SIDE} pixels: "
            f"{some(report.tiny)}.",
            "Such images are used, but hardly show fingers; replace them by larger ones.",
        )
    traits = report.traits
    if traits.blank:
        yield Problem(
            f"{counted(len(traits.blank), 'image shows', 'images show')} one colour and nothing else: "
            f"{some(traits.blank)}.",
            "Such images teach nothing; see whether the camera was covered or a conversion failed, and remove them.",
        )
    if traits.faint:
        yield Problem(
            f"{counted(len(traits.faint), 'image uses', 'images use')} only {_span(traits.faint.values())} of 256 grey "
            f"levels: {some(tuple(traits.faint))}.",
            "Masks and depth images saved with 8 bits look so: save them over the whole range.",
        )
    if traits.stretched:
        yield Problem(
            f"{counted(len(traits.stretched), 'image is', 'images are')} stored with 16 bits, of which "
            f"{_span(traits.stretched.values())} of 256 grey levels would be left, as of depth images: "
            f"{some(tuple(traits.stretched))}.",
            "Each is stretched over the whole range by its own darkest and brightest values, here, in training and "
            "when it is recognised; save them so yourself if distances must stay comparable.",
        )
    if traits.two_tone:
        yield Problem(
            f"{counted(len(traits.two_tone), 'image is', 'images are')} black and white without grey: "
            f"{some(traits.two_tone)}.",
            "In thresholded pictures and drawings hands are seldom found; use the photographs that they were made of.",
        )
    if traits.sequences:
        yield Problem(
            f"{counted(len(traits.sequences), 'file holds', 'files hold')} several frames or pages: "
            f"{some(traits.sequences)}.",
            "The first of each is taken; save the others as images of their own, if they show the sign.",
        )


def _about_classes(report: CheckReport) -> Iterable[Problem]:
    if report.empty_classes:
        count = len(report.empty_classes)
        yield Problem(
            f"{counted(count, 'class folder holds', 'class folders hold')} no images: {some(report.empty_classes)}.",
            "Empty classes are left out; add photographs, or remove the folder.",
        )
    everywhere, conflicts = _everywhere(report, report.conflicts)
    yield from everywhere
    if conflicts:
        yield Problem(
            f"{counted(len(conflicts), 'image lies', 'images lie')} in more than one class, byte for byte: "
            f"{some(_equations(report, conflicts))}.",
            "At most one label can be right; keep the copy in the right class and remove the others.",
        )
    copies = [group for group in report.duplicates if group not in report.conflicts]
    if copies:
        count = sum(len(group) - 1 for group in copies)
        yield Problem(
            f"{counted(count, 'image is a byte-identical copy', 'images are byte-identical copies')} of another in its "
            f"class: {some(_equations(report, copies))}.",
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
    everywhere, conflicts = _everywhere(report, report.near_conflicts)
    yield from everywhere
    if conflicts:
        yield Problem(
            f"{counted(len(conflicts), 'picture lies', 'pictures lie')} in more than one class, stored anew: "
            f"{some(_equations(report, conflicts))}.",
            "At most one label can be right; keep the copy in the right class and remove the others.",
        )
    if report.near_duplicate_share >= MIN_NEAR_DUPLICATES:
        first = report.near_duplicates[0]
        yield Problem(
            f"{report.near_duplicate_share:.0%} of the images look almost like another, as frames of one video do, in "
            f"{counted(len(report.near_duplicates), 'group', 'groups')}; the first is {some(first)}.",
            "data.groups=auto keeps such images on one side of the split, a random split would test on what was "
            "learned; they teach little that is new, so add photographs of other people, days and rooms.",
        )


def _everywhere(report: CheckReport, groups: Iterable[Paths]) -> tuple[list[Problem], list[Paths]]:
    """What to do about each picture that lies in very many classes, and the other groups of copies."""
    class_of = report.class_of
    many = max(MIN_EVERYWHERE, MIN_EVERYWHERE_SHARE * len(report.usable_classes))
    problems, others = [], []
    for group in groups:
        classes = len({class_of[path] for path in group})
        if classes < many:
            others.append(group)
            continue
        problems.append(
            Problem(
                f"One picture lies in {classes} of {len(report.usable_classes)} classes: {some(group)}.",
                "It is no photograph of a sign but a placeholder, a logo or what a failed download leaves: remove all "
                "its copies.",
            )
        )
    return problems, others


def _span(numbers: Collection[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _equations(report: CheckReport, groups: Iterable[Paths]) -> list[str]:
    """Each group as copies that equal one another, one of each class before a second one."""
    class_of = report.class_of
    equations = []
    for group in groups:
        firsts = {class_of[path]: path for path in reversed(group)}.values()
        copies = sorted(group, key=lambda path: path not in firsts)
        shown, more = copies[:MAX_COPIES], len(copies) - MAX_COPIES
        equations.append(" = ".join([*shown, f"{more:,} more"] if more > 0 else shown))
    return equations
