"""What lies in a folder of photographs: one folder a class, images anywhere below it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from handshape.data.label_table import LABELS_FILE, Corrections, corrections_of
from handshape.data.layout import EXPECTED, Layout, Use
from handshape.data.listing import entries_of, files_below, identity, is_folder, is_image, is_text, printable
from handshape.data.messages import counted, left_out_in_words, some
from handshape.data.names import alike_names, label_of, match_class_names, natural_key
from handshape.data.pixel_table import is_pixel_table, pictures_command
from handshape.errors import DataError, HandshapeError
from handshape.suggestions import did_you_mean_path

__all__ = [
    "FoundImages",
    "ImageFolder",
    "Sample",
    "find_images",
    "inner_folder",
    "list_images",
    "list_samples",
    "match_class_names",
    "natural_key",
]

# fmt: off
PAPERS = frozenset({  # what people keep beside class folders, and nobody takes for photographs
    ".csv", ".tsv", ".txt", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".xml",
    ".html", ".htm", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".odt", ".py", ".ipynb", ".m", ".r", ".sh",
    ".bat", ".log", ".bib",
})
# fmt: on
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class Sample:
    """One image and the class it shows.

    Attributes:
        path: where it is, relative to the folder, with forward slashes, as the disk spells it.
        label: its class, as :func:`~handshape.data.names.label_of` spells it: that of the folder it lies in, unless the
            folder's ``labels.csv`` says another.
    """

    path: str
    label: str


@dataclass(frozen=True)
class ImageFolder:
    """What a folder of photographs holds, by its names; no image has been opened.

    Attributes:
        root: the folder.
        classes: every class in natural order ("2" before "10"), those without an image too.
        samples: every image by name, class by class.
        strays: files that are left out: no image by name, outside the class folders, or with unreadable names.
        beside: papers that lie beside the class folders, such as README.md.
        alike: groups of class folders whose names people read alike, such as those that differ in case alone.
        note: what is odd about the layout; "" where nothing.
        corrections: what ``labels.csv`` says of the samples; they are as it says.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    strays: tuple[str, ...]
    beside: tuple[str, ...] = ()
    alike: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    corrections: Corrections = field(default_factory=Corrections)

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """Classes without a single image."""
        return tuple(label for label, count in self.counts().items() if count == 0)

    def counts(self) -> dict[str, int]:
        """Images a class, in the order of the classes."""
        found = Counter(sample.label for sample in self.samples)
        return {label: found[label] for label in self.classes}

    def file(self, sample: Sample) -> Path:
        """Where the sample lies on disk."""
        return self.root / sample.path


@dataclass(frozen=True)
class FoundImages:
    """What stands for the images that somebody named.

    Attributes:
        files: those to read, in the order in which they were named, and whatever files were named.
        left_out: files of these folders that are no images by their names.
        failed: what is wrong with each folder that holds no image or cannot be read.
    """

    files: tuple[Path, ...]
    left_out: tuple[Path, ...]
    failed: tuple[tuple[Path, HandshapeError], ...]


def list_samples(root: Path, use: Use = "train", groups: str = "auto", known: Sequence[str] = ()) -> ImageFolder:
    """The classes and images of a folder. Hidden files and those that systems leave behind are passed over.

    Linked folders are followed, but never back into a folder that is being read. Labels are as the folder's
    ``labels.csv`` says, where there is one.

    Args:
        root: the folder.
        use: what for: of a set in parts, the training part is proposed, or the test part.
        groups: who signed what, as the setting data.groups: "folder" says that folders within classes are people.
        known: names of classes, where a model knows some; what is called so is a class.

    Raises:
        DataError: the folder is missing, is a file, cannot be read, or holds something else than class folders; its
            ``labels.csv`` names what is not there.
        SettingsError: its ``labels.csv`` is not text.
    """
    entries = _root_entries(root)
    folders = [entry for entry in entries if is_folder(entry)]
    if not folders:
        raise _no_classes(root, [entry.name for entry in entries], sum(map(is_image, entries)))
    samples: list[Sample] = []
    loose = [entry.name for entry in entries if not is_folder(entry)]
    strays = [name for name in loose if not _is_paper(name) or not (root / name).exists()]
    for folder in folders:
        label = label_of(folder.name)
        if not label or not is_text(folder.name):
            raise _bad_class_name(folder.path)
        for below, says_image in files_below(folder.path, frozenset({identity(root)})):
            path = f"{folder.name}/{below}"
            if says_image and is_text(path):
                samples.append(Sample(path, label))
            else:
                strays.append(path)
    names = [folder.name for folder in folders]
    note = Layout(root, (sample.path for sample in samples)).require_classes(use, groups, known)
    order = {label: number for number, label in enumerate(dict.fromkeys(map(label_of, names)))}
    corrections = corrections_of(root, samples, tuple(order))
    read = {*strays, *((LABELS_FILE,) if corrections.table else ())}
    return ImageFolder(
        root,
        tuple(order),
        # a class may have two folders, and images that lie in those of others
        tuple(sorted(_corrected(samples, corrections), key=lambda sample: order[sample.label])),
        tuple(map(printable, strays)),
        tuple(printable(name) for name in loose if name not in read),
        alike_names(names),
        note,
        corrections,
    )


