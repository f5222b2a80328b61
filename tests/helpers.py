"""What the tests of training share. Keras is imported by what needs it."""

import functools
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.config import AugmentationSettings, GpuSettings, ModelSettings
from handshape.console import Console
from handshape.model.weights import StartingWeights, find_weights
from handshape.runtime import Runtime, choose_runtime, start_runtime

SIZE = 96  # pixels, the least that the network takes
STILL = {  # augmentation that moves nothing
    "rotation_range": 0,
    "zoom_range": 0,
    "shear_range": 0,
    "width_shift_range": 0,
    "height_shift_range": 0,
    "horizontal_flip": False,
}


@functools.cache
def started_runtime() -> Runtime:
    """This machine, with Keras started on it."""
    runtime = choose_runtime(GpuSettings())
    start_runtime(runtime, GpuSettings(), seed=0)
    return runtime


@functools.cache
def own_weights() -> StartingWeights:
    """The package's own; random ones put out next to nothing."""
    return find_weights("own", SIZE, Console(quiet=True))


def new_pixel_stream(classes: int = 3, model: ModelSettings | None = None, weights: StartingWeights | None = None):
    """The same network every time."""
    import keras

    from handshape.model.streams import build_pixel_stream

    started_runtime()
    keras.utils.set_random_seed(0)
    return build_pixel_stream(classes, model or ModelSettings(img_size=SIZE), weights or own_weights())


@functools.cache
def untrained_stream():
    """A pixel stream of three classes that no test may train."""
    return new_pixel_stream()


def trunk_features(images: np.ndarray, points: np.ndarray, cells: np.ndarray, folder: Path, **augmentation: Any):
    """Nothing computed yet, of images [N, S, S, 3] with landmarks [N, 21, 2] in cells [N]."""
    from handshape.training.augment import Augmenter
    from handshape.training.features import TrunkFeatures

    augmenter = Augmenter(images, points, AugmentationSettings(**augmentation))
    return TrunkFeatures(untrained_stream(), augmenter, cells, 0, started_runtime(), folder)


@dataclass
class Trunks:
    """What went through the trunks that were made since: how many they were, and how many images."""

    made: int = 0
    images: int = 0


def watched_trunks(monkeypatch: pytest.MonkeyPatch) -> Trunks:
    """Counts from now on."""
    from handshape.training import features

    seen, make = Trunks(), features.frozen_trunk

    def watched(*args: Any):
        trunk = make(*args)
        seen.made += 1

        def run(images: np.ndarray, affines: np.ndarray | None = None):
            seen.images += len(images)
            return trunk(images, affines)

        return run

    monkeypatch.setattr(features, "frozen_trunk", watched)
    return seen


def copy_some(drawn: Path, folder: Path, counts: Mapping[str, int]) -> Path:
    """Class folders with the first few images of drawn ones."""
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for image in sorted((drawn / label).iterdir())[:count]:
            shutil.copy(image, folder / label)
    return folder


def results_of(run: Path) -> dict[str, Any]:
    """What a run measured."""
    return json.loads((run / "results" / "evaluation_results.json").read_text())


def require_same_arrays(ones: list[np.ndarray], others: list[np.ndarray]) -> None:
    """Raises AssertionError where two lists of arrays differ at all."""
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other)
