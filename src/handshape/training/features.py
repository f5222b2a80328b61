"""Trunk features: augmented views go through the frozen trunk once, and both phases train on what comes out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.console import Console
from handshape.files import require_disk_space
from handshape.model.streams import PixelStream
from handshape.runtime import Runtime, is_out_of_memory
from handshape.training.augment import Augmenter

Trunk = Callable[[NDArray[Any]], tuple[NDArray[np.floating], NDArray[np.floating]]]

CHUNK = 256  # images a call: 12 MB at 128 px
IN_MEMORY_BYTES = 600 << 20


@dataclass(frozen=True)
class Features:
    """What the trunk makes of V views of N images."""

    pooled: NDArray[np.float16]  # [V, N, 1280]: of the last feature map, base frozen
    cut: NDArray[np.float16]  # [V, N, h, w, c]: where the tail begins

    @property
    def views(self) -> int:
        """Views an image."""
        return len(self.pooled)


def frozen_trunk(stream: PixelStream, runtime: Runtime, console: Console) -> Trunk:
    """The trunk as a function of images [N, S, S, 3], 0 to 255, to (pooled, cut).

    On a CPU it runs on LiteRT, which was measured 2.4 times as fast as TensorFlow; on an accelerator in Keras. Either
    way it is a copy: what the stream learns afterwards does not change it. It may be called from several threads.
    """
    if runtime.on_cpu and runtime.backend == "tensorflow":
        network = litert.LiteRtModel(litert.convert(stream.trunk))
        return lambda images: tuple(network(images))  # type: ignore[return-value]
    return _keras_trunk(stream, console)


def _keras_trunk(stream: PixelStream, console: Console) -> Trunk:
    import keras

    model = keras.models.clone_model(stream.trunk)  # JAX takes a model's weights away while it trains
    model.set_weights(stream.trunk.get_weights())
    one_at_a_time = threading.Lock()  # Keras' own state is not safe in threads

    def run(images: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        try:
            with one_at_a_time:
                pooled, cut = model.predict_on_batch(images.astype(np.float32))
        except Exception as error:
            if len(images) == 1 or not is_out_of_memory(error):
                raise
            console.warn(f"The device's memory ran out at {len(images)} images a call; halving them.")
            halves = [run(half) for half in np.array_split(images, 2)]
            pooled, cut = (np.concatenate(parts) for parts in zip(*halves, strict=True))
        return np.asarray(pooled), np.asarray(cut)

    return run


def plain_features(images: NDArray[np.uint8], trunk: Trunk, console: Console, label: str) -> Features:
    """Features of the images as they are: one view."""
    empty = _empty_features(1, len(images), trunk(images[:1]), None)
    with console.progress(label, len(images)) as bar:
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            empty.pooled[0, part], empty.cut[0, part] = trunk(images[part])
            bar.advance(len(images[part]))
    return empty


def augmented_features(views: Augmenter, trunk: Trunk, seed: int, console: Console, folder: Path) -> Features:
    """Features of ``augmentation.views`` views an image: as it is, and varied by chance.

    The image as it is belongs among them, because it is what the model is asked about afterwards. The features are on
    disk below ``folder`` where memory would not do.
    """
    count = views.settings.views
    features = _empty_features(count, len(views), trunk(views.images[:1]), folder)
    with console.progress("views through the trunk", count * len(views)) as bar:
        for view in range(count):
            rng = np.random.default_rng([seed, view])
            for start in range(0, len(views), CHUNK):
                part = np.arange(start, min(start + CHUNK, len(views)))
                pooled, cut = trunk(views.draw(part, rng) if view else views.images[part])
                features.pooled[view, part], features.cut[view, part] = pooled, cut
                bar.advance(len(pooled))
    return features


def _empty_features(
    views: int, count: int, example: tuple[NDArray[Any], NDArray[Any]], folder: Path | None
) -> Features:
    shapes = [(views, count, *part.shape[1:]) for part in example]
    size = sum(2 * int(np.prod(shape)) for shape in shapes)
    if folder is None or size <= IN_MEMORY_BYTES:
        return Features(*(np.empty(shape, np.float16) for shape in shapes))
    require_disk_space(folder, size)
    files = (folder / "pooled.npy", folder / "cut.npy")
    return Features(
        *(
            np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
            for file, shape in zip(files, shapes, strict=True)
        )
    )
