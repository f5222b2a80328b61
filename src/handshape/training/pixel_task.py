"""What the training of a pixel stream is given: images and classes, how it is done, and where it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.config import TrainingSettings
from handshape.training.features import TrunkFeatures

Rows = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class PixelData:
    """What a pixel stream learns from.

    Attributes:
        features: of all N images of a data set.
        targets: [N] class numbers.
        train: rows to learn from.
        validation: rows that choose the best epoch.
        soft: what is to be learned of the former instead of their classes, [n, C]; None learns these.
    """

    features: TrunkFeatures
    targets: NDArray[np.int64]
    train: Rows
    validation: Rows
    soft: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrainingFiles:
    """Where a training writes; None writes nothing of the kind."""

    best_model: Path | None = None
    checkpoint: Path | None = None
    tensorboard: Path | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """How a stream is trained.

    Attributes:
        batch_size: images a step; halved, and said aloud, when the device's memory runs out.
        seed: decides views, order and dropout.
        settings: early stopping, the plateau rule, label smoothing, class weights.
        rate_factor: what the learning rates are multiplied by, for a batch size that was found.
        precision: to compute in, where another was found to be too rough, or pays; "" takes the machine's.
        folds: whether frozen batch norms are folded away while training, which pays on a CPU where it takes long.
    """

    batch_size: int
    seed: int
    settings: TrainingSettings
    rate_factor: float = 1.0
    precision: str = ""
    folds: bool = False