def inner_folder(folder: ImageFolder, use: Use = "train") -> Path | None:
    """The folder below that holds the classes, where people named the one above it."""
    return Layout(folder.root, (sample.path for sample in folder.samples)).inner_folder(use)


def find_images(paths: Sequence[Path]) -> FoundImages:
    """Files as they are; folders as the images anywhere below them, listed as class folders are."""
    files: list[Path] = []
    left_out: list[Path] = []
    failed: list[tuple[Path, HandshapeError]] = []
    for path in paths:
        if not _is_directory(path):
            files.append(path)
            continue
        try:
            below = [(path / name, says_image) for name, says_image in files_below(path)]
        except DataError as error:
            failed.append((path, error))
            continue
        images = [file for file, says_image in below if says_image]
        others = [file for file, says_image in below if not says_image]
        if images:
            files += images
            left_out += others
        else:
            failed.append((path, _no_images(path, others)))
    return FoundImages(tuple(files), tuple(left_out), tuple(failed))


def list_images(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files of :func:`find_images`."""
    return find_images(paths).files


def _corrected(samples: Sequence[Sample], corrections: Corrections) -> list[Sample]:
    left_out = set(corrections.left_out)
    return [
        replace(sample, label=corrections.moved.get(sample.path, sample.label))
        for sample in samples
        if sample.path not in left_out
    ]


def _root_entries(root: Path) -> list[os.DirEntry[str]]:
    if not root.exists():
        near = next((parent for parent in root.absolute().parents if parent.exists()), root)
        raise DataError(
            f"There is no folder {root}.",
            EXPECTED,
            did_you_mean_path(root)
            or f"Check the spelling; the part that exists is {near}. 'handshape sample OUT' draws a practice set.",
        )
    if not root.is_dir():
        raise DataError(f"{root} is a file.", f"a folder: {EXPECTED}", _file_hint(root))
    return entries_of(root)


def _file_hint(root: Path) -> str:
    if root.suffix.lower() in ARCHIVES:
        return "Unpack it first, then name the folder that holds the class folders."
    if is_pixel_table(root):
        return f"It is a table of pixels; make pictures of it: {pictures_command(root)}"
    return f"Name the folder that holds the class folders, perhaps {root.absolute().parent.parent}."


def _is_paper(name: str) -> bool:
    return PurePath(name).suffix.lower() in PAPERS or "." not in name


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # reading it then says what is wrong
        return False


def _no_classes(root: Path, names: Sequence[str], images: int) -> DataError:
    """What to tell of a folder without folders."""
    papers = [name for name in names if _is_paper(name)]
    table = next((root / name for name in papers if is_pixel_table(root / name)), None)
    if table:
        return DataError(
            f"{root} holds no class folders but a table of pixels, {table.name}.",
            EXPECTED,
            f"Make pictures of it: {pictures_command(table)}",
        )
    if images:
        fix = f"Move the images of each sign into a folder of its name; if {root} is itself one class, name the folder "
        fix += f"above it: {root.absolute().parent}"
        if papers:
            fix += f". What {some(papers)} may say of them is not read."
        return DataError(f"{root} holds {counted(images, 'image', 'images')} but no class folders.", EXPECTED, fix)
    archives = [name for name in names if PurePath(name).suffix.lower() in ARCHIVES]
    if archives:
        fix = f"Unpack {some(archives)} first."
    else:
        fix = "Make a folder for each sign and put its photographs inside; 'handshape sample OUT' draws a practice set."
    return DataError(f"{root} holds no class folders.", EXPECTED, fix)


def _bad_class_name(folder: str) -> DataError:
    what = "not readable text" if PurePath(folder).name.strip() else "blank"
    return DataError(
        f"The name of the class folder '{printable(folder)}' is {what}.", "names in UTF-8", "Rename the folder."
    )


def _no_images(folder: Path, others: Sequence[Path]) -> DataError:
    if not others:
        return DataError(f"{folder} holds no images.", fix="Name images, or a folder that holds some.")
    return DataError(
        f"{folder} holds no images, but {left_out_in_words([str(file) for file in others])}",
        fix="Name images, or a folder that holds some.",
    )
