"""Trunk features: each view of each image goes through the frozen trunk once; every fit on those images uses them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.console import Bar, Console
from handshape.downloads import ANOTHER_CACHE
from handshape.errors import DivergedError
from handshape.files import atomic_write, let_go, require_disk_space
from handshape.model.streams import PixelStream
from handshape.precision import FULL, set_precision
from handshape.runtime import Runtime
from handshape.training.augment import Augmenter
from handshape.training.memory import Calls

Trunk = Callable[[NDArray[Any]], tuple[NDArray[np.floating], NDArray[np.floating]]]
Rows = NDArray[np.integer]
Stored = np.memmap[Any, np.dtype[np.float16]]

CHUNK = 256  # images a call: 12 MB at 128 px
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
        self._model = copied(stream.trunk)
        self._trunk: Trunk | None = None
        self.views = max(1, augmenter.settings.views)
        shapes = [(self.views, len(augmenter), *output.shape[1:]) for output in stream.trunk.outputs]
        self.pooled, self.cut = (
            _opened(folder / f"{name}.npy", shape) for name, shape in zip(("pooled", "cut"), shapes, strict=True)
        )
        self._done = self._read_done()

    def renewed(self, stream: PixelStream, rows: Rows) -> TrunkFeatures:
        """Other views of the same images, for a refit on these rows, which may lend each other backgrounds.

        On one person's video, a refit on the views that were learned from before cost strangers 2.4 points.
        """
        cells = np.ones_like(self.cells)
        cells[rows] = 0
        folder = self._folder / f"renewed-{hashlib.blake2b(cells.tobytes(), digest_size=8).hexdigest()}"
        made = TrunkFeatures(stream, self.augmenter, cells, self._seed + 1, self._runtime, folder)
        made._model, made._trunk = self._model, self._trunk  # the stream's own tail has learned since
        made._take_plain(self)
        return made

    def let_go(self) -> None:
        """Frees the memory of what was looked at; it stays on the disk."""
        let_go(self.pooled, self.cut, self.augmenter.images)

    def trunk(self, console: Console) -> Trunk:
        """The trunk as a function, made when it is first asked for."""
        if self._trunk is None:
            self._trunk = frozen_trunk(self._model, self._runtime, console)
        return self._trunk

    def compute(self, rows: Rows, augmented: Rows, console: Console) -> None:
        """Computes what is still missing: the images of ``rows`` as they are, all views of those of ``augmented``."""
        wanted = np.zeros_like(self._done)
        wanted[0, rows] = True
        cells = np.unique(self.cells[augmented])
        wanted[:, np.isin(self.cells, cells)] = True
        self._done |= self._read_done()  # another program may have done some of it meanwhile
        missing = wanted & ~self._done
        if not missing.any():
            return
        trunk = self.trunk(console)
        with console.progress("Computing image features", int(missing.sum())) as bar:
            self._plain(np.flatnonzero(missing[0]), trunk, bar)
            for cell in cells:
                members = np.flatnonzero(self.cells == cell)
                for view in range(1, self.views):
                    if missing[view, members].any():
                        self._augmented(view, int(cell), members, trunk, bar)
        self._keep_done(missing)

    def _take_plain(self, other: TrunkFeatures) -> None:
        """Images as they are look the same in all features of them."""
        known = np.zeros_like(self._done)
        known[0] = other._done[0] & ~self._done[0]
        for part in _chunks(np.flatnonzero(known[0])):
            self.pooled[0, part], self.cut[0, part] = other.pooled[0, part], other.cut[0, part]
            self.let_go()
            other.let_go()
        if known.any():
            self._keep_done(known)

    def _plain(self, rows: Rows, trunk: Trunk, bar: Bar) -> None:
        for part in _chunks(rows):
            self.pooled[0, part], self.cut[0, part] = trunk(self.augmenter.images[part])
            self.let_go()
            bar.advance(len(part))

    def _augmented(self, view: int, cell: int, members: Rows, trunk: Trunk, bar: Bar) -> None:
        rng = np.random.default_rng([self._seed, view, cell] if cell else [self._seed, view])
        for part in _chunks(members):
            self.pooled[view, part], self.cut[view, part] = trunk(self.augmenter.draw(part, rng))
            self.let_go()
            bar.advance(len(part))

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


def copied(trunk: Any) -> Any:
    """A copy of a stream's trunk as it is now: its pooled output runs through the tail, which goes on learning."""
    import keras

    model = keras.models.clone_model(trunk)
    model.set_weights(trunk.get_weights())
    return model


def frozen_trunk(model: Any, runtime: Runtime, console: Console) -> Trunk:
    """A trunk as a function of images [N, S, S, 3], 0 to 255, to (pooled, cut); several threads may call it.

    On a CPU it runs on LiteRT, which was measured 2.4 times as fast as TensorFlow; on an accelerator in Keras.

    Raises:
        DivergedError: of the function: what it makes is no number in float32 either.
    """
    if runtime.on_cpu and runtime.backend == "tensorflow" and runtime.policy == FULL:
        network = litert.LiteRtModel(litert.convert(model))
        return lambda images: tuple(network(images))  # type: ignore[return-value]
    return _KerasTrunk(model, runtime.policy, console)


class _KerasTrunk:
    """In parts where memory runs out, in float32 where half precision has no numbers for it; several threads may."""

    def __init__(self, model: Any, precision: str, console: Console) -> None:
        set_precision(model, precision)
        self._model, self._precision, self._console = model, precision, console
        self._calls = Calls(CHUNK, console)
        self._one_at_a_time = threading.RLock()  # Keras' own state is not safe in threads

    def __call__(self, images: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        with self._one_at_a_time:
            parts = self._calls.run(self._run, images)
            pooled, cut = (np.concatenate(each) for each in zip(*parts, strict=True))
            if not (np.isfinite(pooled).all() and np.isfinite(cut).all()):
                self._go_on_in_float32()
                return self(images)
        return pooled, cut

    def _run(self, images: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pooled, cut = self._model.predict_on_batch(images.astype(np.float32))
        return np.asarray(pooled, np.float32), np.asarray(cut, np.float32)

    def _go_on_in_float32(self) -> None:
        if self._precision == FULL:
            raise DivergedError(
                "The network's features of an image are no numbers.",
                "starting weights that are numbers",
                "Begin a new run with others: --set model.weights=own",
            )
        self._console.warn(f"The network's features are no numbers in {self._precision}; going on in float32.")
        self._precision = FULL
        set_precision(self._model, FULL)


def _chunks(rows: Rows) -> list[Rows]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
