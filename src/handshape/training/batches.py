"""Batches for one phase: every epoch each training image once or more, in a new order, in views drawn by chance.

Of many images an epoch shows a part, the next one the next part.

Order and views depend on seed, phase and epoch alone, so that a resumed run sees what an unbroken one would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.runtime import Runtime
from handshape.training.augment.affine import UNMOVED
from handshape.training.distribution import OneDevice
from handshape.training.features import Shown, TrunkFeatures
from handshape.training.orders import stretch
from handshape.training.phases import Phase

STILL_SHARE = 0.25  # of the images are shown as they are, as often as with four stored views


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What is learned from.

    Attributes:
        features: of all N images of a data set.
        rows: [n], those to learn from.
        targets: [n, C] float32, their classes, one-hot.
    """

    features: TrunkFeatures
    rows: NDArray[np.integer]
    targets: NDArray[np.float32]


class Batches(keras.utils.PyDataset):
    """What the two kinds of batches share: the order of an epoch."""

    def __init__(
        self, data: TrainingRows, batch_size: int, phase: Phase, seed: int, among: OneDevice, **loading: Any
    ) -> None:
        super().__init__(**loading)
        self.among = among
        self.data = data
        self.batch_size = batch_size
        self.phase = phase
        self.seed = seed
        self.start_epoch(0)
        among.expect(batch_size, len(self.order))

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch, counted from 0; a callback says which, because Keras' own hook runs ahead."""
        self.epoch = epoch
        self.order = self.filled(epoch_order(len(self.data.rows), self.phase, self.seed, epoch))
        self.calls = self.among.calls(self.batch_size, len(self.order))

    def filled(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """What stands in an epoch's order, as batches are made of it."""
        return self.among.filled(order, self.batch_size)

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        part = self.calls[index]
        chosen = self.order[part]
        inputs = self.inputs(self.data.rows[chosen], part, index)
        return self.among.padded(inputs, len(chosen)), *self.among.share(self.data.targets[chosen])

    def inputs(self, rows: NDArray[np.integer], part: slice, index: int) -> NDArray[Any]:
        """The phase's inputs, float32, for those of these images that this process prepares.

        Args:
            rows: the images of a batch.
            part: where they stand in the epoch's order.
            index: the batch's number.
        """
        raise NotImplementedError


class StoredViews(Batches):
    """Views that went through the trunk beforehand; where they are kept on a device, places alone go there."""

    def __init__(self, data: TrainingRows, batch_size: int, phase: Phase, seed: int, among: OneDevice) -> None:
        self._places = np.empty(1 + data.rows.max(), np.int32)
        self._places[data.rows] = np.arange(len(data.rows), dtype=np.int32)
        views = range(data.features.views)
        self._kept = among.kept(data.features.read(phase.inputs, view, data.rows) for view in views)
        super().__init__(data, batch_size, phase, seed, among)

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        shown = self.phase.shown(len(self.data.rows))
        self.views = self.filled(_views(shown, self.data.features.views, self.phase, self.seed, epoch))

    def inputs(self, rows: NDArray[np.integer], part: slice, index: int) -> Any:
        views = self.views[part]
        if self._kept is not None:
            return (views * len(self.data.rows) + self._places[rows]).astype(np.int32), self._kept
        mine = self.among.own(len(rows))
        return self.data.features.read(self.phase.inputs, views[mine], rows[mine]).astype(np.float32)


class FreshViews(Batches):
    """Views drawn anew for every batch and sent through the trunk there and then."""

    def __init__(
        self, data: TrainingRows, batch_size: int, phase: Phase, seed: int, among: OneDevice, runtime: Runtime
    ) -> None:
        self.trunk = data.features.trunk(Console(quiet=True))
        loading = {"workers": runtime.workers, "max_queue_size": runtime.queue, "use_multiprocessing": False}
        super().__init__(data, batch_size, phase, seed, among, **loading)

    def inputs(self, rows: NDArray[np.integer], part: slice, index: int) -> NDArray[Any]:
        augmenter = self.data.features.augmenter
        rng = np.random.default_rng([self.seed, self.phase.number, self.epoch, index, 2])
        images, affines = augmenter.vary(rows, rng)
        as_they_are = rng.random(len(rows)) < STILL_SHARE
        images[as_they_are], affines[as_they_are] = augmenter.images[rows[as_they_are]], UNMOVED
        mine = self.among.own(len(rows))
        with self.among.apart():
            pooled, cut = self.trunk(images[mine], affines[mine])
        return (cut if self.phase.inputs == "cut" else pooled).astype(np.float32)


def views_to_show(rows: NDArray[np.integer], phases: Iterable[Phase], seed: int, shape: tuple[int, int]) -> Shown:
    """Which views these phases show of these images, should none of them end early: [V, N].

    Args:
        rows: the images.
        phases: that are trained.
        seed: of the batches.
        shape: [V, N], views and images that there are.
    """
    shown = np.zeros(shape, bool)
    for phase in phases:
        for epoch in range(phase.epochs):
            order = epoch_order(len(rows), phase, seed, epoch)
            shown[_views(len(order), shape[0], phase, seed, epoch), rows[order]] = True
    return shown


def _views(shown: int, views: int, phase: Phase, seed: int, epoch: int) -> NDArray[np.int64]:
    """Which of so many views an epoch that shows so many images shows of each, in its order."""
    return np.random.default_rng([seed, phase.number, epoch, 1]).integers(views, size=shown)


def epoch_order(images: int, phase: Phase, seed: int, epoch: int) -> NDArray[np.int64]:
    """Which of so many images an epoch, counted from 0, shows, in their order.

    Where it shows but a part, all images come once before one comes again, in whichever epoch that is.
    """
    shown = phase.shown(images)
    if shown == images * phase.passes:
        rng = np.random.default_rng([seed, phase.number, epoch])
        return np.concatenate([rng.permutation(images) for _ in range(phase.passes)])
    return stretch(images, shown, (seed, phase.number), epoch)
