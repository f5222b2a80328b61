"""Whether several workers, or several devices of one, learn what one does: the losses of the same steps, side by side.

usage: python benchmarks/workers.py [--streams hand landmarks pixels lion] [--ways 1 2 2x1 1x2 …]
A way is WORKERSxDEVICES, devices pretended on the CPU; one device alone is always the first. Trains on hands that come
with Handshape, and on made-up features for the pixel stream, with dropout and a last batch that does not divide.
Prints one JSON object: of each stream and way the largest difference of a loss and of a weight, and seconds a step.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from handshape import distributed
from handshape.config import HandStreamSettings, LandmarkStreamSettings, ModelSettings, TrainingSettings
from handshape.console import Console
from handshape.runtime import Runtime

STREAMS = ("hand", "landmarks", "pixels", "lion")  # lion: the pixel stream, fine-tuned as by default
HANDS, IMAGES, CLASSES, SEED = 197, 83, 5, 3
BATCH, WARM_UP = 12, 5  # of images; steps whose time does not count
EPOCHS = 3, 3  # of the two phases of the pixel stream: 54 steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=STREAMS)
    parser.add_argument("--ways", nargs="+", default=["1x2", "1x3", "2x1"])
    parser.add_argument("--into", type=Path, help="a worker's own part: learns, and writes what came of it")
    options = parser.parse_args()
    if options.into:
        learn(options.streams, options.into)
        return
    with tempfile.TemporaryDirectory() as folder:
        alone = learned("1x1", options.streams, Path(folder))
        found = {way: compared(alone, learned(way, options.streams, Path(folder))) for way in options.ways}
    print(json.dumps({"1x1": compared(alone, alone), **found}))


def compared(one: Any, other: Any) -> dict[str, dict[str, float]]:
    return {
        stream: {
            "steps": len(one[f"{stream} losses"]),
            "loss": float(np.abs(one[f"{stream} losses"] - other[f"{stream} losses"]).max()),
            "weight": float(np.abs(one[f"{stream} weights"] - other[f"{stream} weights"]).max()),
            "seconds_a_step": round(float(other[f"{stream} seconds"]), 5),
        }
        for stream in STREAMS
        if f"{stream} losses" in one
    }


def learned(way: str, streams: list[str], folder: Path) -> Any:
    """What came of a training in so many workers with so many devices each."""
    workers, devices = map(int, way.split("x"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    file = folder / f"{way}.npz"
    processes = []
    for rank in range(workers):
        place = {"HANDSHAPE_COORDINATOR": f"127.0.0.1:{port}", "HANDSHAPE_WORKERS": workers, "HANDSHAPE_RANK": rank}
        own = {
            "KERAS_BACKEND": "jax",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
            **({name: str(value) for name, value in place.items()} if workers > 1 else {}),
        }
        command = [sys.executable, __file__, "--into", str(file), "--streams", *streams]
        with (folder / f"{way}.{rank}.log").open("wb") as log:
            processes.append(subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log))
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("\n".join((folder / f"{way}.{rank}.log").read_text() for rank in range(workers)))
    return np.load(file)


def learn(streams: list[str], file: Path) -> None:
    place = distributed.place_from(os.environ)
    if place:
        distributed.join(place)
    import keras

    runtime = Runtime("jax", "", "float32", True, 1, 1, ())
    found = {}
    for stream in streams:
        keras.utils.set_random_seed(SEED)
        steps = Steps()
        with mock.patch.object(keras.Model, "fit", steps.recorded(keras.Model.fit)):
            network = {"hand": hand, "landmarks": landmarks}.get(stream, pixels)(stream, runtime)
        found[f"{stream} losses"] = np.array(steps.losses)
        found[f"{stream} seconds"] = np.median(np.diff(steps.times)[WARM_UP:])
        found[f"{stream} weights"] = np.concatenate([weight.ravel() for weight in network.get_weights()])
    if distributed.is_chief():
        np.savez(file, **found)
    distributed.leave()


class Steps:
    """The mean loss of an epoch after each step, and when that was."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.times: list[float] = []

    def recorded(self, fit: Any) -> Any:
        import keras

        def note(step: int, logs: dict[str, float]) -> None:
            self.losses.append(float(logs["loss"]))
            self.times.append(time.perf_counter())

        def recorded(model: Any, *data: Any, callbacks: Any, **how: Any) -> Any:
            noting = keras.callbacks.LambdaCallback(on_train_batch_end=note)
            return fit(model, *data, callbacks=[*callbacks, noting], **how)

        return recorded


