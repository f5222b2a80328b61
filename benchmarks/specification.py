"""The specification's recipe written plainly: ImageDataGenerator, two phases, batch norms frozen. The baseline.

usage: python benchmarks/specification.py SPLITS.csv DATA WEIGHTS
Prints one JSON object: test accuracy after each phase, and seconds.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

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


def main(splits: Path, data: Path, weights: Path) -> None:
    keras.utils.set_random_seed(0)
    parts = load(splits, data)
    classes = sorted({label for _, labels in parts.values() for label in labels})
    targets = {
        part: np.eye(len(classes))[[classes.index(label) for label in labels]] for part, (_, labels) in parts.items()
    }
    training = ImageDataGenerator(rescale=1 / 255, **AUGMENTATION).flow(
        parts["train"][0], targets["train"], batch_size=BATCH
    )
    plain = ImageDataGenerator(rescale=1 / 255)
    validation = plain.flow(parts["validation"][0], targets["validation"], batch_size=BATCH, shuffle=False)
    test = plain.flow(parts["test"][0], targets["test"], batch_size=BATCH, shuffle=False)

    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    base.load_weights(weights)
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base(keras.layers.Rescaling(2, offset=-1)(image), training=False))
    answer = keras.layers.Dense(len(classes), activation="softmax")(keras.layers.Dropout(0.2)(pooled))
    model = keras.Model(image, answer)

    fit(model, training, validation, EPOCHS, RATE)
    first = model.evaluate(test, verbose=0)[1]
    for layer in base.layers[-20:]:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    fit(model, training, validation, FINE_TUNE_EPOCHS, FINE_TUNE_RATE)
    second = model.evaluate(test, verbose=0)[1]
    print(json.dumps({"phase_one": first, "test": second, "seconds": time.perf_counter() - START}))


def fit(model, training, validation, epochs: int, rate: float) -> None:
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    callbacks = [
        keras.callbacks.EarlyStopping(patience=5, min_delta=0.001, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=1e-7),
    ]
    model.fit(training, validation_data=validation, epochs=epochs, callbacks=callbacks, verbose=0)


def load(splits: Path, data: Path) -> dict[str, tuple[np.ndarray, list[str]]]:
    rows = list(csv.DictReader(splits.open(encoding="utf-8")))
    parts = {}
    for part in ("train", "validation", "test"):
        chosen = [row for row in rows if row["part"] == part]
        images = [Image.open(data / row["path"]).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR) for row in chosen]
        parts[part] = np.stack([np.asarray(image, np.float32) for image in images]), [row["label"] for row in chosen]
    return parts


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
