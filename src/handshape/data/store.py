"""Every image decoded once, in the order of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from handshape.console import Console
from handshape.data.samples import Sample
from handshape.data.threads import in_threads
from handshape.files import atomic_write
from handshape.images import Pixels

MEMORY_LIMIT = 500_000_000  # bytes; above it the pixels live in a file, and the system keeps in memory what is in use


def decode_images(
    load: Callable[[Sample], Pixels],
    samples: Sequence[Sample],
    size: int,
    console: Console,
    file: Path | None = None,
    workers: int = 2,
    memory_limit: int = MEMORY_LIMIT,
) -> Pixels:
    """The samples as ``[N, size, size, 3]`` uint8.

    Args:
        load: how a sample becomes a square of ``size``; called from several threads.
        samples: which images, in which order.
        size: side of the square in pixels.
        console: shows the progress.
        file: a .npy file for pixels over ``memory_limit`` bytes, read back memory-mapped; None keeps all in memory.
        workers: threads.
        memory_limit: bytes that may be kept in memory.

    Raises:
        ImageError: an image cannot be decoded; the message names it.
        RunError: the file cannot be written.
    """
    squares = _squares(samples, load, console, workers)
    shape = (len(samples), size, size, 3)
    if file is None or np.prod(shape, dtype=np.int64) <= memory_limit:
        return _in_memory(squares, shape)
    return _in_file(squares, shape, file)


def _squares(
    samples: Sequence[Sample], load: Callable[[Sample], Pixels], console: Console, workers: int
) -> Iterator[Pixels]:
    with console.progress("Decoding images", len(samples)) as bar:
        for square in in_threads(load, samples, workers):
            yield square
            bar.advance()


def _in_memory(squares: Iterator[Pixels], shape: tuple[int, ...]) -> Pixels:
    pixels = np.empty(shape, np.uint8)
    for index, square in enumerate(squares):
        pixels[index] = square
    return pixels


def _in_file(squares: Iterator[Pixels], shape: tuple[int, ...], file: Path) -> Pixels:
    """Written front to back, not through a memory map: there a full disk would end the program without a word."""
    with atomic_write(file) as partial, partial.open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for square in squares:
            stream.write(square.tobytes())
    mapped: Pixels = np.load(file, mmap_mode="r")
    return mapped
