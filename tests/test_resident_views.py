"""On a JAX accelerator, pretended here by a CPU, features lie in its memory, and images are moved there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from test_training import TARGETS, TRAIN, features  # noqa: F401

from handshape.training.batches import ResidentViews, StoredViews, TrainingRows, views_to_show
from handshape.training.distribution import OneDevice
from handshape.training.phases import Phase

HEAD = Phase(1, "head", "pooled", 3, 1e-3, "adam", 1, 20)
TAIL = Phase(2, "fine-tuning", "cut", 2, 1e-4, "lion", 2, 30)
ROWS = TRAIN[3:]


@pytest.mark.parametrize("phase", [HEAD, TAIL])
def test_their_batches_are_those_of_stored_views(phase, features):  # noqa: F811
    rows = TrainingRows(features, ROWS, np.eye(3, dtype=np.float32)[TARGETS[ROWS]])
    stored, resident = (kind(rows, 8, phase, 5, OneDevice()) for kind in (StoredViews, ResidentViews))
    for epoch in (0, 1, 0):
        for batches in (stored, resident):
            batches.start_epoch(epoch)
        assert len(stored) == len(resident)
        for index in range(len(stored)):
            for one, other in zip(stored[index], resident[index], strict=True):
                np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(other))


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
import numpy as np
from helpers import started_runtime, untrained_stream
from handshape.config import ModelSettings
from handshape.console import Console
from handshape.training import pixels
from handshape.training.augment.affine import draw_affines, warp
from handshape.training.trunks import copied, frozen_trunk
from test_training import MODEL, SIZE, colour_features, new_trainer
from handshape.training.phases import fine_tune_phase, head_phase

folder, made = Path(sys.argv[1]), []
runtime = started_runtime()
card = replace(runtime, accelerator="one that is pretended")
features = colour_features(folder / "features", views=2)
images, affines = features.augmenter.vary(np.arange(5), np.random.default_rng(0))
trunk = frozen_trunk(copied(untrained_stream().trunk), card, Console(quiet=True))
for one, other in zip(trunk(images, affines), trunk(warp(images, affines)), strict=True):
    np.testing.assert_allclose(one, other, atol=1e-4)

class Noted(pixels.ResidentViews):
    def __init__(self, *args):
        made.append(args[2].name)
        if Noted.full:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        super().__init__(*args)

pixels.ResidentViews = Noted
weights = []
for name, machine, full in (("host", runtime, False), ("card", card, False), ("full", card, True)):
    Noted.full = full
    trainer = new_trainer(features, Console(quiet=True), folder / name)
    trainer.runtime = machine
    trainer.run(head_phase(MODEL))
    if name != "full":
        trainer.run(fine_tune_phase(ModelSettings(img_size=SIZE, fine_tune_epochs=1)))
    weights.append([trainer.state.history["loss"][:2], *trainer.stream.model.get_weights()])
assert made == ["head", "fine-tuning", "head"], made
for one, other in zip(*weights[:2], strict=True):
    np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
np.testing.assert_allclose(weights[0][0], weights[2][0], rtol=1e-5)
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
