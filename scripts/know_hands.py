"""Makes what Handshape knows of hands beforehand, from drawn hands and from photographs whose licence allows it.

Draws hands, lets the hand finder look at them and at the photographs, and writes three files into the package, each
with its note: landmarks of right hands (``known_hands.npz``), a trunk for the hand stream that has learned all these
handshapes (``hand_trunk.npz``), and what that trunk sees of the same hands, pooled (``known_features.npz``). No
photograph is kept.

usage: python scripts/know_hands.py SOURCE=FOLDER… [--drawn 200] [--work FOLDER]

Each SOURCE is one of the table below, each FOLDER has a folder a class. Takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from hand_views import features_of_views
from numpy.typing import NDArray

from handshape.config import GpuSettings
from handshape.console import Console
from handshape.data.reading import read_files
from handshape.data.samples import list_samples
from handshape.hands import known_hands
from handshape.hands.landmarks import Hand
from handshape.hands.models import hand_models
from handshape.hands.search import hand_search
from handshape.model.streams import HAND_UNITS, build_hand_trunk
from handshape.model.weights import HAND_TRUNK_FILE
from handshape.practice import HANDSHAPES, draw_practice_set
from handshape.runtime import choose_runtime, start_runtime
from handshape.training.weighting import balanced

DRAWN_SEED = 20261123  # hands that no practice set shows: its seeds are small, and what is known must not test it
VIEWS = {"drawn": 2}  # crops of each hand, varied, beside the one as it is
OTHER_VIEWS = 10
EPOCHS, BATCH, RATE, DECAY, SMOOTHING, DROPOUT = 10, 128, 1.5e-3, 1e-2, 0.1, 0.4
SOURCES = {  # who they are and what allows it, for the note
    "drawn": ("drawn signers, 34 handshapes", "ours"),
    "hazy": ("ASL-ML by t32rahman, one signer", "MIT"),
    "crowd": ("American Sign Language Letters by David Lee, several people and rooms", "public domain"),
}
PACKAGE = Path(__file__).parents[1] / "src" / "handshape"


@dataclass(frozen=True, eq=False)
class Source:
    """Hands of one origin: N right hands and what the landmark network saw of them.

    Attributes:
        landmarks: [N, 21, 6] float32.
        maps: [N, 1 + views, 7, 7, 192] float16, the first of each as it is.
        labels: N handshapes.
    """

    name: str
    landmarks: NDArray[np.float32]
    maps: NDArray[np.float16]
    labels: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="SOURCE=FOLDER")
    parser.add_argument("--drawn", type=int, default=200, help="drawn images a handshape")
    options = parser.parse_args()
    console = Console()
    folders = dict(each.split("=", 1) for each in options.sources)
    with tempfile.TemporaryDirectory() as place:
        drawn = Path(place) / "drawn"
        draw_practice_set(drawn, options.drawn, DRAWN_SEED, HANDSHAPES, 192, console)
        found = [hands_in("drawn", drawn, console)]
        found += [hands_in(name, Path(folder), console) for name, folder in folders.items()]
    trunk = learn(found, console)
    write(found, trunk)
    console.status("done", f"{sum(len(each.labels) for each in found)} hands in {PACKAGE}")


def hands_in(name: str, folder: Path, console: Console) -> Source:
    """The hands of a folder that show one of the handshapes."""
    listed = list_samples(folder)
    samples = [sample for sample in listed.samples if sample.label in HANDSHAPES]
    readings = read_files(
        [listed.file(sample) for sample in samples], hand_search(console, required=True), 32, console, f"Hands: {name}"
    )
    assert readings.inputs is not None
    rows = np.flatnonzero(readings.inputs.found)
    shown = [(listed.file(samples[readings.usable[row]]), readings.hands[row]) for row in rows]
    views = looked_at(shown, VIEWS.get(name, OTHER_VIEWS), console)
    maps = np.concatenate([readings.inputs.hand_features[rows][:, None], views], axis=1)
    labels = tuple(samples[readings.usable[row]].label for row in rows)
    return Source(name, readings.inputs.landmarks[rows], maps, labels)


def looked_at(shown: Sequence[tuple[Path, Hand | None]], views: int, console: Console) -> NDArray[np.float16]:
    """Feature maps [N, views, 7, 7, 192] of varied crops of hands in photographs, on every core."""
    reader = hand_models(console).landmarks
    parts = [shown[start : start + 100] for start in range(0, len(shown), 100)]
    with ProcessPoolExecutor(os.cpu_count()) as pool, console.progress("Varied crops", len(parts)) as bar:
        made = []
        for maps in pool.map(features_of_views, parts, range(len(parts)), [views] * len(parts), [reader] * len(parts)):
            made.append(maps)
            bar.advance()
    return np.concatenate(made)


def learn(found: Sequence[Source], console: Console) -> keras.Model:
    """A trunk that tells all handshapes apart, of all sources alike."""
    start_runtime(choose_runtime(GpuSettings()), GpuSettings(), seed=0)
    trunk = build_hand_trunk(weights=False)
    entry = keras.Input(trunk.input_shape[1:])
    pooled = keras.layers.GlobalAveragePooling2D()(trunk(entry))
    answers = keras.layers.Dense(len(HANDSHAPES), activation="softmax")(keras.layers.Dropout(DROPOUT)(pooled))
    network = keras.Model(entry, answers)
    maps = np.concatenate([each.maps.reshape(-1, *each.maps.shape[2:]) for each in found])
    targets = np.concatenate(
        [np.repeat([HANDSHAPES.index(label) for label in each.labels], each.maps.shape[1]) for each in found]
    )
    source = np.repeat(np.arange(len(found)), [len(each.labels) * each.maps.shape[1] for each in found])
    batches = Batches(maps, targets, balanced(targets, source))
    network.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * len(batches)), weight_decay=DECAY
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        weighted_metrics=["accuracy"],
        jit_compile=False,
    )
    console.status("train", f"Training the trunk on {len(maps)} crops of {Counter(source.tolist())}")
    network.fit(batches, epochs=EPOCHS, shuffle=False, verbose=2)
    return trunk


class Batches(keras.utils.PyDataset):
    """All crops once an epoch, in a new order."""

    def __init__(self, maps: NDArray[np.float16], targets: NDArray[np.int64], weights: NDArray[np.float32]) -> None:
        super().__init__()
        self.maps, self.weights = maps, weights
        self.targets = np.eye(len(HANDSHAPES), dtype=np.float32)[targets]
        self.rng = np.random.default_rng(0)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.maps))

    def __len__(self) -> int:
        return -(-len(self.maps) // BATCH)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], ...]:
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        return self.maps[rows].astype(np.float32), self.targets[rows], self.weights[rows]


def write(found: Sequence[Source], trunk: keras.Model) -> None:
    """The three files, and the note of where the hands come from."""
    weights = [value.astype(np.float16) for value in trunk.get_weights()]
    np.savez_compressed(PACKAGE / "model" / HAND_TRUNK_FILE, *weights)
    trunk.set_weights([value.astype(np.float32) for value in weights])  # what is seen is what the shipped one sees
    hands = PACKAGE / "hands"
    landmarks = np.concatenate([each.landmarks for each in found])
    labels = [label for each in found for label in each.labels]
    np.savez_compressed(hands / known_hands.FILE, landmarks=landmarks.astype(np.float16), labels=np.array(labels))
    plain = np.concatenate([each.maps[:, 0] for each in found]).astype(np.float32)
    pooled = trunk.predict(plain, batch_size=256, verbose=0).mean(axis=(1, 2))
    step = np.maximum(pooled.max(axis=0), 1e-6) / 255
    np.savez_compressed(
        hands / known_hands.FEATURES_FILE, steps=np.rint(pooled / step).astype(np.uint8), step=step.astype(np.float32)
    )
    rows = "\n".join(
        f"| {' | '.join((SOURCES[each.name][0], str(len(each.labels)), SOURCES[each.name][1]))} |" for each in found
    )
    (hands / "known_hands.md").write_text(
        NOTE.format(seed=DRAWN_SEED, rows=rows, units=HAND_UNITS[1]), encoding="utf-8"
    )


NOTE = """\
# Known hands

Made by `scripts/know_hands.py` with MediaPipe's hand models (Apache-2.0), from these hands; the drawn ones are of seed
{seed}.

| hands of | hands | licence |
|---|---|---|
{rows}

`known_hands.npz` holds their landmarks: 21 points in the photograph and in metres, of right hands, float16.
`known_features.npz` holds what the trunk of the hand stream sees of them, {units} numbers each in 256 steps.
`model/hand_trunk.npz` is that trunk, which learned from the same hands, from varied crops as well.
"""


if __name__ == "__main__":
    main()