def hand(stream: str, runtime: Runtime) -> Any:
    from handshape.hands.known_hands import load_known_features
    from handshape.model.streams import build_hand_stream
    from handshape.training.checkpoints import TrainingState
    from handshape.training.hand import Followed, SeenHands, train_hand
    from handshape.training.preparation import StreamTraining

    settings = HandStreamSettings(epochs=2)
    targets, weights = labels(HANDS)
    hands = SeenHands(load_known_features()[:HANDS], np.arange(HANDS), targets, weights)
    few = SeenHands(hands.features, np.arange(37), targets[:37], weights[:37])
    head = build_hand_stream(CLASSES, settings).head
    training = StreamTraining(settings, SEED, runtime)
    train_hand(head, hands, training, Console(quiet=True), Followed(few, TrainingState()))
    return head


def landmarks(stream: str, runtime: Runtime) -> Any:
    from handshape.hands.known_hands import load_known_hands
    from handshape.model.streams import build_landmark_stream
    from handshape.training.landmarks import Hands, train_landmarks
    from handshape.training.preparation import StreamTraining

    settings = LandmarkStreamSettings(epochs=3)
    hands = Hands(load_known_hands()[0][:HANDS], *labels(HANDS))
    made = build_landmark_stream(CLASSES, settings)
    train_landmarks(made, hands, StreamTraining(settings, SEED, runtime), Console(quiet=True), hands)
    return made.head


def pixels(stream: str, runtime: Runtime) -> Any:
    from handshape.model.streams import build_pixel_stream
    from handshape.model.weights import find_weights
    from handshape.training.phases import fine_tune_phase, head_phase
    from handshape.training.pixel_task import PixelData, TrainingFiles, TrainingOptions
    from handshape.training.pixels import PixelTrainer

    console, (head_epochs, tail_epochs) = Console(quiet=True), EPOCHS
    settings = ModelSettings(
        img_size=96,
        num_epochs=head_epochs,
        fine_tune_epochs=tail_epochs,
        fine_tune_optimizer="lion" if stream == "lion" else "adam",
    )
    made = build_pixel_stream(CLASSES, settings, find_weights("own", settings.img_size, console))
    rng = np.random.default_rng(SEED)
    pooled, cut = (
        rng.exponential(1.0, (2, IMAGES, *output.shape[1:])).astype(np.float16) for output in made.trunk.outputs
    )
    features: Any = SimpleNamespace(
        read=lambda name, views, rows: {"pooled": pooled, "cut": cut}[name][views, rows],
        views=2,
        augmenter=SimpleNamespace(settings=SimpleNamespace(views=2)),
        let_go=lambda: None,
    )
    rows = np.arange(IMAGES)
    data = PixelData(features, labels(IMAGES)[0], rows[17:], rows[:17])
    options = TrainingOptions(BATCH, SEED, TrainingSettings(patience=50))
    trainer = PixelTrainer(made, data, options, runtime, TrainingFiles(), console)
    for phase in (head_phase(settings), fine_tune_phase(settings)):
        trainer.run(phase)
    trainer.finish()
    return made.tail_and_head


def labels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers [N] and weights [N]."""
    rng = np.random.default_rng(SEED)
    return rng.integers(CLASSES, size=count), rng.uniform(0.5, 1.5, count).astype(np.float32)


if __name__ == "__main__":
    main()
