"""The trunk features of a data set, which stay in the cache from one training to the next."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from handshape.cache import cached_folder
from handshape.config import Settings
from handshape.hands.crops import points_in_crops
from handshape.hands.inputs import PICTURES
from handshape.machine import versions
from handshape.model.streams import PixelStream
from handshape.model.weights import StartingWeights
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset

if TYPE_CHECKING:
    from handshape.training.features import TrunkFeatures

FEATURES_KEPT = 2_000_000_000  # bytes of trunk features in the cache; the oldest go first


def trunk_features(
    stream: PixelStream,
    dataset: Dataset,
    cells: NDArray[np.int64],
    weights: StartingWeights,
    settings: Settings,
    context: Context,
) -> TrunkFeatures:
    """The trunk features of a data set: those in memory, those in the cache, else empty ones.

    Args:
        stream: whose trunk it is.
        dataset: whose images.
        cells: [N], as a split says.
        weights: what the trunk holds.
        settings: how images are augmented, and the seed.
        context: the machine that computes.
    """
    from handshape.training.augment import Augmenter, stored_views
    from handshape.training.features import TrunkFeatures

    runtime, size = context.runtime, settings.model.img_size
    views = stored_views(settings.augmentation, len(dataset))
    settings = settings.model_copy(update={"augmentation": settings.augmentation.model_copy(update={"views": views})})
    key = _key_of(dataset, cells, weights, settings, context)
    if key not in dataset.features:
        augmenter = Augmenter(
            dataset.inputs.image, points_in_crops(dataset.inputs.landmarks, size), settings.augmentation
        )
        folder = cached_folder("features", key, FEATURES_KEPT)
        dataset.features[key] = TrunkFeatures(stream, augmenter, cells, settings.data.seed, runtime, folder)
    return dataset.features[key]


def _key_of(
    dataset: Dataset, cells: NDArray[np.int64], weights: StartingWeights, settings: Settings, context: Context
) -> str:
    """Whatever trunk features depend on, as one word: of pictures, the files and the hands that they were made of."""
    runtime, model = context.runtime, settings.model
    facts = {
        "weights": [weights.name, weights.sha256],
        "network": [model.img_size, model.fine_tune_layers],
        "augmentation": settings.augmentation.model_dump(),
        "seed": settings.data.seed,
        "machine": [runtime.backend, runtime.accelerator, runtime.policy],
        "versions": versions(),
        "pictures": [PICTURES, *(dataset.report.digests[sample.path] for sample in dataset.samples)],
    }
    content = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    for array in (dataset.inputs.landmarks, cells):
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()
