"""What lies in a folder of photographs: one folder a class, images anywhere below it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handshape.errors import DataError
from handshape.images import EXTENSIONS

_LEFT_BY_SYSTEMS = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})
_PART_WORDS = re.compile(r"(?<![a-z])(?:(train|training)|test|testing|val|valid|validation)(?![a-z])")
_LAYOUT = "one folder a class, with its images inside: DATA/A/1.jpg, DATA/B/2.jpg …"

Identity = tuple[int, int]  # device and inode: the same folder under whatever name


@dataclass(frozen=True)
class Sample:
    """One image and the class it shows.

    Attributes:
        path: where it is, relative to the folder, with forward slashes.
        label: its class.
    """

    path: str
    label: str


@dataclass(frozen=True)
class ImageFolder:
    """What a folder of photographs holds, by its names; no image has been opened.

    Attributes:
        root: the folder.
        classes: every class folder in natural order ("2" before "10"), the empty ones too.
        samples: every image by name, class by class.
        strays: files that are left out: no image by name, outside the class folders, or with unreadable names.
    """

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    strays: tuple[str, ...]

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """Class folders without a single image."""
        return tuple(label for label, count in self.counts().items() if count == 0)

    def counts(self) -> dict[str, int]:
        """Images a class, in the order of the classes."""
        found = Counter(sample.label for sample in self.samples)
        return {label: found[label] for label in self.classes}

    def file(self, sample: Sample) -> Path:
        """Where the sample lies on disk."""
        return self.root / sample.path


def list_samples(root: Path) -> ImageFolder:
    """The classes and images of a folder. Hidden files and those that systems leave behind are passed over.

    Linked folders are followed, but never back into a folder that is being read.

    Raises:
        DataError: the folder is missing, is a file, cannot be read or holds no class folders.
    """
    entries = _root_entries(root)
    folders = [entry for entry in entries if _is_folder(entry)]
    if not folders:
        raise _no_classes(root, entries)
    _refuse_parts(root, folders)
    samples: list[Sample] = []
    strays = [entry.name for entry in entries if _is_image(entry)]
    for folder in folders:
        if not _is_text(folder.name):
            raise _bad_class_name(folder.name)
        for path, is_image in _files_below(folder.path, folder.name, frozenset({_identity(root)})):
            if is_image and _is_text(path):
                samples.append(Sample(path, folder.name))
            else:
                strays.append(path)
    classes = tuple(folder.name for folder in folders)
    return ImageFolder(root, classes, tuple(samples), tuple(_printable(path) for path in strays))


def subfolders(folder: Path) -> tuple[str, ...]:
    """Names of the folders right below, in natural order.

    Raises:
        DataError: the folder cannot be read.
    """
    return tuple(entry.name for entry in _entries(folder) if _is_folder(entry))


def match_class_names(classes: Sequence[str], class_names: Sequence[str]) -> dict[str, int]:
    """The model's number of each class it knows: the same name, else the only one that differs just in case."""
    exact = {label: number for number, label in enumerate(class_names)}
    folded: dict[str, list[int]] = {}
    for number, label in enumerate(class_names):
        folded.setdefault(label.casefold(), []).append(number)
    known = {}
    for name in classes:
        alike = folded.get(name.casefold(), [])
        if name in exact:
            known[name] = exact[name]
        elif len(alike) == 1 and class_names[alike[0]] not in classes:
            known[name] = alike[0]
    return known


def list_images(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are; folders as the images anywhere below them, but for hidden ones and those of systems."""
    for path in paths:
        if not _is_directory(path):
            yield path
            continue
        found = [path.parent / name for name, is_image in _files_below(str(path), path.name, frozenset()) if is_image]
        yield from found or [path]  # reading an empty folder then says what is wrong, and the others still run


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts "2" before "10" and capitals before small letters."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(piece), piece) if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces)


def _root_entries(root: Path) -> list[os.DirEntry[str]]:
    if not root.exists():
        near = next((parent for parent in root.absolute().parents if parent.exists()), root)
        raise DataError(
            f"There is no folder {root}.",
            _LAYOUT,
            f"Check the spelling; the part that exists is {near}. 'handshape sample OUT' draws a practice set.",
        )
    if not root.is_dir():
        raise DataError(f"{root} is a file.", f"a folder: {_LAYOUT}", _unpack_hint(root))
    return _entries(root)


def _unpack_hint(root: Path) -> str:
    if root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        return "Unpack it first, then name the folder that holds the class folders."
    return f"Name the folder that holds the class folders, perhaps {root.absolute().parent.parent}."


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What lies in a folder, in natural order, without hidden and system files."""
    try:
        with os.scandir(folder) as found:
            kept = [entry for entry in found if not _is_passed_over(entry.name)]
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise DataError(
            f"The folder {folder} cannot be read: {cause}.",
            "a folder that you may list and read",
            "Change its permissions, or copy the photographs to a folder of your own.",
        ) from None
    return sorted(kept, key=lambda entry: natural_key(entry.name))


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFT_BY_SYSTEMS


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # reading it then says what is wrong
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    """By name; a broken link counts, so that it is reported, but a pipe would be read for ever."""
    if Path(entry.name).suffix.lower() not in EXTENSIONS:
        return False
    try:
        return entry.is_symlink() or entry.is_file()
    except OSError:
        return False


def _no_classes(root: Path, entries: list[os.DirEntry[str]]) -> DataError:
    images = sum(_is_image(entry) for entry in entries)
    if images:
        return DataError(
            f"{root} holds {images} images but no class folders.",
            _LAYOUT,
            f"Move the images of each sign into a folder of its name; if {root} is itself one class, "
            f"name the folder above it: {root.absolute().parent}",
        )
    return DataError(
        f"{root} holds no class folders.",
        _LAYOUT,
        "Make a folder for each sign and put its photographs inside; 'handshape sample OUT' draws a practice set.",
    )


def _refuse_parts(root: Path, folders: list[os.DirEntry[str]]) -> None:
    """Folders named train, test … that hold folders are parts of a data set, not classes."""
    words = [_PART_WORDS.search(folder.name.lower()) for folder in folders]
    if not all(words):
        return
    training = [folder.name for folder, word in zip(folders, words, strict=True) if word and word.group(1)]
    if training and subfolders(root / training[0]):
        raise DataError(
            f"{root} holds parts of a data set ({', '.join(folder.name for folder in folders)}), not classes.",
            _LAYOUT,
            f"Name the part to use, for example {root / training[0]}; the program splits it itself.",
        )


def _bad_class_name(name: str) -> DataError:
    return DataError(
        f"The name of the class folder '{_printable(name)}' is not readable text.",
        "names in UTF-8",
        "Rename the folder.",
    )


def _files_below(folder: str, relative: str, above: frozenset[Identity]) -> Iterator[tuple[str, bool]]:
    """Each file as (path relative to the root, whether its name says image)."""
    here = _identity(folder)
    if here in above:
        return
    for entry in _entries(folder):
        path = f"{relative}/{entry.name}"
        if _is_folder(entry):
            yield from _files_below(entry.path, path, above | {here})
        else:
            yield path, _is_image(entry)


def _identity(folder: Path | str) -> Identity:
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def _is_text(name: str) -> bool:
    """Whether the name is UTF-8; other bytes can be neither printed nor written to a CSV file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
