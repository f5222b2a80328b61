"""Arrays that come one by one and end as one, in memory or, when they are many, in a file."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import IO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from handshape.downloads import ANOTHER_CACHE, cache_folder
from handshape.files import cannot_write, sweep

Number = TypeVar("Number", bound=np.generic)

MEMORY_LIMIT = 150_000_000  # bytes; above it they live in a file, and the system keeps in memory what is in use


class Store(Generic[Number]):
    """Room for at most so many arrays of one shape.

    Args:
        capacity: how many.
        shape: of each.
        dtype: of each.
        file: where they are to stay; else they go with the program.

    The file is written front to back, not through a memory map: there a full disk would end the program without a
    word.

    Raises:
        RunError: the file cannot be made.
    """

    def __init__(self, capacity: int, shape: tuple[int, ...], dtype: type[Number], file: Path | None = None) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._count = 0
        self._file = file
        self._stream: IO[bytes]
        if file is not None:
            self._stream = _opened(file)
            return
        if capacity * int(np.prod(shape)) * self._dtype.itemsize <= MEMORY_LIMIT:
            self._memory = np.empty((capacity, *shape), dtype)
            return
        folder = cache_folder() / "pictures"
        sweep(folder, "*.raw")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream = tempfile.NamedTemporaryFile(dir=folder, suffix=".raw")  # noqa: SIM115  # gone with the program
        except OSError as error:
            raise cannot_write(folder, error, ANOTHER_CACHE) from None
        self._file = Path(self._stream.name)

    def add(self, array: NDArray[Number]) -> None:
        """The next one.

        Raises:
            RunError: the disk is full.
        """
        if self._file is None:
            self._memory[self._count] = array
        else:
            try:
                self._stream.write(np.ascontiguousarray(array, self._dtype).tobytes())
                self._stream.flush()  # here a full disk is an error with a name
            except OSError as error:
                raise cannot_write(self._file, error, ANOTHER_CACHE) from None
        self._count += 1

    def close(self) -> None:
        """What was given a file has all of it there."""
        self._stream.close()

    def array(self) -> NDArray[Number]:
        """All of them, [N, …]."""
        if self._file is None:
            return self._memory[: self._count]
        if not self._count:
            return np.empty((0, *self._shape), self._dtype)
        mapped = np.memmap(self._stream, self._dtype, "r", shape=(self._count, *self._shape))
        weakref.finalize(mapped, self._stream.close)
        return mapped


def _opened(file: Path) -> IO[bytes]:
    try:
        return file.open("wb")
    except OSError as error:
        raise cannot_write(file, error, ANOTHER_CACHE) from None
