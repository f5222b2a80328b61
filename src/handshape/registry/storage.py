"""Where a registry lies: here in a folder, in ``remote`` behind a URL. Both keep the same files:

NAME/bundles/SHA256/      a bundle, named after its manifest's checksum
NAME/events/00000007.json what happened, in order
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from handshape.errors import ModelError
from handshape.export.bundle import Bundle, read_bundle
from handshape.files import atomic_folder, atomic_write, cannot_read, discard, sync

VARIABLE = "HANDSHAPE_REGISTRY"
REMEDY = f"choose another place with {VARIABLE}"
HIDDEN = "."  # what begins so is not finished, or no longer wanted


class Storage(Protocol):
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


class LocalStorage:
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
        """See :class:`Storage`."""
        try:
            return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith(HIDDEN))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise cannot_read(self.root / folder, error) from None

    def read(self, files: Sequence[str]) -> list[bytes]:
        """See :class:`Storage`."""
        return [_read(self.root / file) for file in files]

    def create(self, file: str, content: bytes) -> bool:
        """See :class:`Storage`."""
        try:
            with atomic_write(self.root / file, REMEDY, exclusive=True) as partial:
                partial.write_bytes(content)
        except FileExistsError:
            return False
        return True

    def put(self, folder: str, bundle: Bundle) -> None:
        """See :class:`Storage`."""
        target = self.root / folder
        if _is_whole(target):
            return
        with atomic_folder(target, REMEDY, stays=lambda: _is_whole(target)) as partial:
            for name in bundle.files:
                shutil.copyfile(bundle.folder / name, partial / name)
                sync(partial / name)
            read_bundle(partial)

    def bundle(self, folder: str) -> Bundle:
        """See :class:`Storage`."""
        return read_bundle(self.root / folder)

    def delete(self, folder: str) -> None:
        """See :class:`Storage`."""
        discard(self.root / folder)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise cannot_read(file, error) from None


def _is_whole(folder: Path) -> bool:
    try:
        return bool(read_bundle(folder))
    except ModelError:
        return False
