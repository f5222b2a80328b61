"""A registry behind a URL, through fsspec: S3, Google Cloud, Azure, SFTP and whatever else it knows.

A bundle counts once its manifest is there, which is written last. Events are created on condition that their name is
free: S3, Google Cloud and Azure keep to that, other systems do not, so there only one program may change a model at a
time. Reading is safe everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from handshape.errors import ModelError, RuntimeUnavailableError
from handshape.export.archive import keep
from handshape.export.bundle import Bundle, read_bundle
from handshape.export.manifest import MANIFEST
from handshape.registry.storage import HIDDEN, VARIABLE


class RemoteStorage:
    """A URL such as ``s3://models/handshape``. Bundles are fetched into this machine's cache, once.

    Raises:
        RuntimeUnavailableError: fsspec, or what it needs for this URL, is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import fsspec

            self._system, self._root = fsspec.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise RuntimeUnavailableError(
                f"The registry {url} cannot be reached: {error}.",
                "a folder, or a URL for which fsspec is installed",
                "pip install 'handshape[remote]', and for s3:// also s3fs, for gs:// gcsfs, for az:// adlfs",
            ) from None

    def __str__(self) -> str:
        return self.url

    def names(self, folder: str) -> list[str]:
        """See :class:`~handshape.registry.storage.Storage`."""
        with self._reached():
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._path(folder), detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = {path.rstrip("/").rsplit("/", 1)[-1] for path in found}
        return sorted(name for name in names if not name.startswith(HIDDEN))

    def read(self, files: Sequence[str]) -> list[bytes]:
        """See :class:`~handshape.registry.storage.Storage`; many at a time where the system can."""
        paths = [self._path(file) for file in files]
        with self._reached():
            contents: dict[str, bytes] = self._system.cat(paths) if paths else {}
        return [contents[path] for path in paths]

    def create(self, file: str, content: bytes) -> bool:
        """See :class:`~handshape.registry.storage.Storage`."""
        with self._reached():
            try:
                self._system.makedirs(self._path(file).rsplit("/", 1)[0], exist_ok=True)
                self._system.pipe_file(self._path(file), content, mode="create")
            except FileExistsError:
                return False
        return True

    def put(self, folder: str, bundle: Bundle) -> None:
        """See :class:`~handshape.registry.storage.Storage`."""
        with self._reached():
            if self._system.exists(self._path(f"{folder}/{MANIFEST}")):
                return
            self._system.makedirs(self._path(folder), exist_ok=True)
            for name in bundle.files:  # the manifest comes last
                self._system.pipe_file(self._path(f"{folder}/{name}"), (bundle.folder / name).read_bytes())

    def bundle(self, folder: str) -> Bundle:
        """See :class:`~handshape.registry.storage.Storage`."""
        where = f"{self.url.rstrip('/')}/{folder}"
        with self._reached():
            manifest: bytes = self._system.cat_file(self._path(f"{folder}/{MANIFEST}"))
            return read_bundle(keep(manifest, lambda name: self._system.open(self._path(f"{folder}/{name}")), where))

    def delete(self, folder: str) -> None:
        """See :class:`~handshape.registry.storage.Storage`."""
        with self._reached():
            self._system.rm_file(self._path(f"{folder}/{MANIFEST}"))
            self._system.rm(self._path(folder), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}".rstrip("/")

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        """Each file system raises errors of its own."""
        try:
            yield
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"The registry {self.url} did not answer as it should: {type(error).__name__}: {error}.",
                "a place that you may read, and write to where you change it",
                f"Look whether {VARIABLE}, the network and your credentials are right.",
            ) from None
