"""Where networks start: MobileNetV2 from a file, ImageNet's weights, the package's own, or none; the hand stream."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from handshape.console import Console
from handshape.downloads import fetch, file_sha256, is_offline
from handshape.errors import DownloadError, ModelError

IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
IMAGENET_SIZES = (96, 128, 160, 192, 224)
OWN_FILE = "own_weights.npz"
HAND_TRUNK_FILE = "hand_trunk.npz"


@dataclass(frozen=True)
class StartingWeights:
    """The weights a run starts from."""

    name: str  # "imagenet", "own", "none" or "file"
    path: Path | None
    reason: str
    sha256: str = ""


def find_weights(wanted: str, size: int, console: Console) -> StartingWeights:
    """Chooses the starting weights.

    ``auto`` takes ImageNet's from Keras' cache, else downloads them, else falls back to the package's own.

    Args:
        wanted: auto, imagenet, own, none, or the path of a weights file.
        size: side of the input in pixels; ImageNet's weights come for several sizes.

    Raises:
        ModelError: a path that does not exist.
        DownloadError: ImageNet's weights were asked for by name and cannot be had.
    """
    if wanted == "none":
        return StartingWeights("none", None, "model.weights asks for random weights")
    if wanted == "own":
        return _own("model.weights asks for them")
    if wanted not in ("auto", "imagenet"):
        return _from_file(Path(wanted).expanduser())
    cached = _cached_imagenet()
    if cached is not None:
        return StartingWeights("imagenet", cached, f"found in {cached.parent}", file_sha256(cached))
    try:
        path = _download_imagenet(size, console)
        return StartingWeights("imagenet", path, "downloaded from Keras' own storage", file_sha256(path))
    except DownloadError as error:
        if wanted == "imagenet":
            raise
        console.log(error.happened)
        return _own("ImageNet's cannot be downloaded here" if not is_offline() else "offline, by HANDSHAPE_OFFLINE")


def load_weights(base: Any, weights: StartingWeights) -> None:
    """Fills a Keras MobileNetV2 without its top.

    Raises:
        ModelError: the file does not fit this network.
    """
    if weights.path is None:
        return
    try:
        if weights.path.suffix == ".npz":
            base.set_weights(_unpacked(weights.path))
        else:
            base.load_weights(str(weights.path))
    except (ValueError, OSError, KeyError, AttributeError, BadZipFile) as error:
        raise ModelError(
            f"{weights.path} does not hold weights of MobileNetV2 1.0 without its top: {str(error).splitlines()[0]}",
            "a .weights.h5 or .h5 file that Keras wrote",
            "Use --set model.weights=auto to let the program choose.",
        ) from None


def load_hand_trunk() -> list[np.ndarray]:
    """What the hand stream's trunk has learned, in Keras' order; stored as float16."""
    with resources.files("handshape.model").joinpath(HAND_TRUNK_FILE).open("rb") as stream, np.load(stream) as file:
        return [file[name].astype(np.float32) for name in file.files]


def pack_weights(base: Any, path: Path) -> None:
    """Writes a MobileNetV2 as float16, batch normalisation folded into its scale and offset, for :func:`load_weights`.

    Layers are kept in the network's order: each convolution's kernel, then each normalisation's offset (beta); the
    scale is multiplied into the kernel before it.
    """
    packed: list[np.ndarray] = []
    kernel: np.ndarray | None = None
    for layer in base.layers:
        values = [np.asarray(value) for value in layer.get_weights()]
        if len(values) == 1:
            kernel = values[0]
        elif len(values) == 4 and kernel is not None:
            gamma, beta, mean, variance = values
            scale = gamma / np.sqrt(variance + layer.epsilon)
            is_depthwise = "epthwise" in type(base.layers[base.layers.index(layer) - 1]).__name__
            packed += [kernel * (scale[:, None] if is_depthwise else scale), beta - mean * scale]
    np.savez_compressed(path, *[value.astype(np.float16) for value in packed])


def _unpacked(path: Path) -> list[np.ndarray]:
    """Weights in Keras' order from what :func:`pack_weights` wrote."""
    epsilon = 1e-3  # of every batch normalisation in Keras' MobileNetV2
    values: list[np.ndarray] = []
    with np.load(path) as file:
        arrays = [file[name].astype(np.float32) for name in file.files]
    for kernel, offset in zip(arrays[::2], arrays[1::2], strict=True):
        ones = np.ones_like(offset)
        values += [kernel, ones * np.sqrt(1 + epsilon), offset, 0 * ones, ones]
    return values


def _own(reason: str) -> StartingWeights:
    path = Path(str(resources.files("handshape.model").joinpath(OWN_FILE)))
    return StartingWeights("own", path, reason, file_sha256(path))


def _from_file(path: Path) -> StartingWeights:
    if not path.is_file():
        raise ModelError(
            f"There is no weights file {path}.",
            "model.weights as auto, imagenet, own, none or the path of a file",
            "Correct the path, or leave the setting out.",
        )
    return StartingWeights("file", path, "model.weights names it", file_sha256(path))


def _keras_cache() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _imagenet_name(size: int) -> str:
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{size}_no_top.h5"


def _cached_imagenet() -> Path | None:
    files = (_keras_cache() / _imagenet_name(size) for size in IMAGENET_SIZES)
    return next((file for file in files if file.is_file()), None)


def _download_imagenet(size: int, console: Console) -> Path:
    nearest = min(IMAGENET_SIZES, key=lambda known: abs(known - size))
    base = os.environ.get("HANDSHAPE_IMAGENET_URL", IMAGENET_URL)
    name = _imagenet_name(nearest)
    return fetch(base + name, _keras_cache() / name, console, label="ImageNet weights")
