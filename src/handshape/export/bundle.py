"""The bundle: one folder with everything a recogniser needs to run elsewhere, each file with its SHA-256."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.downloads import file_sha256
from handshape.errors import ModelError
from handshape.files import cannot_write, write_bytes, write_json
from handshape.model.decisions import Thresholds

FORMAT = 2  # 1 had no hands and no thresholds; it still loads
MANIFEST = "bundle.json"
LITERT = "model.tflite"
KERAS = "model.keras"
ACTIVATION = "class_activation.npy"


@dataclass(frozen=True)
class Bundle:
    """A recogniser on disk.

    Attributes:
        folder: where it lies.
        labels: class names in the order of the network's outputs.
        size: side of the square input in pixels.
        thresholds: from what confidence on an answer is accepted.
        hands: how many hands are looked for; 0 for a model of whole images.
        details: the whole manifest: settings, measures, versions.
    """

    folder: Path
    labels: tuple[str, ...]
    size: int
    thresholds: Thresholds
    hands: int
    details: Mapping[str, Any]

    @property
    def activation(self) -> Path:
        """The pixel stream's dense weights, [1280, C] float32, for heat maps; absent without that stream."""
        return self.folder / ACTIVATION

    @property
    def litert(self) -> Path:
        """The float32 LiteRT model; absent where it was trained without TensorFlow."""
        return self.folder / LITERT

    @property
    def keras(self) -> Path:
        """The Keras model."""
        return self.folder / KERAS


def write_bundle(
    folder: Path,
    keras_model: Path,
    litert: bytes | None,
    labels: Sequence[str],
    size: int,
    thresholds: Thresholds,
    hands: int,
    activation: NDArray[np.float32] | None,
    details: Mapping[str, Any],
) -> Bundle:
    """Writes a bundle in one step: an earlier one at ``folder`` is replaced only by a whole one.

    Raises:
        RunError: it cannot be written.
    """
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        shutil.copyfile(keras_model, partial / KERAS)
        if litert is not None:
            write_bytes(partial / LITERT, litert)
        if activation is not None:
            np.save(partial / ACTIVATION, activation)
        manifest = {
            "format": FORMAT,
            "labels": list(labels),
            "input": {"size": size, "range": [0, 255], "channels": "RGB", "fit": "aspect kept, padded with grey 127"},
            "hands": hands,
            "thresholds": thresholds.as_dict(),
            **details,
            "files": {file.name: file_sha256(file) for file in sorted(partial.iterdir())},
        }
        write_json(partial / MANIFEST, {**manifest, "sha256": manifest_sha256(manifest)})
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return read_bundle(folder)


def find_bundle(path: Path) -> Bundle:
    """The bundle that a run folder or a bundle folder stands for.

    Raises:
        ModelError: there is none, it is unfinished, or a file in it is not what it was when written.
    """
    if (path / MANIFEST).is_file():
        return read_bundle(path)
    if (path / "bundle" / MANIFEST).is_file():
        return read_bundle(path / "bundle")
    if (path / "run.json").is_file():
        raise ModelError(
            f"The run {path} did not finish, so it has no model to use yet.",
            "a finished run",
            f"Go on with it: handshape train --resume {path}",
        )
    what = "There is no folder" if not path.exists() else "There is no model in"
    raise ModelError(
        f"{what} {path}.",
        "a run folder that handshape train made, or the bundle/ folder in it",
        "Train one with: handshape train DATA",
    )


def read_bundle(folder: Path) -> Bundle:
    """Reads a bundle and verifies every file.

    Raises:
        ModelError: damaged, or of a newer format.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        labels, size, files = tuple(manifest["labels"]), int(manifest["input"]["size"]), dict(manifest["files"])
        version, sha256 = int(manifest["format"]), str(manifest["sha256"])
        hands = int(manifest.get("hands", 0))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, MANIFEST, f"cannot be read ({type(error).__name__}: {error})") from None
    if version > FORMAT:
        raise ModelError(
            f"The bundle {folder} has format {version}, which this version of Handshape does not know.",
            f"format {FORMAT} or older",
            "Update: pip install --upgrade handshape",
        )
    if manifest_sha256(manifest) != sha256:
        raise _damaged(folder, MANIFEST, "has changed since it was written")
    for name, sha256 in files.items():
        file = folder / Path(name).name
        if not file.is_file():
            raise _damaged(folder, name, "is missing")
        if file_sha256(file) != sha256:
            raise _damaged(folder, name, "has changed since it was written")
    thresholds = Thresholds.from_dict(manifest["thresholds"]) if "thresholds" in manifest else Thresholds(0.0, 0.0)
    return Bundle(folder, labels, size, thresholds, hands, manifest)


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """What a manifest says of itself: the SHA-256 of the rest of it."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _damaged(folder: Path, name: str, state: str) -> ModelError:
    return ModelError(
        f"The bundle {folder} is damaged: {name} {state}.",
        "the files as handshape train wrote them",
        "Copy the bundle again from where it came.",
    )
