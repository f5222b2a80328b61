"""On a JAX accelerator, pretended here by a CPU, features lie in its memory, and many steps are one call."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from test_training import TARGETS, TRAIN, features  # noqa: F401

from handshape.console import Console
from handshape.training.batches import StoredViews, TrainingRows, views_to_show
from handshape.training.distribution import OneAccelerator, OneDevice
from handshape.training.phases import Phase

HEAD = Phase(1, "head", "pooled", 3, 1e-3, "adam", 1, 20)
TAIL = Phase(2, "fine-tuning", "cut", 2, 1e-4, "lion", 2, 30)
ROWS = TRAIN[3:]


@pytest.mark.parametrize("phase", [HEAD, TAIL])
@pytest.mark.parametrize("steps", [1, 2, 100])
def test_calls_on_an_accelerator_are_the_batches_in_their_order(steps, phase, features):  # noqa: F811
    rows = TrainingRows(features, ROWS, np.eye(3, dtype=np.float32)[TARGETS[ROWS]])
    among = OneAccelerator(Console(quiet=True))
    among.steps, whole = steps, phase.shown(len(ROWS))
    plain, calls = StoredViews(rows, 8, phase, 5, OneDevice()), StoredViews(rows, 8, phase, 5, among)
    assert whole % 8, "there is nothing to fill up"
    for epoch in (0, 1, 0):
        for batches in (plain, calls):
            batches.start_epoch(epoch)
        sizes = [len(call[1]) for call in calls]
        assert all(size % 8 == 0 and size <= 8 * steps for size in sizes)
        assert len(calls) == len(plain) if steps == 1 else len(calls) < len(plain)
        shown = [(np.asarray(there_are)[places], wanted) for (places, there_are), wanted in calls]
        for one, other in zip(zip(*plain, strict=True), zip(*shown, strict=True), strict=True):
            one, other = np.concatenate(one), np.concatenate(other)
            np.testing.assert_array_equal(one, other[:whole])
            np.testing.assert_array_equal(other[whole:], one[: len(other) - whole])


def test_what_is_shown_is_known_beforehand(features):  # noqa: F811
    shape = (features.views, len(features.cells))
    shown = np.zeros(shape, bool)
    for phase in (HEAD, TAIL):
        rows = TrainingRows(features, ROWS, np.eye(3, dtype=np.float32)[TARGETS[ROWS]])
        batches = StoredViews(rows, 8, phase, 5, OneDevice())
        for epoch in range(phase.epochs):
            batches.start_epoch(epoch)
            shown[batches.views, ROWS[batches.order]] = True
    np.testing.assert_array_equal(views_to_show(ROWS, (HEAD, TAIL), 5, shape), shown)
    assert 0 < shown.sum() < shown[:, ROWS].size
    assert not np.delete(shown, ROWS, axis=1).any()


JAX = """
import sys
from dataclasses import replace
from pathlib import Path
import keras
import numpy as np
from helpers import started_runtime, untrained_stream
from handshape.config import HandStreamSettings, LandmarkStreamSettings, ModelSettings
from handshape.console import Console
from handshape.model.streams import build_hand_stream, build_landmark_stream
from handshape.training import hand, landmarks
from handshape.training.augment.affine import warp
from handshape.training.distribution import OneAccelerator, OneDevice
from handshape.training.phases import fine_tune_phase, head_phase
from handshape.training.preparation import StreamTraining
from handshape.training.trunks import copied, frozen_trunk
from test_training import MODEL, SIZE, colour_features, new_trainer

folder, quiet = Path(sys.argv[1]), Console(quiet=True)
runtime = started_runtime()
card = replace(runtime, accelerator="one that is pretended")
machines = {"host": (runtime, 0), "card": (card, 2**31), "full": (card, 0)}
kept, keep = [], OneAccelerator.kept


def within(room):
    def small(self, parts):
        def taken():
            for part in parts:
                if part.nbytes > room:
                    raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
                yield part
        made = keep(self, taken())
        kept.append(made is not None)
        return made
    return small


def same(train):
    made = []
    for name, (machine, room) in machines.items():
        kept.clear()
        OneAccelerator.kept = within(room)
        keras.utils.set_random_seed(0)
        made.append(train(name, machine))
        assert set(kept) <= {name == "card"}, (name, kept)
        assert name == "host" or kept or train is by_landmarks
    for other in made[1:]:
        for one, another in zip(made[0], other, strict=True):
            np.testing.assert_allclose(one, another, atol=2e-5, rtol=1e-4)


def by_pixels(name, machine):
    trainer = new_trainer(features, quiet, folder / name)
    trainer.runtime = machine
    trainer._class_weights = {0: 0.5, 1: 2.0, 2: 1.0}
    trainer.run(head_phase(MODEL))
    trainer.run(fine_tune_phase(ModelSettings(img_size=SIZE, fine_tune_epochs=1)))
    return [*trainer.state.history.values(), *trainer.stream.model.get_weights()]


def by_hands(name, machine):
    rng, stream = np.random.default_rng(0), build_hand_stream(3, HandStreamSettings())
    features = rng.standard_normal((200, *stream.head.input.shape[1:])).astype(np.float16)
    rows, targets = np.arange(0, 200, 2)[::-1], np.arange(100) % 4 - 1
    hands = hand.SeenHands(features, rows, targets, rng.random(100).astype(np.float32))
    seen = hand.SeenHands(features, np.arange(1, 200, 2), targets, np.ones(100, np.float32))
    followed = hand.Followed(seen, hand.TrainingState())
    hand.train_hand(stream.head, hands, StreamTraining(HandStreamSettings(epochs=2), 0, machine), quiet, followed)
    return [*followed.state.history.values(), *stream.head.get_weights()]


def by_landmarks(name, machine):
    rng, stream = np.random.default_rng(0), build_landmark_stream(3, LandmarkStreamSettings())
    points = rng.random((300, 21, 6)).astype(np.float32)
    hands = landmarks.Hands(points, np.arange(300) % 3, np.ones(300, np.float32))
    landmarks.train_landmarks(stream, hands, StreamTraining(LandmarkStreamSettings(epochs=2), 0, machine), quiet)
    return stream.head.get_weights()


features = colour_features(folder / "features", views=2)
images, affines = features.augmenter.vary(np.arange(5), np.random.default_rng(0))
trunk = frozen_trunk(copied(untrained_stream().trunk), card, quiet)
for one, other in zip(trunk(images, affines), trunk(warp(images, affines)), strict=True):
    assert one.dtype == np.float16
    np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)
OneAccelerator.filled = OneDevice.filled  # else the two learn from other batches
for train in (by_pixels, by_hands, by_landmarks):
    same(train)
"""


@pytest.mark.slow
def test_a_training_on_an_accelerator_is_that_on_a_cpu(tmp_path):
    pytest.importorskip("jax")
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", JAX, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
