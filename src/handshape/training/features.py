"""Trunk features: each view of each image goes through the frozen trunk once; every fit on those images uses them."""

from __future__ import annotations

import hashlib
import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.bars import Bar
from handshape.console import Console
from handshape.downloads import ANOTHER_CACHE
from handshape.files import atomic_write, require_disk_space
from handshape.mapped import RowReader, let_go
from handshape.model.streams import PixelStream
from handshape.runtime import Runtime
from handshape.training.augment import Augmenter
from handshape.training.trunks import CHUNK, Trunk, copied, frozen_trunk

Rows = NDArray[np.integer]
Shown = NDArray[np.bool_]  # [V, N], views of images
Stored = np.memmap[Any, np.dtype[np.float16]]

DONE = "done.npy"


class TrunkFeatures:
    """What the frozen trunk makes of V views of N images; computed when first asked for, cell by cell.

    View 0 is the image as it is, because it is what the model is asked about afterwards. The backgrounds of an
    augmented view come from images of the same cell, so that none of validation or test gets into training.

    Attributes:
        pooled: [V, N, 1280] float16: of the last feature map, base frozen.
        cut: [V, N, h, w, c] float16: where the tail begins.
    """

    def __init__(
        self, stream: PixelStream, augmenter: Augmenter, cells: Rows, seed: int, runtime: Runtime, folder: Path
    ) -> None:
        """Features that are kept in ``folder``, memory-mapped, or that lie there already.

        Args:
            stream: whose trunk it is.
            augmenter: of the N images.
            cells: [N], which images may lend each other backgrounds.
            seed: decides the views.
            runtime: what the trunk runs on.
            folder: of these features alone.

        Raises:
            RunError: there is no room for them.
        """
        self.augmenter = augmenter
        self.cells = cells
        self._seed, self._runtime, self._folder = seed, runtime, folder
        self._model, self._weights = stream.trunk, stream.trunk.get_weights()  # its own tail goes on learning
        self._trunk: Trunk | None = None
        self.views = max(1, augmenter.settings.views)
        shapes = [(self.views, len(augmenter), *output.shape[1:]) for output in stream.trunk.outputs]
        self.pooled, self.cut = (
            _opened(folder / f"{name}.npy", shape) for name, shape in zip(("pooled", "cut"), shapes, strict=True)
        )
        named = {"pooled": self.pooled, "cut": self.cut}
        self._rows = {name: RowReader(array.reshape(-1, *array.shape[2:])) for name, array in named.items()}
        self._done = self._read_done()

    def renewed(self, stream: PixelStream, rows: Rows) -> TrunkFeatures:
        """Other views of the same images, for a refit on these rows, which may lend each other backgrounds.

        On one person's video, a refit on the views that were learned from before cost strangers 2.4 points.
        """
        cells = np.ones_like(self.cells)
        cells[rows] = 0
        folder = self._folder / f"renewed-{hashlib.blake2b(cells.tobytes(), digest_size=8).hexdigest()}"
        made = TrunkFeatures(stream, self.augmenter, cells, self._seed + 1, self._runtime, folder)
        made._weights, made._trunk = self._weights, self._trunk
        made._take_plain(self)
        return made

    def read(self, name: str, views: Rows | int, rows: Rows) -> NDArray[np.float16]:
        """The ``pooled`` features, [n, 1280], or the ``cut``, [n, h, w, c], of views [n], or of one, of images [n]."""
        return self._rows[name][views * len(self.cells) + rows]

    def let_go(self) -> None:
        """Frees the memory of what was looked at; it stays on the disk."""
        let_go(self.pooled, self.cut, self.augmenter.images)

    def trunk(self, console: Console) -> Trunk:
        """The trunk as a function, made when it is first asked for."""
        if self._trunk is None:
            self._trunk = frozen_trunk(copied(self._model, self._weights), self._runtime, console)
        return self._trunk

    def compute(self, rows: Rows, augmented: Rows, console: Console, shown: Shown | None = None) -> None:
        """Computes what is still missing: the images of ``rows`` as they are, and augmented views of others.

        Args:
            rows: as they are.
            augmented: those of which all views are wanted; with them come those of their cells.
            console: shows the progress.
            shown: [V, N], which of all views are wanted, where these are fewer.
        """
        wanted = np.zeros_like(self._done)
        wanted[:, np.isin(self.cells, np.unique(self.cells[augmented]))] = True
        if shown is not None:
            wanted &= shown
        wanted[0, rows] = True
        self._done |= self._read_done()  # another program may have done some of it meanwhile
        missing = wanted & ~self._done
        if not missing.any():
            return
        trunk = self.trunk(console)
        with console.progress("Computing image features", int(missing.sum())) as bar:
            self._plain(np.flatnonzero(missing[0]), trunk, bar)
            for view, cell in itertools.product(range(1, self.views), np.unique(self.cells[missing[1:].any(axis=0)])):
                self._augmented(view, int(cell), missing[view], trunk, bar)
        self._keep_done(missing)

    def _take_plain(self, other: TrunkFeatures) -> None:
        """Images as they are look the same in all features of them."""
        known = np.zeros_like(self._done)
        known[0] = other._done[0] & ~self._done[0]
        for part in _chunks(np.flatnonzero(known[0])):
            self.pooled[0, part], self.cut[0, part] = other.read("pooled", 0, part), other.read("cut", 0, part)
            self.let_go()
        if known.any():
            self._keep_done(known)

    def _plain(self, rows: Rows, trunk: Trunk, bar: Bar) -> None:
        for part in _chunks(rows):
            self.pooled[0, part], self.cut[0, part] = trunk(self.augmenter.images[part])
            self.let_go()
            bar.advance(len(part))

    def _augmented(self, view: int, cell: int, missing: NDArray[np.bool_], trunk: Trunk, bar: Bar) -> None:
        """A view of those images of a cell that are missing; drawn with all others, so that each is always the same."""
        rng = np.random.default_rng([self._seed, view, cell] if cell else [self._seed, view])
        for part in _chunks(np.flatnonzero(self.cells == cell)):
            images, affines = self.augmenter.vary(part, rng)
            mine = missing[part]
            if mine.any():
                if not mine.all():
                    part, images, affines = part[mine], images[mine], affines[mine]
                self.pooled[view, part], self.cut[view, part] = trunk(images, affines)
                bar.advance(len(part))
            self.let_go()

    def _read_done(self) -> NDArray[np.bool_]:
        """[V, N], which are computed."""
        shape = self.pooled.shape[:2]
        try:
            done = np.load(self._folder / DONE)
        except (OSError, ValueError, EOFError):
            return np.zeros(shape, bool)
        return done if done.shape == shape and done.dtype == bool else np.zeros(shape, bool)

    def _keep_done(self, computed: NDArray[np.bool_]) -> None:
        """What is noted as done is on disk before; another program may have done some of it meanwhile."""
        self.pooled.flush()
        self.cut.flush()
        self._done |= computed | self._read_done()
        with atomic_write(self._folder / DONE, ANOTHER_CACHE) as partial:
            np.save(partial, self._done)


def _opened(file: Path, shape: tuple[int, ...]) -> Stored:
    """The array of a file, which is made where it is not there or not of that shape.

    Programs that begin at the same time share the file of the first.
    """
    is_there = file.exists()
    array = _read(file, shape)
    if array is not None:
        return array
    if is_there:  # files come whole into their place, so this one is damaged
        file.unlink(missing_ok=True)
    (file.parent / DONE).unlink(missing_ok=True)
    require_disk_space(file.parent, 2 * int(np.prod(shape)), f"lower augmentation.views, or {ANOTHER_CACHE}")
    with suppress(FileExistsError), atomic_write(file, ANOTHER_CACHE, exclusive=True) as partial:
        np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=shape)
    return np.lib.format.open_memmap(file, mode="r+")


def _read(file: Path, shape: tuple[int, ...]) -> Stored | None:
    """The array of a file; None where there is none of that shape."""
    with suppress(OSError, ValueError):
        array = np.lib.format.open_memmap(file, mode="r")  # "r+" makes a file that is cut short whole, with zeros
        if array.shape == shape and array.dtype == np.float16:
            return np.lib.format.open_memmap(file, mode="r+")
    return None


def _chunks(rows: Rows) -> list[Rows]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
