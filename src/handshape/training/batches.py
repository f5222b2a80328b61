"""Batches for one phase: every epoch each training image once or more, in a new order, in views drawn by chance.

Order and views depend on seed, phase and epoch alone, so that a resumed run sees what an unbroken one would have.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.runtime import Runtime
from handshape.training.augment import Augmenter
from handshape.training.features import Features, Trunk
from handshape.training.phases import Phase

STILL_SHARE = 0.25  # of the images are shown as they are, as often as with four stored views


class Batches(keras.utils.PyDataset):
    """What the two kinds of batches share: the order of an epoch. ``targets`` is one-hot, [N, C]."""

    def __init__(self, targets: NDArray[np.float32], batch_size: int, phase: Phase, seed: int, **loading: Any) -> None:
        super().__init__(**loading)
        self.targets = targets
        self.batch_size = batch_size
        self.phase = phase
        self.seed = seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch, counted from 0; a callback says which, because Keras' own hook runs ahead."""
        self.epoch = epoch
        rng = np.random.default_rng([self.seed, self.phase.number, epoch])
        self.order = np.concatenate([rng.permutation(len(self.targets)) for _ in range(self.phase.passes)])

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        chosen = self.order[part]
        return self.inputs(chosen, part, index).astype(np.float32), self.targets[chosen]

    def inputs(self, chosen: NDArray[np.int64], part: slice, index: int) -> NDArray[Any]:
        """The phase's inputs for these images, which are ``part`` of the epoch's order and batch ``index``."""
        raise NotImplementedError


class StoredViews(Batches):
    """Views that went through the trunk beforehand."""

    def __init__(
        self, features: Features, targets: NDArray[np.float32], batch_size: int, phase: Phase, seed: int
    ) -> None:
        self.features = features
        super().__init__(targets, batch_size, phase, seed)

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        rng = np.random.default_rng([self.seed, self.phase.number, epoch, 1])
        self.views = rng.integers(self.features.views, size=len(self.order))

    def inputs(self, chosen: NDArray[np.int64], part: slice, index: int) -> NDArray[Any]:
        stored = self.features.cut if self.phase.inputs == "cut" else self.features.pooled
        return stored[self.views[part], chosen]


class FreshViews(Batches):
    """Views drawn anew for every batch and sent through the trunk there and then."""

    def __init__(
        self,
        views: Augmenter,
        trunk: Trunk,
        targets: NDArray[np.float32],
        batch_size: int,
        phase: Phase,
        seed: int,
        runtime: Runtime,
    ) -> None:
        self.views = views
        self.trunk = trunk
        super().__init__(
            targets,
            batch_size,
            phase,
            seed,
            workers=runtime.workers,
            max_queue_size=runtime.queue,
            use_multiprocessing=False,
        )

    def inputs(self, chosen: NDArray[np.int64], part: slice, index: int) -> NDArray[Any]:
        rng = np.random.default_rng([self.seed, self.phase.number, self.epoch, index, 2])
        drawn = self.views.draw(chosen, rng)
        as_they_are = rng.random(len(chosen)) < STILL_SHARE
        drawn[as_they_are] = self.views.images[chosen[as_they_are]]
        pooled, cut = self.trunk(drawn)
        return cut if self.phase.inputs == "cut" else pooled
