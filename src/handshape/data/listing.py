"""The one way in which folders are listed: what is an image by its name, what is passed over, what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from handshape.data.names import natural_key
from handshape.errors import DataError
from handshape.images import EXTENSIONS

_LEFT_BY_SYSTEMS = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "__pycache__", "lost+found"),
        *("@eadir", "#recycle", "$recycle.bin", "system volume information"),
    }
)
_LEFT_BESIDE_FILES = (":zone.identifier", ":zone.identifier:$data", "zone.identifier")  # Windows' mark of downloads

Identity = tuple[int, int]  # device and inode: the same folder under whatever name


def entries_of(folder: Path | str) -> list[os.DirEntry[str]]:
    """What lies in a folder, in natural order, without hidden files and those that systems leave behind.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            kept = [entry for entry in found if not is_passed_over(entry.name)]
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise DataError(
            f"The folder {folder} cannot be read: {cause}.",
            "a folder that you may list and read",
            "Change its permissions, or copy the photographs to a folder of your own.",
        ) from None
    return sorted(kept, key=lambda entry: natural_key(entry.name))


def files_below(folder: Path | str, above: frozenset[Identity] = frozenset()) -> Iterator[tuple[str, bool]]:
    """Each file anywhere below a folder: its path relative to it, and whether its name says image.

    Linked folders are followed, but never back into a folder that is being read.

    Args:
        folder: where to begin.
        above: folders that are being read already.

    Raises:
        DataError: a folder cannot be read.
    """
    here = identity(folder)
    if here in above:
        return
    for entry in entries_of(folder):
        if is_folder(entry):
            for path, says_image in files_below(entry.path, above | {here}):
                yield f"{entry.name}/{path}", says_image
        else:
            yield entry.name, is_image(entry)


def is_passed_over(name: str) -> bool:
    """Whether a file or folder is hidden, or left behind by a system."""
    folded = name.lower()
    return name.startswith(".") or folded in _LEFT_BY_SYSTEMS or folded.endswith(_LEFT_BESIDE_FILES)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_image(entry: os.DirEntry[str]) -> bool:
    """By name. A broken link or a pipe is one too, so that it is reported; what reads files opens no pipe."""
    return PurePath(entry.name).suffix.lower() in EXTENSIONS and not is_folder(entry)


def identity(folder: Path | str) -> Identity:
    """What a folder is, under whatever name."""
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def is_text(name: str) -> bool:
    """Whether the name is UTF-8; other bytes can be neither printed nor written to a CSV file."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """The name as it can be written anywhere."""
    return name.encode("utf-8", "backslashreplace").decode()
