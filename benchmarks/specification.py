"""The specification's recipe written plainly: ImageDataGenerator, two phases, batch norms frozen. The baseline.

usage: python benchmarks/specification.py SPLITS.csv DATA WEIGHTS [--pipeline] [--timed EPOCHS] [--seed 0]
With --pipeline its photographs come from a good tf.data pipeline and are varied by Keras' layers instead. With --timed
so many epochs of each phase are trained, after one that is not counted, and multiplied: accuracies are then those of
a model that has hardly learned. Prints one JSON object: test accuracy after each phase, and seconds.
"""

import argparse
import csv
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
START = time.perf_counter()

import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

SIZE, BATCH, EPOCHS, FINE_TUNE_EPOCHS, RATE, FINE_TUNE_RATE = 128, 64, 25, 10, 1e-3, 1e-4
AUGMENTATION = {
    "rotation_range": 20,
    "zoom_range": 0.2,
    "shear_range": 0.2,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "horizontal_flip": True,
}


def main(splits: Path, data: Path, weights: Path, pipeline: bool = False, timed: int = 0, seed: int = 0) -> None:
    keras.utils.set_random_seed(seed)
    training, validation, test, classes = (piped if pipeline else generated)(splits, data)
    loaded = time.perf_counter() - START
    model, base = built(classes, weights)
    seconds = {"load": loaded, "head": fit(model, training, validation, EPOCHS, RATE, timed)}
    first = evaluated(model, test)
    for layer in base.layers[-20:]:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    seconds["fine_tune"] = fit(model, training, validation, FINE_TUNE_EPOCHS, FINE_TUNE_RATE, timed)
    start = time.perf_counter()
    second = evaluated(model, test)
    seconds["evaluate"] = time.perf_counter() - start
    whole = sum(seconds.values()) if timed else time.perf_counter() - START
    print(json.dumps({"phase_one": first, "test": second, "seconds": whole, "stages": seconds}))


def built(classes: int, weights: Path) -> tuple[Any, Any]:
    """The recipe's network, and its base."""
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    base.load_weights(weights)
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base(keras.layers.Rescaling(2, offset=-1)(image), training=False))
    answer = keras.layers.Dense(classes, activation="softmax")(keras.layers.Dropout(0.2)(pooled))
    return keras.Model(image, answer), base


def fit(model: Any, training: Any, validation: Any, epochs: int, rate: float, timed: int = 0) -> float:
    """The seconds of a phase; trained whole, or a few of its epochs and multiplied."""
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    callbacks = [
        keras.callbacks.EarlyStopping(patience=5, min_delta=0.001, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=1e-7),
    ]
    if timed:
        model.fit(training, validation_data=validation, epochs=1, verbose=0)
    start = time.perf_counter()
    model.fit(training, validation_data=validation, epochs=timed or epochs, callbacks=callbacks, verbose=0)
    seconds = time.perf_counter() - start
    return seconds / timed * epochs if timed else seconds


def evaluated(model: Any, images: Any) -> float:
    return float(model.evaluate(images, verbose=0)[1])


def generated(splits: Path, data: Path) -> tuple[Any, Any, Any, int]:
    """Training, validation and test by ImageDataGenerator, and the number of classes."""
    parts = load(splits, data)
    classes = sorted({label for _, labels in parts.values() for label in labels})
    targets = {
        part: np.eye(len(classes))[[classes.index(label) for label in labels]] for part, (_, labels) in parts.items()
    }
    varied, plain = ImageDataGenerator(rescale=1 / 255, **AUGMENTATION), ImageDataGenerator(rescale=1 / 255)
    training = varied.flow(parts["train"][0], targets["train"], batch_size=BATCH)
    others = [
        plain.flow(parts[part][0], targets[part], batch_size=BATCH, shuffle=False) for part in ("validation", "test")
    ]
    return training, *others, len(classes)


def load(splits: Path, data: Path) -> dict[str, tuple[np.ndarray, list[str]]]:
    parts = {}
    for part, rows in rows_of(splits).items():
        images = [Image.open(data / row["path"]).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR) for row in rows]
        parts[part] = np.stack([np.asarray(image, np.float32) for image in images]), [row["label"] for row in rows]
    return parts


def rows_of(splits: Path) -> dict[str, list[dict[str, str]]]:
    rows = list(csv.DictReader(splits.open(encoding="utf-8")))
    return {part: [row for row in rows if row["part"] == part] for part in ("train", "validation", "test")}


def piped(splits: Path, data: Path) -> tuple[Any, Any, Any, int]:
    """The same by tf.data: decoded in parallel, kept in memory, varied by Keras' layers in parallel, fetched ahead."""
    import tensorflow as tf

    parts = rows_of(splits)
    classes = sorted({row["label"] for rows in parts.values() for row in rows})
    vary = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(AUGMENTATION["rotation_range"] / 360, fill_mode="nearest"),
            keras.layers.RandomZoom(AUGMENTATION["zoom_range"], fill_mode="nearest"),
            keras.layers.RandomTranslation(
                AUGMENTATION["height_shift_range"], AUGMENTATION["width_shift_range"], fill_mode="nearest"
            ),
        ]
    )

    def decoded(path: Any, target: Any) -> tuple[Any, Any]:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.cast(tf.image.resize(image, (SIZE, SIZE)), tf.uint8), tf.one_hot(target, len(classes))

    def dataset(part: str) -> Any:
        rows = parts[part]
        names, targets = [str(data / row["path"]) for row in rows], [classes.index(row["label"]) for row in rows]
        images = tf.data.Dataset.from_tensor_slices((names, targets)).map(decoded, tf.data.AUTOTUNE).cache()
        if part == "train":
            images = images.shuffle(len(rows)).batch(BATCH)
            images = images.map(lambda image, target: (vary(image, training=True), target), tf.data.AUTOTUNE)
        else:
            images = images.batch(BATCH)
        scaled = images.map(lambda image, target: (tf.cast(image, tf.float32) / 255, target), tf.data.AUTOTUNE)
        return scaled.prefetch(tf.data.AUTOTUNE)

    return dataset("train"), dataset("validation"), dataset("test"), len(classes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("splits", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--pipeline", action="store_true")
    parser.add_argument("--timed", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
