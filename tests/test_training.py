"""Training on made-up images: order, views, resuming, memory, callbacks, TensorBoard."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, new_pixel_stream, require_same_arrays, started_runtime, trunk_features

from handshape.config import ModelSettings, TrainingSettings
from handshape.console import Console
from handshape.errors import RunError, RuntimeUnavailableError
from handshape.training.augment.affine import warp
from handshape.training.batches import FreshViews, StoredViews, TrainingRows, epoch_order
from handshape.training.checkpoints import TrainingState
from handshape.training.distribution import OneDevice
from handshape.training.features import TrunkFeatures
from handshape.training.phases import Phase, fine_tune_phase, head_phase
from handshape.training.pixel_task import PixelData, TrainingFiles, TrainingOptions
from handshape.training.pixels import PixelTrainer, class_weights_of, stream_probabilities

MODEL = ModelSettings(img_size=SIZE, num_epochs=2, fine_tune_epochs=2, batch_size=8)
TARGETS = np.repeat(np.tile(np.arange(3), 2), [8, 8, 8, 4, 4, 4])
TRAIN, VALIDATION = np.arange(24), np.arange(24, 36)


def colour_features(folder: Path, views: int) -> TrunkFeatures:
    """Three classes that differ in colour; every second image of training shows a hand."""
    rng = np.random.default_rng(0)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
    noise = rng.integers(-40, 40, (len(TARGETS), SIZE, SIZE, 3))
    images = np.clip(colours[TARGETS][:, None, None] + noise, 0, 255).astype(np.uint8)
    points = np.full((len(images), 21, 2), np.nan, np.float32)
    points[TRAIN[::2]] = rng.uniform(20, 76, (12, 21, 2))
    features = trunk_features(images, points, np.repeat([0, 1], [24, 12]), folder, views=views)
    features.compute(VALIDATION, TRAIN if views else TRAIN[:0], Console(quiet=True))
    return features


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> TrunkFeatures:
    """Of two views an image, for every training of this module."""
    return colour_features(tmp_path_factory.mktemp("features"), views=2)


def new_trainer(features, console, folder, model=MODEL, training=None) -> PixelTrainer:
    for part in ("models", "work"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    files = TrainingFiles(folder / "models" / "best.h5", folder / "work" / "state.npz", folder / "logs")
    options = TrainingOptions(model.batch_size, 0, training or TrainingSettings())
    data = PixelData(features, TARGETS, TRAIN, VALIDATION)
    return PixelTrainer(new_pixel_stream(3, model), data, options, started_runtime(), files, console)


def train(trainer: PixelTrainer, model: ModelSettings = MODEL) -> PixelTrainer:
    trainer.run(head_phase(model))
    trainer.run(fine_tune_phase(model))
    trainer.finish()
    return trainer


@pytest.fixture(scope="module")
def whole(features, tmp_path_factory) -> PixelTrainer:
    """A training that nothing disturbed; no test may change it."""
    return train(new_trainer(features, Console(quiet=True), tmp_path_factory.mktemp("whole")))


def require_same(trainer: PixelTrainer, whole: PixelTrainer) -> None:
    assert trainer.state.history == whole.state.history
    require_same_arrays(*(one.stream.model.get_weights() for one in (trainer, whole)))


@pytest.fixture
def with_callback(monkeypatch):
    """Adds a callback to every phase, after all others."""

    def add(callback: keras.callbacks.Callback) -> None:
        usual = PixelTrainer._callbacks
        monkeypatch.setattr(PixelTrainer, "_callbacks", lambda *args: [*usual(*args), callback])

    return add


def test_same_seed_same_weights(whole, features, console, tmp_path):
    require_same(train(new_trainer(features, console, tmp_path)), whole)


def test_same_seed_same_weights_with_fresh_views(console, tmp_path):
    features = colour_features(tmp_path, views=0)
    first, again = (train(new_trainer(features, console, tmp_path / name)) for name in ("1", "2"))
    require_same(again, first)


def test_both_phases_are_joined_and_the_best_epoch_is_kept(features, console, tmp_path):
    trainer = train(new_trainer(features, console, tmp_path, training=TrainingSettings(label_smoothing=0)))
    state = trainer.state
    assert state.phase_epochs == {"1": 2, "2": 2}
    assert {len(values) for values in state.history.values()} == {4}
    assert set(state.history) == {"accuracy", "val_accuracy", "loss", "val_loss", "learning_rate"}
    assert state.best_epoch == int(np.argmin(state.history["val_loss"])) + 1
    answers = stream_probabilities(trainer.stream, features, VALIDATION)
    loss = -np.log(answers[np.arange(12), TARGETS[VALIDATION]]).mean()
    assert loss == pytest.approx(min(state.history["val_loss"]), abs=2e-3)
    best = keras.models.load_model(trainer.files.best_model, compile=False)
    for one, other in zip(best.get_weights(), trainer.stream.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_training_ends_with_the_same_weights(
    stop_after, whole, features, console, tmp_path, monkeypatch, with_callback
):
    monkeypatch.setattr("handshape.training.callbacks.SAVE_EVERY_S", 0.0)

    class Stop(keras.callbacks.Callback):
        left = stop_after

        def on_epoch_end(self, epoch, logs=None):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    with_callback(Stop())
    with pytest.raises(KeyboardInterrupt):
        train(new_trainer(features, console, tmp_path))
    require_same(train(new_trainer(features, console, tmp_path)), whole)


def test_a_training_stopped_between_the_phases_ends_with_the_same_weights(whole, features, console, tmp_path):
    new_trainer(features, console, tmp_path).run(head_phase(MODEL))
    require_same(train(new_trainer(features, console, tmp_path)), whole)


def test_a_training_that_goes_astray_says_so(features, console, tmp_path):
    model = MODEL.model_copy(update={"learning_rate": float("nan")})
    with pytest.raises(RunError, match="not a number") as astray:
        train(new_trainer(features, console, tmp_path), model)
    assert "model.learning_rate" in astray.value.fix


def test_the_batch_is_halved_when_memory_runs_out(features, console, tmp_path, monkeypatch, capsys):
    inputs = StoredViews.inputs

    def too_large(self, rows, part, index):
        if len(rows) > 3:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return inputs(self, rows, part, index)

    monkeypatch.setattr(StoredViews, "inputs", too_large)
    trainer = train(new_trainer(features, console, tmp_path))
    assert trainer.state.batch_size == 2
    said = capsys.readouterr().err
    assert "memory ran out at 8 images" in said
    assert "trying 2" in said
    assert len(trainer.state.history["loss"]) == 4


def test_memory_that_runs_out_later_costs_no_finished_epoch(features, console, tmp_path, with_callback):
    weights = []

    class Weights(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            weights.append((epoch, self.model.get_weights()))
            if len(weights) == 2:
                for variable in self.model.trainable_variables:  # as a step or two of this epoch would
                    variable.assign(variable + 1)
                raise RuntimeError("RESOURCE_EXHAUSTED")

    with_callback(Weights())
    train(new_trainer(features, console, tmp_path))
    (first, before), (second, after) = weights[1:3]
    assert first == second == 1
    require_same_arrays(before, after)


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (RuntimeError("CUDA out of memory"), RuntimeUnavailableError, "too small for even one image"),
        (ValueError("a bug"), ValueError, "a bug"),  # not taken for memory
    ],
)
def test_errors_that_no_smaller_batch_mends(error, expected, message, features, console, tmp_path, monkeypatch):
    def never(self, rows, part, index):
        raise error

    monkeypatch.setattr(StoredViews, "inputs", never)
    with pytest.raises(expected, match=message):
        train(new_trainer(features, console, tmp_path))


def test_early_stopping_and_plateau_follow_the_settings(features, console, tmp_path):
    impatient = TrainingSettings(patience=1, min_delta=0.9)
    model = MODEL.model_copy(update={"num_epochs": 50, "fine_tune_epochs": 0})
    trainer = train(new_trainer(features, console, tmp_path, model, impatient), model)
    assert 1 < trainer.state.phase_epochs["1"] < 10
    assert trainer.state.history["learning_rate"][0] == pytest.approx(1e-3)


def numbered_rows(views: int, count: int, rows: np.ndarray) -> TrainingRows:
    """Rows whose pooled feature says which view of which image they are: view * count + image."""
    pooled = np.arange(views * count, dtype=np.float16).reshape(views, count, 1)
    stored = {"pooled": pooled, "cut": pooled[..., None, None]}
    features = SimpleNamespace(views=views, read=lambda name, view, row: stored[name][view, row])
    return TrainingRows(features, rows, np.eye(count, dtype=np.float32)[rows])


def shown_in(batches: StoredViews) -> np.ndarray:
    """The images of an epoch, in their order, by their targets."""
    return np.concatenate([batches[index][1].argmax(axis=1) for index in range(len(batches))])


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    rows = np.arange(3, 20)  # of twenty; the others are kept back
    batches = StoredViews(numbered_rows(2, 20, rows), 6, Phase(1, "head", "pooled", 3, 1e-3, "adam", 1), 1, OneDevice())
    epochs = []
    for epoch in (0, 1, 0):
        batches.start_epoch(epoch)
        shown = shown_in(batches)
        values = np.concatenate([batches[index][0][:, 0] for index in range(len(batches))])
        assert sorted(shown) == list(rows)
        assert set((values - shown) / 20) == {0, 1}  # both views, of the image that the target says
        epochs.append(list(shown))
    assert epochs[0] == epochs[2] != epochs[1]


def test_two_passes_show_every_image_twice():
    phase = Phase(2, "tail", "cut", 1, 1e-4, "lion", 2)
    shown = shown_in(StoredViews(numbered_rows(3, 7, np.arange(7)), 4, phase, 0, OneDevice()))
    assert sorted(shown) == sorted([*range(7), *range(7)])
    assert sorted(shown[:7]) == list(range(7))


@pytest.mark.parametrize(("images", "passes", "most"), [(20, 1, 6), (20, 2, 6), (5, 2, 9), (7, 1, 7), (3, 5, 8)])
def test_epochs_of_many_images_show_each_once_before_one_comes_again(images, passes, most):
    phase = Phase(2, "tail", "cut", 9, 1e-4, "lion", passes, most)
    epochs = [epoch_order(images, phase, 1, epoch) for epoch in range(9)]
    assert {len(order) for order in epochs} == {min(most, images * passes)}
    joined = np.concatenate(epochs)
    for start in range(0, len(joined) - images + 1, images):
        assert sorted(joined[start : start + images]) == list(range(images))
    np.testing.assert_array_equal(epoch_order(images, phase, 1, 4), epochs[4])
    assert not np.array_equal(np.concatenate([epoch_order(images, phase, 2, epoch) for epoch in range(9)]), joined)


def test_the_rate_of_phase_two_falls_and_stays_on_average(features, console, tmp_path):
    model = ModelSettings(img_size=SIZE, num_epochs=1, fine_tune_epochs=4)
    trainer = new_trainer(features, console, tmp_path, training=TrainingSettings(patience=100))
    trainer.run(fine_tune_phase(model))
    rates = trainer.state.history["learning_rate"]
    assert rates == sorted(rates, reverse=True) and rates[-1] > 0
    assert np.mean(rates) == pytest.approx(model.fine_tune_lr, rel=1e-3)


def test_fresh_views_depend_on_epoch_and_batch_alone(features):
    def trunk(images, affines):
        images = warp(images, affines)
        return images.mean(axis=(1, 2)).astype(np.float32), images.astype(np.float32)

    runtime = started_runtime()
    bare = SimpleNamespace(augmenter=features.augmenter, trunk=lambda console: trunk)
    rows = TrainingRows(bare, TRAIN, np.eye(3, dtype=np.float32)[TARGETS[TRAIN]])
    batches = FreshViews(rows, 8, Phase(1, "head", "pooled", 3, 1e-3, "adam", 1), 0, OneDevice(), runtime)
    assert (batches.workers, batches.max_queue_size) == (runtime.workers, runtime.queue)
    np.testing.assert_array_equal(batches[1][0], batches[1][0])
    first = batches[0][0]
    batches.start_epoch(1)
    assert not np.array_equal(first, batches[0][0])


@pytest.mark.parametrize(
    ("counts", "rule", "weighed"),
    [((10, 10), "auto", False), ((30, 10), "auto", True), ((30, 10), "off", False), ((5, 5), "on", True)],
)
def test_class_weights(counts, rule, weighed):
    targets = np.repeat([0, 1], counts)
    weights = class_weights_of(targets, 2, TrainingSettings(class_weights=rule))
    assert (weights is not None) is weighed
    if weights:
        assert counts[0] * weights[0] == pytest.approx(counts[1] * weights[1])
        assert sum(count * weights[number] for number, count in enumerate(counts)) == pytest.approx(len(targets))


def test_a_damaged_checkpoint_is_refused(tmp_path):
    file = tmp_path / "state.npz"
    TrainingState(epoch=3, history={"loss": [1.0, 0.5]}, weights=[np.ones(3)]).save(file)
    assert TrainingState.load(file).history == {"loss": [1.0, 0.5]}
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be used"):
        TrainingState.load(file)


def test_tensorboard_shows_scalars_histograms_and_graph(features, console, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = train(new_trainer(features, console, tmp_path))
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    tags = events.Tags()
    assert {"accuracy/train", "accuracy/validation", "loss/train", "loss/validation", "learning_rate"} <= set(
        tags["scalars"]
    )
    written = [event.value for event in events.Scalars("loss/validation")]
    assert written == pytest.approx(trainer.state.history["val_loss"])
    assert any("logits" in tag for tag in tags["histograms"])
    graph = events.Graph()
    nodes = {node.name for node in graph.node}
    assert "trunk/Conv1" in nodes
    inputs = {source for node in graph.node for source in node.input}
    assert inputs <= nodes
    assert any(name.startswith("tail/") for name in inputs)
