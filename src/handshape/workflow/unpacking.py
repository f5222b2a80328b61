"""Photographs in an archive or folder from elsewhere: listed and read within limits, whatever their names say."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from handshape.data.listing import files_below
from handshape.errors import DataError, DownloadError
from handshape.files import in_megabytes, read_regular, why

MOST_FILES = 200_000  # in an archive or folder; the largest set here has 87,029
MOST_BYTES = 20_000_000  # of a file; a photograph of a telephone takes half as many
MOST_TOGETHER = 4_000_000_000  # bytes of all that is unpacked; the largest set here takes a quarter of it
ENTRY_BYTES = 150  # of a zip's directory that a file takes: 46, its name and what else is known of it
END, END_SIZE, ZIP64_END_SIZE, COMMENT = b"PK\x05\x06", 22, 56, 1 << 16  # of a zip's last record


@dataclass(frozen=True)
class Packed:
    """A file that may be unpacked.

    Attributes:
        path: within its archive or folder, with forward slashes.
        size: in bytes, as the archive says.
        read: its bytes; DownloadError where it is damaged or larger than it says.
    """

    path: str
    size: int
    read: Callable[[], bytes]


@contextmanager
def opened(source: Path) -> Iterator[list[Packed]]:
    """The files of a zip, or the images of a folder; none has been read.

    Raises:
        DataError: there is nothing, or nothing that may be read.
        DownloadError: it is no zip, is damaged, holds too many files, or leads out of its folder.
    """
    if source.is_dir():
        yield _in_folder(source)
        return
    try:
        _require_small_directory(source)
        archive = zipfile.ZipFile(source)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {why(error)}.", "a zip, or a folder", "Check the path.") from None
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise DownloadError(f"{source} is not a whole zip: {why(error)}.", fix="Fetch it again.") from None
    with archive:
        yield _in_zip(archive, source)


def require_room_for(files: list[Packed], source: object) -> int:
    """The bytes that files take together.

    Raises:
        DownloadError: one is, or all are, larger than photographs are.
    """
    largest, together = max((file.size for file in files), default=0), sum(file.size for file in files)
    for size, most, what in ((largest, MOST_BYTES, "a file"), (together, MOST_TOGETHER, "files")):
        if size > most:
            raise DownloadError(
                f"{source} holds {what} of {in_megabytes(size)}; nothing was unpacked.",
                f"at most {in_megabytes(most)}",
                "Get it again from where it is published.",
            )
    return together


def _in_folder(folder: Path) -> list[Packed]:
    files: list[Packed] = []
    for path, says_image in files_below(folder):
        if says_image:
            files.append(Packed(path, (folder / path).stat().st_size, partial(_read_file, folder / path)))
            _require_few(len(files), folder)
    return files


def _read_file(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DownloadError(f"{path} cannot be read: {why(error)}.", fix="Fetch the set again.") from None


def _in_zip(archive: zipfile.ZipFile, source: Path) -> list[Packed]:
    entries = archive.infolist()
    _require_few(len(entries), source)
    for entry in entries:
        if not _stays_inside(entry):
            name = entry.orig_filename
            raise DownloadError(
                f"{source} holds a file that does not belong in a folder: {name!r}; nothing was unpacked.",
                "files below one folder, and no links",
                "Get it again from where it is published.",
            )
    files = (entry for entry in entries if not entry.is_dir())
    return [Packed(each.filename, each.file_size, partial(_read_entry, archive, each, source)) for each in files]


def _stays_inside(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a plain file or folder whose path, on any system, stays where it is unpacked."""
    name = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    windows = PureWindowsPath(name)
    return (
        kind in (0, stat.S_IFREG, stat.S_IFDIR)
        and not ("\\" in name or "\0" in name or windows.drive or windows.root)
        and ".." not in PurePosixPath(name).parts
    )


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: Path) -> bytes:
    """The bytes of an entry: no more than it says, so that nothing unpacks to more than was counted."""
    try:
        with archive.open(entry) as stream:
            content = stream.read(entry.file_size + 1)
            if len(content) == entry.file_size:
                return content
            reason = "it has another size than it says"
    except Exception as error:  # a damaged zip fails in as many ways as there are compressions
        reason = why(error)
    raise DownloadError(f"{entry.filename} in {source} is damaged: {reason}.", "a whole zip", "Fetch it again.")


def _require_few(files: int, source: Path) -> None:
    if files > MOST_FILES:
        raise DownloadError(
            f"{source} holds too many files; nothing was unpacked.",
            f"at most {MOST_FILES:,}",
            "Get it again from where it is published.",
        )


def _require_small_directory(source: Path) -> None:
    """Passes where the directory of a zip is small enough to be read: Python takes all of it into memory at once."""
    with source.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - COMMENT - END_SIZE - ZIP64_END_SIZE))
        tail = file.read()
    place = tail.rfind(END)
    if place < 0:
        raise zipfile.BadZipFile("the end is missing")
    (size,) = struct.unpack_from("<L", tail, place + 12)
    if size == 0xFFFFFFFF:  # zip64: the record before the 20 bytes that lead to it
        (size,) = struct.unpack_from("<Q", tail, place - 20 - ZIP64_END_SIZE + 40)
    _require_few(size // ENTRY_BYTES, source)
