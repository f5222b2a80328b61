"""Memory-mapped arrays, whose files hold what memory need not."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


def let_go(*arrays: NDArray[Any]) -> None:
    """Frees the memory of memory-mapped arrays that were looked at, or written; other arrays stay.

    Their files hold it all, and the system what it has room for: reading on costs next to nothing.
    """
    for array in arrays:
        mapped = getattr(array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            mapped.madvise(mmap.MADV_DONTNEED)


class RowReader(Generic[Number]):
    """Rows of an array, each anywhere in it; of a memory-mapped file they are read instead of mapped.

    Around each row that is looked at through a map the system maps far more of the file, which counts as memory of the
    program.

    Args:
        array: [N, …], all of its file behind the header, where it has one; the file stays open.
    """

    def __init__(self, array: NDArray[Number]) -> None:
        self._array = array
        self._size, self._begin = array[:1].nbytes, getattr(array, "offset", 0)
        self._file = None
        if isinstance(array, np.memmap) and isinstance(array.filename, str | os.PathLike) and hasattr(os, "preadv"):
            with suppress(OSError):  # gone, though its map is there
                self._file = Path(array.filename).open("rb", buffering=0)  # noqa: SIM115  # as long as this object lives
        if self._file and os.fstat(self._file.fileno()).st_size != self._begin + array.nbytes:
            self._file = None

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[Number]:
        """A copy of these, [n, …]."""
        if self._file is None:
            return self._array[rows]
        found = np.empty((len(rows), *self._array.shape[1:]), self._array.dtype)
        into, file = found.reshape(-1).view(np.uint8).data, self._file.fileno()
        for place, row in enumerate(rows.tolist()):
            part = into[place * self._size : (place + 1) * self._size]
            if os.preadv(file, [part], self._begin + row * self._size) != self._size:
                raise OSError(f"{self._file.name} is shorter than it was.")
        return found
