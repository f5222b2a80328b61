"""What Handshape is measured against on strangers: whole images by the specification's recipe, and plain landmarks.

usage: python benchmarks/baselines.py {pixels,landmarks} SPLITS.csv DATA WEIGHTS
SPLITS.csv holds path, label, part and group, its test photographs those of strangers, each path beginning with the
name of its set. Prints one JSON object: accuracy on the validation photographs and on each set.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from handshape.console import Console
from handshape.data.reading import read_files
from handshape.data.samples import Sample
from handshape.data.splits import read_splits
from handshape.hands.geometry import BONES, KNUCKLES, LANDMARKS
from handshape.hands.landmarks import Hand
from handshape.hands.search import hand_search
from handshape.runtime import native_chatter_hidden

UNITS, DROPOUT, EPOCHS, BATCH, RATE, PATIENCE = (256, 128), 0.3, 100, 64, 1e-3, 10
Labelled = tuple[np.ndarray, np.ndarray]  # features [N, F] and class numbers [N]
PAIRS = np.triu_indices(LANDMARKS, 1)


def main(method: str, splits: Path, data: Path, weights: Path) -> None:
    parts = read_splits(splits)
    with native_chatter_hidden():
        right = pixels(splits, data, weights) if method == "pixels" else landmarks(parts, data)
    sets = np.array([sample.path.partition("/")[0] for sample in parts["test"]])
    accuracy = {str(name): float(right["test"][sets == name].mean()) for name in dict.fromkeys(sets)}
    print(json.dumps({"own": float(right["validation"].mean()), "accuracy": accuracy}))


def pixels(splits: Path, data: Path, weights: Path) -> dict[str, np.ndarray]:
    """Which photographs of each part MobileNetV2 on whole images is right about."""
    import specification

    model = recipe_model(splits, data, weights)
    parts = specification.load(splits, data)
    classes = sorted({label for _, labels in parts.values() for label in labels})
    right = {}
    for part in ("validation", "test"):
        images, labels = parts.pop(part)
        images /= 255
        answers = model.predict(images, batch_size=specification.BATCH, verbose=0).argmax(axis=1)
        right[part] = np.array(classes)[answers] == np.array(labels)
    return right


def recipe_model(splits: Path, data: Path, weights: Path) -> Any:
    """The model that the recipe ends with; its script only says how good that is."""
    import specification

    fit, fitted = specification.fit, []

    def fit_and_keep(model: Any, *rest: Any) -> float:
        fitted.append(model)
        return fit(model, *rest)

    with mock.patch.object(specification, "fit", fit_and_keep):
        specification.main(splits, data, weights)
    return fitted[-1]


def landmarks(parts: Mapping[str, Sequence[Sample]], data: Path) -> dict[str, np.ndarray]:
    """Which photographs of each part a small network on landmarks is right about; without a hand it is wrong."""
    console = Console(quiet=True)
    search = hand_search(console, required=True)
    classes = sorted({sample.label for sample in parts["train"]})
    seen = {}
    for part, samples in parts.items():
        hands = read_files([data / sample.path for sample in samples], search, None, console).hands
        found = np.array([hand is not None for hand in hands])
        seen[part] = features([hand for hand in hands if hand is not None]), numbers(samples, classes), found
    model = fit_landmarks(
        len(classes), *((shapes, targets[found]) for shapes, targets, found in list(seen.values())[:2])
    )
    right = {}
    for part in ("validation", "test"):
        shapes, targets, found = seen[part]
        right[part] = np.zeros(len(found), bool)
        right[part][found] = model.predict(shapes, verbose=0).argmax(axis=1) == targets[found]
    return right


def numbers(samples: Sequence[Sample], classes: Sequence[str]) -> np.ndarray:
    return np.array([classes.index(sample.label) for sample in samples])


def features(hands: Sequence[Hand]) -> np.ndarray:
    """[N, 333] float32: joints from the wrist in hand sizes, left hands mirrored; directions of bones; distances."""
    points = np.stack([hand.landmarks * (-1 if hand.handedness == "Left" else 1, 1, 1) for hand in hands])
    points -= points[:, :1]
    points /= np.linalg.norm(points[:, KNUCKLES].mean(axis=1), axis=1)[:, None, None] + 1e-6
    starts, ends = np.transpose(BONES)
    bones = points[:, ends] - points[:, starts]
    bones /= np.linalg.norm(bones, axis=2, keepdims=True) + 1e-6
    distances = np.linalg.norm(points[:, PAIRS[0]] - points[:, PAIRS[1]], axis=2)
    count = len(points)
    return np.concatenate([points.reshape(count, -1), bones.reshape(count, -1), distances], axis=1, dtype=np.float32)


def fit_landmarks(classes: int, train: Labelled, validation: Labelled) -> Any:
    """Two dense layers on standardised features; ends at the epoch with the least validation loss."""
    import keras

    keras.utils.set_random_seed(0)
    scale = keras.layers.Normalization()
    scale.adapt(train[0])
    hidden = [layer for units in UNITS for layer in (dense(units), keras.layers.Dropout(DROPOUT))]
    model = keras.Sequential([scale, *hidden, keras.layers.Dense(classes, activation="softmax")])
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", jit_compile=False)
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    model.fit(*train, validation_data=validation, batch_size=BATCH, epochs=EPOCHS, callbacks=[stop], verbose=0)
    return model


def dense(units: int) -> Any:
    import keras

    return keras.layers.Dense(units, activation="relu")


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1], *(Path(argument) for argument in sys.argv[2:5]))
