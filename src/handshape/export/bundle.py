"""The bundle: one folder with everything a recogniser needs to run elsewhere, each file with its SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.downloads import file_sha256
from handshape.errors import ModelError
from handshape.export.archive import pack, unpack
from handshape.export.card import card_of
from handshape.export.fit import Shape, read_activation, require_fit
from handshape.export.manifest import FORMAT, MANIFEST, damaged, manifest_sha256, read_manifest
from handshape.files import atomic_folder, cannot_read, sync, write_json
from handshape.model.decisions import Thresholds
from handshape.suggestions import did_you_mean_path

CARD = "CARD.md"
LITERT = "model.tflite"
KERAS = "model.keras"
ACTIVATION = "class_activation.npy"
TRAINED_ON = "trained_on"  # a mark of the folder of photographs
FIT = "aspect kept, padded with grey 127"


@dataclass(frozen=True)
class ModelDescription:
    """What a recogniser is asked and answers.

    Attributes:
        class_names: in the order of the network's outputs.
        size: side of the square input in pixels.
        thresholds: from what confidence on an answer is accepted.
        hands: how many hands are looked for; 0 for a model of whole images.
    """

    class_names: tuple[str, ...]
    size: int
    thresholds: Thresholds
    hands: int


@dataclass(frozen=True)
class Bundle(ModelDescription):
    """A recogniser on disk.

    Attributes:
        folder: where it lies.
        details: the whole manifest: settings, measures, versions.
    """

    folder: Path
    details: Mapping[str, Any]

    @property
    def activation(self) -> Path:
        """The file of :meth:`class_activation`; absent where that is None."""
        return self.folder / ACTIVATION

    def class_activation(self, features: int | None = None) -> NDArray[np.float32] | None:
        """The weights [F, C] of the dense layer behind the model's output ``features``, for heat maps.

        Of the hand stream, F = 384, where there is one, else of the pixel stream, 1280; None without both.

        Args:
            features: F, where the network says so.

        Raises:
            ModelError: the file holds something else.
        """
        return read_activation(self.activation, len(self.class_names), features)

    def require_fit(self, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> None:
        """Passes where the network takes what photographs give, and answers about the bundle's classes.

        Args:
            inputs: their shapes, for one photograph.
            outputs: the same, in the order of the number of their axes.

        Raises:
            ModelError: it does not.
        """
        require_fit(self.litert, inputs, outputs, len(self.class_names), self.size)

    @property
    def litert(self) -> Path:
        """The float32 LiteRT model; absent where it was trained without TensorFlow."""
        return self.folder / LITERT

    @property
    def keras(self) -> Path:
        """The Keras model."""
        return self.folder / KERAS

    @property
    def sha256(self) -> str:
        """Of the manifest, and by it of every file: two bundles with the same are the same."""
        return str(self.details["sha256"])

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, the manifest last."""
        return (*self.details["files"], MANIFEST)

    @property
    def card(self) -> str:
        """The model card, as Markdown; written anew for a bundle from before there were cards."""
        try:
            return card_of(self.details) if CARD not in self.files else (self.folder / CARD).read_text(encoding="utf-8")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise damaged(self.folder, MANIFEST, "does not say what a model card needs") from None

    def pack(self, target: Path) -> None:
        """Writes the whole bundle as one zip.

        Raises:
            RunError: it cannot be written.
        """
        pack(self.folder, self.files, target)


def write_bundle(
    folder: Path,
    model: ModelDescription,
    keras_model: Path,
    litert: bytes | None,
    activation: NDArray[np.float32] | None,
    details: Mapping[str, Any],
) -> Bundle:
    """Writes a bundle in one step: an earlier one at ``folder`` is replaced only by a whole one.

    Args:
        folder: of the bundle.
        model: what it recognises.
        keras_model: the file of the Keras model.
        litert: the float32 LiteRT model; None where there is none.
        activation: see :attr:`Bundle.activation`; None where there is none.
        details: more for the manifest: settings, measures, versions.

    Raises:
        RunError: it cannot be written.
    """
    with atomic_folder(folder) as partial:
        shutil.copyfile(keras_model, partial / KERAS)
        if litert is not None:
            (partial / LITERT).write_bytes(litert)
        if activation is not None:
            np.save(partial / ACTIVATION, activation)
        manifest = {
            "format": FORMAT,
            "labels": list(model.class_names),
            "input": {"size": model.size, "range": [0, 255], "channels": "RGB", "fit": FIT},
            "hands": model.hands,
            "thresholds": model.thresholds.as_dict(),
            **details,
        }
        (partial / CARD).write_text(card_of(manifest), encoding="utf-8")
        for file in partial.iterdir():
            sync(file)
        manifest["files"] = {file.name: file_sha256(file) for file in sorted(partial.iterdir())}
        write_json(partial / MANIFEST, {**manifest, "sha256": manifest_sha256(manifest)})
    return read_bundle(folder)


def find_bundle(path: Path) -> Bundle:
    """The bundle that a run folder, a bundle folder or the zip of one stands for.

    Raises:
        ModelError: there is none, it is unfinished, or a file in it is not what it was when written.
    """
    if _is_file(path):
        return read_bundle(unpack(path))
    for folder in (path, path / "bundle"):
        if _is_file(folder / MANIFEST):
            return read_bundle(folder)
    if _is_file(path / "run.json"):
        raise ModelError(
            f"The run {path} did not finish, so it has no model to use yet.",
            "a finished run",
            f"Go on with it: handshape {_made_by(path)} --resume {path}",
        )
    place = path if path.name not in ("", "..") else path.resolve()
    raise ModelError(
        f"There is no {'model in' if path.exists() else 'folder'} {place}.",
        "a run folder that handshape train made, the bundle/ folder in it, or a zip of that",
        did_you_mean_path(path) or "Train one with: handshape train DATA",
    )


def _made_by(run: Path) -> str:
    """The verb that a run folder says to be of."""
    with suppress(OSError, ValueError, AttributeError):
        kind = json.loads((run / "run.json").read_text(encoding="utf-8")).get("kind")
        return kind if kind in ("train", "ensemble") else "train"
    return "train"


def folder_mark(folder: Path) -> str:
    """By which a bundle knows the folder that it was trained on again, without saying where it is."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def read_bundle(folder: Path) -> Bundle:
    """Reads a bundle and verifies every file.

    Raises:
        ModelError: damaged, of a newer format, or not to be read.
    """
    if not _is_file(folder / MANIFEST):
        raise damaged(folder, MANIFEST, "is missing")
    try:
        manifest = read_manifest((folder / MANIFEST).read_bytes(), folder)
        for name, sha256 in manifest["files"].items():
            if not _is_file(folder / name):
                raise damaged(folder, name, "is missing")
            if file_sha256(folder / name) != sha256:
                raise damaged(folder, name, "has changed since it was written")
    except OSError as error:
        raise cannot_read(folder, error) from None
    class_names, size, hands = tuple(manifest["labels"]), manifest["input"]["size"], manifest.get("hands", 0)
    thresholds = Thresholds.from_dict(manifest["thresholds"]) if "thresholds" in manifest else Thresholds(0.0, 0.0)
    return Bundle(class_names, size, thresholds, hands, folder, manifest)


def _is_file(path: Path) -> bool:
    """Of one that nobody may look at, or that cannot be called so, it is wrong to say that it is missing."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise cannot_read(path, error) from None
