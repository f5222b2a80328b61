"""A bundle as one zip to pass on, and bundles from elsewhere, each kept once in the cache under its checksum."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from handshape.downloads import ANOTHER_CACHE, cache_folder, file_sha256
from handshape.errors import HandshapeError, ModelError
from handshape.export.manifest import MANIFEST, damaged, read_manifest
from handshape.files import atomic_folder, atomic_write, cannot_read, why

MAX_MANIFEST, MAX_BUNDLE = 4 << 20, 2 << 30  # bytes; a bundle comes to about 30 MB
CHUNK = 1 << 20
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same bytes, whenever it is packed


def pack(folder: Path, names: Iterable[str], target: Path) -> None:
    """Writes the named files of a folder as one zip, whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    with (
        atomic_write(target, "name another file") as fresh,
        zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in names:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with (folder / name).open("rb") as file, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(file, packed, CHUNK)


def unpack(file: Path) -> Path:
    """The folder in the cache with the bundle of a zip.

    Only what the manifest names is taken out, so nothing can be written anywhere else.

    Raises:
        ModelError: it is no zip of a bundle, is damaged, or is larger than any bundle.
        RunError: the cache cannot be written.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            place = _manifest_in(archive, file)
            with archive.open(str(place)) as stream:
                manifest = stream.read(MAX_MANIFEST)
            return keep(manifest, lambda name: archive.open(str(place.with_name(name))), file)
    except HandshapeError:
        raise
    except PermissionError as error:
        raise cannot_read(file, error) from None
    except Exception as error:  # a damaged zip fails in as many ways as there are compressions
        raise _not_packed(file, why(error)) from None


def keep(manifest: bytes, open_file: Callable[[str], IO[bytes]], where: Path | str) -> Path:
    """The folder in the cache with a bundle from elsewhere; it is fetched once, and verified before it is there.

    Args:
        manifest: the content of its manifest.
        open_file: opens a file that the manifest names; KeyError or FileNotFoundError where there is none.
        where: it comes from, for messages.

    Raises:
        ModelError: damaged, of a newer format, or larger than any bundle.
        RunError: the cache cannot be written.
        Exception: whatever the files raise when they are read.
    """
    details = read_manifest(manifest, where)
    files: dict[str, str] = details["files"]
    folder = cache_folder() / "bundles" / details["sha256"]
    is_there = partial(_is_whole, folder, manifest, files)
    if is_there():
        return folder
    try:
        with atomic_folder(folder, ANOTHER_CACHE, stays=is_there) as fresh:
            _fetch(files, open_file, fresh, where)
            (fresh / MANIFEST).write_bytes(manifest)
    except _SourceError as error:
        raise error.cause from None
    return folder


def _manifest_in(archive: zipfile.ZipFile, file: Path) -> PurePosixPath:
    """At the top, or in the one folder that somebody zipped."""
    places = [PurePosixPath(name) for name in archive.namelist()]
    found = [place for place in places if place.name == MANIFEST and len(place.parts) <= 2]
    if not found:
        raise _not_packed(file, f"there is no {MANIFEST} in it")
    return min(found, key=lambda place: len(place.parts))


def _fetch(files: dict[str, str], open_file: Callable[[str], IO[bytes]], folder: Path, where: Path | str) -> None:
    room = MAX_BUNDLE
    for name, sha256 in files.items():
        with (folder / name).open("xb") as target:
            for chunk in _chunks(open_file, name, where):
                room -= len(chunk)
                if room < 0:
                    raise damaged(where, name, f"brings it above {MAX_BUNDLE >> 30} GB")
                target.write(chunk)
        if file_sha256(folder / name) != sha256:
            raise damaged(where, name, "has changed since it was written")


def _chunks(open_file: Callable[[str], IO[bytes]], name: str, where: Path | str) -> Iterator[bytes]:
    try:
        with open_file(name) as source:
            while chunk := source.read(CHUNK):
                yield chunk
    except (KeyError, FileNotFoundError):
        raise damaged(where, name, "is missing") from None
    except Exception as error:
        raise _SourceError(error) from None


class _SourceError(Exception):
    """Reading went wrong, and no OSError of it may be taken for one of writing."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


def _is_whole(folder: Path, manifest: bytes, files: dict[str, str]) -> bool:
    try:
        return (folder / MANIFEST).read_bytes() == manifest and all(
            file_sha256(folder / name) == sha256 for name, sha256 in files.items()
        )
    except OSError:  # missing, or not to be read: it is fetched anew
        return False


def _not_packed(file: Path, reason: str) -> ModelError:
    return ModelError(
        f"{file} is not a bundle: {reason}.",
        "a zip that handshape models pack wrote",
        "Get the file again from where it came.",
    )
