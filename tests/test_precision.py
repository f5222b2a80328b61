"""Half precision: where it is chosen, and how a training goes back to float32 when its loss is no number."""

from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, new_pixel_stream, require_same_arrays, started_runtime
from test_training import MODEL, TARGETS, TRAIN, VALIDATION, features, train  # noqa: F401

from handshape.config import GpuSettings, TrainingSettings
from handshape.console import Console
from handshape.devices import Accelerator
from handshape.errors import DivergedError, RuntimeUnavailableError
from handshape.precision import BRAIN, FULL, HALF, choose_precision, full_precision, set_precision
from handshape.training.checkpoints import TrainingState
from handshape.training.phases import head_phase
from handshape.training.pixel_task import PixelData, TrainingFiles, TrainingOptions
from handshape.training.pixels import PixelTrainer
from handshape.training.trunks import copied, frozen_trunk


def card(capability: float) -> Accelerator:
    return Accelerator("a card", capability=capability)


@pytest.mark.parametrize(
    ("settings", "accelerator", "policy", "told"),
    [
        ({}, None, FULL, "a CPU computes float32 fastest"),
        ({}, card(6.1), FULL, "6.1"),
        ({}, card(7.5), HALF, "the loss is scaled"),
        ({}, card(8.0), BRAIN, "8.0"),
        ({}, card(12.0), BRAIN, "bfloat16"),
        ({}, card(0), FULL, "does not say"),
        ({}, Accelerator("TPU v5e", is_tpu=True), BRAIN, "a TPU"),
        ({"use_mixed_precision": False}, card(8.0), FULL, "gpu.use_mixed_precision is off"),
        ({"precision": "mixed_float16"}, card(8.0), HALF, "gpu.precision says so"),
        ({"precision": "float32"}, card(8.0), FULL, "gpu.precision says so"),
        ({"precision": "mixed_bfloat16", "use_mixed_precision": False}, None, BRAIN, "a CPU is slower in it"),
    ],
)
def test_precision_is_chosen_by_what_the_card_gains(settings, accelerator, policy, told):
    chosen, reason = choose_precision(GpuSettings(**settings), accelerator)
    assert chosen == policy
    assert told in reason


@pytest.mark.parametrize("policy", [HALF, BRAIN])
def test_a_network_changes_its_numbers_and_back(policy, tmp_path):
    stream = new_pixel_stream()
    images = np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)

    def answers():
        return np.asarray(stream.model.predict(images, verbose=0)["probabilities"], np.float32)

    before = answers()
    set_precision(stream.model, policy)
    rough = answers()
    assert 0 < np.abs(rough - before).max() < 0.05
    assert {layer.dtype_policy.name for layer in stream.backbone.tail.layers} == {policy}
    assert stream.logits.dtype_policy.name == FULL
    assert {variable.dtype for variable in stream.model.variables} <= {"float32", "uint32", "int64"}
    with full_precision(stream.model):
        stream.model.save(tmp_path / "model.keras")
    saved = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(saved.predict(images, verbose=0)["probabilities"]), before)
    np.testing.assert_array_equal(answers(), rough)
    set_precision(stream.model, FULL)
    np.testing.assert_array_equal(answers(), before)


