"""Makes the package's own starting weights, ``src/handshape/model/own_weights.npz``.

All layers of MobileNetV2 are trained, from ImageNet's weights, to tell handshapes apart: on drawn hands, and on
photographs whose licence allows weights trained on them to be passed on; as crops of the hand that the hand finder
found, before other backgrounds and in other light, and as whole images. Batch normalisation stays frozen, so that its
statistics are those of the photographs the network has seen most of.

usage: python scripts/pretrain.py --start WEIGHTS.h5 --digits FOLDER SIGNERS.csv --letters FOLDER [--drawn 150]

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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from handshape.config import AugmentationSettings
from handshape.console import Console
from handshape.data.reading import read_files
from handshape.data.samples import ImageFolder, Sample, list_samples
from handshape.data.threads import in_threads
from handshape.hands.crops import points_in_crops
from handshape.hands.geometry import LANDMARKS
from handshape.hands.inputs import Inputs
from handshape.hands.search import hand_search
from handshape.model.weights import OWN_FILE, StartingWeights, load_weights, pack_weights
from handshape.practice import HANDSHAPES, draw_practice_set
from handshape.training.augment import Augmenter

SIZE, BATCH, RATE, SMOOTHING = 128, 32, 1e-4, 0.1
AUGMENTATION = AugmentationSettings(width_shift_range=0.1, height_shift_range=0.1)
DRAWN_SEED = 20261122  # hands that no practice set shows: its seeds are small, and what was seen here must not test it
PHOTOGRAPH_COUNTS = 2  # times a photograph is seen for each time a drawing is
WHOLE_DRAWINGS = 3  # every so manieth drawing is shown whole as well; every photograph is
TARGET = Path(__file__).parents[1] / "src" / "handshape" / "model" / OWN_FILE


def main() -> None:
    options = parse()
    keras.utils.set_random_seed(options.seed)
    console = Console()
    drawn = load_drawn(options.drawn, console)
    digits, watched = load_digits(*options.digits, console)
    letters = load_all(list_samples(options.letters), None, console)
    seen = [drawn.crops(), drawn.whole(WHOLE_DRAWINGS), *[digits.crops(), digits.whole()] * PHOTOGRAPH_COUNTS]
    seen += [letters.crops(), letters.whole()] * PHOTOGRAPH_COUNTS
    views = Augmenter(
        *(np.concatenate([getattr(part, name) for part in seen]) for name in ("images", "points")), AUGMENTATION
    )
    labels = [label for part in seen for label in part.labels]
    classes = sorted(set(labels))
    targets = np.array([classes.index(label) for label in labels])
    watched_truth = np.array([classes.index(label) for label in watched.labels])

    base, model = build(options.start, len(classes), options.epochs * -(-len(views) // BATCH))
    history = train(model, views, targets, watched.inputs.image, watched_truth, options, console)
    with tempfile.TemporaryDirectory() as place:
        packed = Path(place) / OWN_FILE
        pack_weights(base, packed)
        options.out.write_bytes(packed.read_bytes())
    note(options, len(drawn.labels), len(digits.labels), len(letters.labels), history)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=Path, required=True, help="ImageNet weights of MobileNetV2 without its top")
    parser.add_argument("--digits", type=Path, nargs=2, required=True, metavar=("FOLDER", "SIGNERS"))
    parser.add_argument("--letters", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--drawn", type=int, default=150, help="drawn images a class")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@dataclass(frozen=True)
class Shown:
    """Images [N, S, S, 3], their landmarks in pixels [N, 21, 2], not numbers for whole images, and classes."""

    images: np.ndarray
    points: np.ndarray
    labels: list[str]


@dataclass(frozen=True)
class Loaded:
    """Photographs as crops and whole."""

    inputs: Inputs
    wholes: np.ndarray
    labels: list[str]

    def crops(self) -> Shown:
        return Shown(self.inputs.image, points_in_crops(self.inputs.landmarks, SIZE), self.labels)

    def whole(self, step: int = 1) -> Shown:
        images = self.wholes[::step]
        return Shown(images, np.full((len(images), LANDMARKS, 2), np.nan, np.float32), self.labels[::step])


def load_drawn(per_class: int, console: Console) -> Loaded:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "drawn"
        draw_practice_set(folder, per_class, DRAWN_SEED, HANDSHAPES, 160, console)
        return load_all(list_samples(folder), None, console)


def load_all(folder: ImageFolder, samples: Sequence[Sample] | None, console: Console) -> Loaded:
    samples = folder.samples if samples is None else samples
    files = [folder.file(sample) for sample in samples]
    crops, wholes = (read_files(files, search, SIZE, console) for search in (hand_search(console, required=True), None))
    return Loaded(crops.inputs, wholes.inputs.image, [samples[number].label for number in crops.usable])


def load_digits(root: Path, signers: Path, console: Console) -> tuple[Loaded, Loaded]:
    with signers.open(newline="", encoding="utf-8") as file:
        signer = {row["path"]: row["signer"] for row in csv.DictReader(file)}
    folder = list_samples(root)

    def between(first: str, last: str) -> Loaded:
        return load_all(folder, [each for each in folder.samples if first <= signer[each.path] <= last], console)

    return between("s000", "s079"), between("s080", "s099")


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
    views: Augmenter,
    targets: np.ndarray,
    watched: np.ndarray,
    watched_truth: np.ndarray,
    options: argparse.Namespace,
    console: Console,
) -> list[float]:
    one_hot = np.eye(int(targets.max()) + 1, dtype=np.float32)
    history = []
    for epoch in range(options.epochs):
        rng = np.random.default_rng([options.seed, epoch])
        order = rng.permutation(len(targets))
        parts = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
        start = time.perf_counter()
        with console.progress(f"epoch {epoch + 1} of {options.epochs}", len(parts)) as bar:
            drawn = in_threads(partial(draw, views, epoch), parts, 1)
            for part, batch in zip(parts, drawn, strict=True):
                model.train_on_batch(batch.astype(np.float32), one_hot[targets[part]])
                bar.advance()
        answers = model.predict(watched.astype(np.float32), batch_size=64, verbose=0).argmax(axis=1)
        history.append(float((answers == watched_truth).mean()))
        seconds = time.perf_counter() - start
        console.status("train", f"epoch {epoch + 1}: signers s080-s099 {history[-1]:.3f}, {seconds:.0f} s")
    return history


def draw(views: Augmenter, epoch: int, part: np.ndarray) -> np.ndarray:
    return views.draw(part, np.random.default_rng([part[0], epoch]))


def note(options: argparse.Namespace, drawn: int, digits: int, letters: int, history: list[float]) -> None:
    options.out.with_name("own_weights.md").write_text(
        f"""# The package's own weights

`{OWN_FILE}` holds MobileNetV2 1.0 without its top, float16, batch normalisation folded. Made by
`scripts/pretrain.py` (seed {options.seed}, {options.epochs} epochs): all layers trained, from ImageNet weights
(Apache-2.0), to tell handshapes apart.

| trained on | images | licence |
|---|---|---|
| drawn hands, 34 handshapes (`handshape sample --seed {DRAWN_SEED}`) | {drawn} | ours |
| Sign Language Digits Dataset (ardamavi), signers s000-s079 of 209 | {digits} | Apache-2.0 |
| ASL-ML (t32rahman), A-Z, one signer | {letters} | MIT |

Shown as crops of the hand and as whole images; each photograph {PHOTOGRAPH_COUNTS} times as often as each drawing. On
signers s080-s099, watched and not trained on, the share of digits answered right after each epoch:
{", ".join(f"{share:.3f}" for share in history)}.
No image of signers s100-s208 was seen.
""",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
