"""Where a registry lies: here in a folder, in ``remote`` behind a URL. Both keep the same files:

NAME/bundles/SHA256/      a bundle, named after its manifest's checksum
NAME/events/00000007.json what happened, in order
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from handshape.errors import ModelError, RunError
from handshape.export.bundle import Bundle, read_bundle
from handshape.files import cannot_read, cannot_write, sweep

VARIABLE = "HANDSHAPE_REGISTRY"
HIDDEN = "."  # what begins so is not finished, or no longer wanted


class Place(Protocol):
    """Files below one root, named by paths with slashes; as text, it is what a user calls it."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none where it is missing."""

    def read(self, files: Sequence[str]) -> list[bytes]:
        """The contents of files."""

    def create(self, file: str, content: bytes) -> bool:
        """Writes a new file, whole; False where it is there already."""

    def put(self, folder: str, bundle: Bundle) -> None:
        """Stores a bundle; nothing happens where it is there already, and whole."""

    def bundle(self, folder: str) -> Bundle:
        """A stored bundle, on this machine and verified."""

    def delete(self, folder: str) -> None:
        """Removes a bundle."""


class LocalPlace:
    """A folder. Everything appears there by one renaming or linking, so it is whole or not there at all.

    Raises:
        ModelError: it is a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with suppress(OSError):  # whoever reads or writes there says what is wrong
            if root.is_file():
                raise ModelError(f"The registry {root} is a file.", "a folder, or a URL", f"Set {VARIABLE} to one.")

    def __str__(self) -> str:
        return str(self.root)

    def names(self, folder: str) -> list[str]:
        """See :class:`Place`."""
        try:
            return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith(HIDDEN))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise cannot_read(self.root / folder, error) from None

    def read(self, files: Sequence[str]) -> list[bytes]:
        """See :class:`Place`."""
        return [_read(self.root / file) for file in files]

    def create(self, file: str, content: bytes) -> bool:
        """See :class:`Place`."""
        target = self.root / file
        partial = target.with_name(f".partial-{uuid4().hex}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            sweep(target.parent, f"{HIDDEN}*")
            _write(partial, content)
            _link(partial, target)
            return True
        except FileExistsError:
            return False
        except OSError as error:
            raise _refused(target, error) from None
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def put(self, folder: str, bundle: Bundle) -> None:
        """See :class:`Place`."""
        target = self.root / folder
        if _is_whole(target):
            return
        partial = target.with_name(f".partial-{uuid4().hex}")
        try:
            if target.exists():
                self.delete(folder)
            partial.mkdir(parents=True)
            sweep(partial.parent, f"{HIDDEN}*")
            for name in bundle.files:
                _write(partial / name, (bundle.folder / name).read_bytes())
            read_bundle(partial)
            _put_in_place(partial, target)
        except OSError as error:
            raise _refused(target, error) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def bundle(self, folder: str) -> Bundle:
        """See :class:`Place`."""
        return read_bundle(self.root / folder)

    def delete(self, folder: str) -> None:
        """See :class:`Place`."""
        gone = (self.root / folder).with_name(f".removed-{uuid4().hex}")
        with suppress(OSError):
            (self.root / folder).rename(gone)
            shutil.rmtree(gone)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise cannot_read(file, error) from None


def _refused(path: Path, error: OSError) -> RunError:
    return cannot_write(path, error, f"choose another place with {VARIABLE}")


def _put_in_place(partial: Path, target: Path) -> None:
    """Another program may have stored the same meanwhile."""
    try:
        partial.rename(target)
    except OSError:
        if not _is_whole(target):
            raise


def _is_whole(folder: Path) -> bool:
    try:
        return bool(read_bundle(folder))
    except ModelError:
        return False


def _write(file: Path, content: bytes) -> None:
    """Synced, so that a name never stands for a file that a power cut took."""
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _link(partial: Path, target: Path) -> None:
    """A second name for a file that is whole; raises FileExistsError where the name is taken."""
    try:
        target.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as exFAT
        _write(target, partial.read_bytes())