def new_trainer(features, policy, folder, console=None, **options) -> PixelTrainer:  # noqa: F811
    for part in ("models", "work"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    files = TrainingFiles(folder / "models" / "best.h5", folder / "work" / "state.npz")
    data = PixelData(features, TARGETS, TRAIN, VALIDATION)
    runtime = replace(started_runtime(), policy=policy)
    how = TrainingOptions(MODEL.batch_size, 0, TrainingSettings(), **options)
    return PixelTrainer(new_pixel_stream(3, MODEL), data, how, runtime, files, console or Console(quiet=True))


class Poison(keras.callbacks.Callback):
    """What a number too large does to a network in half precision: in one epoch it loses its weights."""

    def __init__(self, trainer: PixelTrainer, epoch: int, always: bool = False) -> None:
        super().__init__()
        self.trainer, self.epoch, self.always = trainer, epoch, always
        self.before: list[tuple[int, str, list[np.ndarray]]] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.before.append((epoch, self.trainer.precision, self.model.get_weights()))

    def on_train_batch_begin(self, batch, logs=None):
        if (self.always or self.trainer.precision != FULL) and len(self.before) > self.epoch:
            for variable in self.model.trainable_variables:
                variable.assign(variable * float("nan"))


def poisoned(trainer: PixelTrainer, monkeypatch, epoch: int, always: bool = False) -> Poison:
    poison, usual = Poison(trainer, epoch, always), PixelTrainer._callbacks
    monkeypatch.setattr(PixelTrainer, "_callbacks", lambda *args: [poison, *usual(*args)])
    return poison


@pytest.mark.parametrize(("policy", "epoch"), [(HALF, 1), (BRAIN, 0), (HALF, 2)])
def test_a_loss_that_is_no_number_goes_on_in_float32(policy, epoch, features, tmp_path, monkeypatch, capsys):  # noqa: F811
    trainer = new_trainer(features, policy, tmp_path, Console())
    poison = poisoned(trainer, monkeypatch, epoch)
    train(trainer)
    begun = [(number, precision) for number, precision, _ in poison.before]
    wanted = [(0, policy), (1, policy), (0, policy), (1, policy)][: epoch + 1]
    assert begun[: len(wanted)] == wanted
    assert {precision for _, precision in begun[len(wanted) :]} == {FULL}
    assert begun[epoch][0] == begun[epoch + 1][0]  # the epoch that was lost is gone through again,
    require_same_arrays(poison.before[epoch][2], poison.before[epoch + 1][2])  # from where the one before ended
    said = capsys.readouterr().err
    assert said.count("going on in float32") == 1
    assert policy in said
    assert {len(values) for values in trainer.state.history.values()} == {4}
    assert np.isfinite(trainer.state.history["val_loss"]).all()
    assert TrainingState.load(trainer.files.checkpoint).precision == FULL


def test_a_resumed_training_goes_on_in_what_it_fell_back_to(features, tmp_path, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        whole = new_trainer(features, HALF, tmp_path / "whole")
        poisoned(whole, patch, 1)
        train(whole)
    with monkeypatch.context() as patch:
        stopped = new_trainer(features, HALF, tmp_path / "stopped")
        poisoned(stopped, patch, 1)
        stopped.run(head_phase(MODEL))
    resumed = new_trainer(features, HALF, tmp_path / "stopped")
    assert resumed.precision == FULL
    train(resumed)
    assert resumed.state.history == whole.state.history
    require_same_arrays(*(one.stream.model.get_weights() for one in (whole, resumed)))


@pytest.mark.parametrize("policy", [HALF, BRAIN])
def test_a_stopped_training_in_half_precision_ends_with_the_same_weights(policy, features, tmp_path, monkeypatch):  # noqa: F811
    whole = train(new_trainer(features, policy, tmp_path / "whole"))
    monkeypatch.setattr("handshape.training.callbacks.SAVE_EVERY_S", 0.0)

    class Stop(keras.callbacks.Callback):
        left = 3

        def on_epoch_end(self, epoch, logs=None):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    stop, usual = Stop(), PixelTrainer._callbacks
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PixelTrainer, "_callbacks", lambda *args: [*usual(*args), stop])
        train(new_trainer(features, policy, tmp_path / "stopped"))
    again = train(new_trainer(features, policy, tmp_path / "stopped"))
    require_same_arrays(*(one.stream.model.get_weights() for one in (whole, again)))
    assert again.state.precision == ""


def test_float32_that_goes_astray_stops_and_names_the_last_good_model(features, tmp_path, monkeypatch):  # noqa: F811
    trainer = new_trainer(features, FULL, tmp_path)
    poisoned(trainer, monkeypatch, 2, always=True)
    with pytest.raises(DivergedError, match="not a number") as astray:
        train(trainer)
    assert "Phase 2" in astray.value.happened
    assert f"Epoch {trainer.state.best_epoch} of all was the best" in astray.value.happened
    assert str(trainer.files.best_model) in astray.value.happened
    assert "model.fine_tune_lr" in astray.value.fix
    best = keras.models.load_model(trainer.files.best_model, compile=False)
    assert all(np.isfinite(values).all() for values in best.get_weights())
    kept = TrainingState.load(trainer.files.checkpoint)
    assert (kept.phase, kept.epoch, len(kept.history["loss"])) == (2, 0, 2)


def test_a_precision_that_was_found_too_rough_is_not_tried_again(features, tmp_path):  # noqa: F811
    assert new_trainer(features, HALF, tmp_path, precision=FULL).precision == FULL


@pytest.mark.parametrize("broken", [False, True])
def test_features_that_are_no_numbers(broken, console, monkeypatch, capsys):
    runtime = replace(started_runtime(), accelerator="one that is pretended", xla=False, policy=HALF)
    model = copied(new_pixel_stream().trunk)
    trunk = frozen_trunk(model, runtime, console)
    images = np.full((3, SIZE, SIZE, 3), 100, np.uint8)
    predict = keras.Model.predict_on_batch

    def overflowing(self, images):
        pooled, cut = predict(self, images)
        too_large = broken or model.dtype_policy.name != FULL
        return np.asarray(pooled), np.where(too_large, np.inf, cut)

    monkeypatch.setattr(keras.Model, "predict_on_batch", overflowing)
    if broken:
        with pytest.raises(DivergedError, match="no numbers"):
            trunk(images)
    else:
        assert np.isfinite(trunk(images)[1]).all()
    assert "no numbers in mixed_float16; going on in float32" in capsys.readouterr().err


def test_a_device_without_room_for_one_image(console, monkeypatch):
    runtime = replace(started_runtime(), accelerator="one that is pretended", xla=False)
    trunk = frozen_trunk(copied(new_pixel_stream().trunk), runtime, console)

    def full(self, images):
        raise RuntimeError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr(keras.Model, "predict_on_batch", full)
    with pytest.raises(RuntimeUnavailableError, match="even one image"):
        trunk(np.zeros((2, SIZE, SIZE, 3), np.uint8))
