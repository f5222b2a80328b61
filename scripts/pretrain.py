"""Makes the package's own starting weights, ``src/handshape/model/own_weights.npz``.

All layers of MobileNetV2 are trained, from ImageNet's weights, to tell handshapes apart: on drawn hands, and on
photographs whose licence allows weights trained on them to be passed on. Batch normalisation stays frozen, so that
its statistics are those of the photographs the network has seen most of.

usage: python scripts/pretrain.py --start WEIGHTS.h5 --digits FOLDER SIGNERS.csv --letters FOLDER [--drawn 100]

``--digits`` is the Sign Language Digits Dataset (Apache-2.0), of which only signers s000 to s099 are used: the first
eighty to learn from, the others to watch. ``--letters`` is a folder A-Z of one signer (MIT). Writes the weights and
a note of how they were made, ``own_weights.md``, beside them.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from handshape.config import AugmentationSettings
from handshape.console import Console
from handshape.data.drawn import draw_practice_set
from handshape.data.samples import Sample, list_samples
from handshape.data.store import decode_images
from handshape.model.weights import OWN_FILE, StartingWeights, load_weights, pack_weights
from handshape.training.augment import draw_affines, warp

SIZE, BATCH, RATE, SMOOTHING = 128, 32, 1e-4, 0.1
AUGMENTATION = AugmentationSettings(width_shift_range=0.1, height_shift_range=0.1)
DRAWN_SEED = 20261122  # hands that no practice set shows: its seeds are small, and what was seen here must not test it
PHOTOGRAPH_COUNTS = 2  # times a photograph is seen for each time a drawing is
TARGET = Path(__file__).parents[1] / "src" / "handshape" / "model" / OWN_FILE


def main() -> None:
    options = parse()
    keras.utils.set_random_seed(options.seed)
    console = Console()
    drawn, drawn_labels = load_drawn(options.drawn, console)
    digits, digit_labels, watched, watched_labels = load_digits(*options.digits, console)
    letters, letter_labels = load_folder(options.letters, console)
    images = np.concatenate([drawn, *[digits, letters] * PHOTOGRAPH_COUNTS])
    labels = drawn_labels + (digit_labels + letter_labels) * PHOTOGRAPH_COUNTS
    classes = sorted(set(labels))
    truth = np.array([classes.index(label) for label in labels])
    watched_truth = np.array([classes.index(label) for label in watched_labels])

    base, model = build(options.start, len(classes), options.epochs * -(-len(images) // BATCH))
    history = train(model, images, truth, watched, watched_truth, options, console)
    with tempfile.TemporaryDirectory() as place:
        packed = Path(place) / OWN_FILE
        pack_weights(base, packed)
        TARGET.write_bytes(packed.read_bytes())
    note(options, len(drawn), len(digits), len(letters), history)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=Path, required=True, help="ImageNet weights of MobileNetV2 without its top")
    parser.add_argument("--digits", type=Path, nargs=2, required=True, metavar=("FOLDER", "SIGNERS"))
    parser.add_argument("--letters", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--drawn", type=int, default=100, help="drawn images a class")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def load_drawn(per_class: int, console: Console) -> tuple[np.ndarray, list[str]]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "drawn"
        draw_practice_set(folder, per_class, DRAWN_SEED, None, 160, console)
        return load_folder(folder, console)


def load_folder(root: Path, console: Console) -> tuple[np.ndarray, list[str]]:
    folder = list_samples(root)
    return decode_images(folder, folder.samples, SIZE, console), [sample.label for sample in folder.samples]


def load_digits(root: Path, signers: Path, console: Console) -> tuple[np.ndarray, list[str], np.ndarray, list[str]]:
    with signers.open(newline="", encoding="utf-8") as file:
        signer = {row["path"]: row["signer"] for row in csv.DictReader(file)}
    folder = list_samples(root)

    def between(first: str, last: str) -> list[Sample]:
        return [sample for sample in folder.samples if first <= signer[sample.path] <= last]

    learned, watched = between("s000", "s079"), between("s080", "s099")
    return (
        decode_images(folder, learned, SIZE, console),
        [sample.label for sample in learned],
        decode_images(folder, watched, SIZE, console),
        [sample.label for sample in watched],
    )


def build(start: Path, classes: int, steps: int) -> tuple[keras.Model, keras.Model]:
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    load_weights(base, StartingWeights("file", start, "given"))
    for layer in base.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    image = keras.Input((SIZE, SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base(keras.layers.Rescaling(1 / 127.5, offset=-1)(image)))
    answer = keras.layers.Dense(classes, activation="softmax")(keras.layers.Dropout(0.2)(pooled))
    model = keras.Model(image, answer)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=RATE, warmup_steps=steps // 20)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, global_clipnorm=1.0)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return base, model


def train(
    model: keras.Model,
    images: np.ndarray,
    truth: np.ndarray,
    watched: np.ndarray,
    watched_truth: np.ndarray,
    options: argparse.Namespace,
    console: Console,
) -> list[float]:
    one_hot = np.eye(int(truth.max()) + 1, dtype=np.float32)
    history = []
    for epoch in range(options.epochs):
        rng = np.random.default_rng([options.seed, epoch])
        order = rng.permutation(len(images))
        start = time.perf_counter()
        model.reset_metrics()
        with console.progress(f"epoch {epoch + 1} of {options.epochs}", -(-len(order) // BATCH)) as bar:
            for first in range(0, len(order), BATCH):
                chosen = order[first : first + BATCH]
                batch = lit(rng, warp(images[chosen], draw_affines(rng, len(chosen), SIZE, AUGMENTATION)))
                model.train_on_batch(batch, one_hot[truth[chosen]])
                bar.advance()
        answers = model.predict(watched.astype(np.float32), batch_size=64, verbose=0).argmax(axis=1)
        history.append(float((answers == watched_truth).mean()))
        seconds = time.perf_counter() - start
        console.status("train", f"epoch {epoch + 1}: signers s080-s099 {history[-1]:.3f}, {seconds:.0f} s")
    return history


def lit(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """Other light: brightness, contrast and the colour of the lamp, an image at a time."""
    shape = (len(images), 1, 1, 1)
    gain = rng.uniform(0.7, 1.3, shape) * rng.uniform(0.9, 1.1, (len(images), 1, 1, 3))
    return np.clip((images - 127.5) * gain + 127.5 + rng.uniform(-30, 30, shape), 0, 255).astype(np.float32)


def note(options: argparse.Namespace, drawn: int, digits: int, letters: int, history: list[float]) -> None:
    TARGET.with_name("own_weights.md").write_text(
        f"""# The package's own weights

`{OWN_FILE}` holds MobileNetV2 1.0 without its top, float16, batch normalisation folded. Made by
`scripts/pretrain.py` (seed {options.seed}, {options.epochs} epochs): all layers trained, from ImageNet weights
(Apache-2.0), to tell handshapes apart.

| trained on | images | licence |
|---|---|---|
| drawn hands, 34 handshapes (`handshape sample --seed {DRAWN_SEED}`) | {drawn} | ours |
| Sign Language Digits Dataset (ardamavi), signers s000-s079 of 209 | {digits} | Apache-2.0 |
| ASL-ML (t32rahman), A-Z, one signer | {letters} | MIT |

Each photograph was seen {PHOTOGRAPH_COUNTS} times as often as each drawing. On signers s080-s099, watched and not
trained on, the share of digits answered right after each epoch: {", ".join(f"{share:.3f}" for share in history)}.
No image of signers s100-s208 was seen.
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
