"""Training on made-up features and images: order, views, resuming, memory, callbacks, TensorBoard."""

from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from handshape.config import AugmentationSettings, ModelSettings, TrainingSettings, load_settings
from handshape.console import Console
from handshape.errors import RunError, RuntimeUnavailableError
from handshape.model.streams import build_pixel_stream
from handshape.model.weights import find_weights
from handshape.runtime import choose_runtime, start_runtime
from handshape.training import fit
from handshape.training.augment import Augmenter
from handshape.training.batches import FreshViews, StoredViews
from handshape.training.checkpoints import TrainingState
from handshape.training.features import Features, frozen_trunk
from handshape.training.phases import Phase, fine_tune_phase, head_phase

MODEL = ModelSettings(img_size=96, num_epochs=2, fine_tune_epochs=2, batch_size=8)


@pytest.fixture(scope="module")
def runtime():
    settings = load_settings()
    chosen = choose_runtime(settings.gpu)
    start_runtime(chosen, settings.gpu, 0)
    return chosen


@pytest.fixture(scope="module")
def data():
    """Three classes that differ in colour, 8 + 4 images each."""
    rng = np.random.default_rng(0)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])

    def draw(count):
        targets = np.repeat(np.arange(3), count)
        noise = rng.integers(-40, 40, (len(targets), 96, 96, 3))
        return np.clip(colours[targets][:, None, None] + noise, 0, 255).astype(np.uint8), targets.astype(np.int64)

    images, targets = draw(8)
    points = np.full((len(images), 21, 2), np.nan, np.float32)
    points[::2] = rng.uniform(20, 76, (len(images[::2]), 21, 2))  # every second image shows a hand
    return fit.TrainingData(images, points, targets, *draw(4))


def new_trainer(data, runtime, console, folder, views=2, model=MODEL, training=None):
    keras.utils.set_random_seed(0)
    own = find_weights("own", 96, console)  # random ones put out next to nothing
    stream = build_pixel_stream(3, model, own)
    for part in ("models", "work"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    files = fit.TrainingFiles(
        folder / "models" / "best.h5", folder / "work" / "state.npz", folder / "logs", folder / "work"
    )
    augmentation = AugmentationSettings(views=views)
    return fit.Trainer(
        stream,
        data,
        model.batch_size,
        0,
        augmentation,
        training or TrainingSettings(),
        runtime,
        files,
        console,
    )


def train(trainer, model=MODEL):
    trainer.prepare()
    trainer.run(head_phase(model))
    trainer.run(fine_tune_phase(model))
    trainer.finish()


@pytest.fixture(scope="module")
def whole(data, runtime, tmp_path_factory):
    """A training that nothing disturbed; no test may change it."""
    trainer = new_trainer(data, runtime, Console(quiet=True), tmp_path_factory.mktemp("whole"))
    train(trainer)
    return trainer


def require_same(trainer, whole):
    assert trainer.state.history == whole.state.history
    weights = (one.stream.model.get_weights() for one in (trainer, whole))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_same_seed_same_weights(whole, data, runtime, console, tmp_path):
    again = new_trainer(data, runtime, console, tmp_path)
    train(again)
    require_same(again, whole)


def test_same_seed_same_weights_with_fresh_views(data, runtime, console, tmp_path):
    first, again = (new_trainer(data, runtime, console, tmp_path / name, views=0) for name in ("1", "2"))
    train(first)
    train(again)
    require_same(again, first)


def test_both_phases_are_joined_and_the_best_epoch_is_kept(data, runtime, console, tmp_path):
    trainer = new_trainer(data, runtime, console, tmp_path, training=TrainingSettings(label_smoothing=0))
    train(trainer)
    state = trainer.state
    assert state.phase_epochs == {"1": 2, "2": 2}
    assert {len(values) for values in state.history.values()} == {4}
    assert set(state.history) == {"accuracy", "val_accuracy", "loss", "val_loss", "learning_rate"}
    assert state.best_epoch == int(np.argmin(state.history["val_loss"])) + 1
    loss = -np.log(trainer.validation_probabilities()[np.arange(12), data.validation_truth]).mean()
    assert loss == pytest.approx(min(state.history["val_loss"]), abs=2e-3)
    best = keras.models.load_model(trainer.files.best_model, compile=False)
    for one, other in zip(best.get_weights(), trainer.stream.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_training_ends_with_the_same_weights(
    stop_after, whole, data, runtime, console, tmp_path, monkeypatch
):
    monkeypatch.setattr("handshape.training.callbacks.SAVE_EVERY_S", 0.0)
    broken = new_trainer(data, runtime, console, tmp_path)
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(epoch)
            if len(seen) == stop_after:
                raise KeyboardInterrupt

    create = fit.create_callbacks
    monkeypatch.setattr(fit, "create_callbacks", lambda *args: [*create(*args), Stop()])
    with pytest.raises(KeyboardInterrupt):
        train(broken)
    monkeypatch.setattr(fit, "create_callbacks", create)
    resumed = new_trainer(data, runtime, console, tmp_path)
    train(resumed)
    require_same(resumed, whole)


def test_a_training_stopped_between_the_phases_ends_with_the_same_weights(whole, data, runtime, console, tmp_path):
    broken = new_trainer(data, runtime, console, tmp_path)
    broken.prepare()
    broken.run(head_phase(MODEL))
    resumed = new_trainer(data, runtime, console, tmp_path)
    train(resumed)
    require_same(resumed, whole)


def test_the_trunk_on_an_accelerator_is_a_copy(data, runtime, console, tmp_path):
    accelerated = replace(runtime, accelerator="one that is pretended", xla=False)
    trainer = new_trainer(data, runtime, console, tmp_path)
    on_litert, on_keras = (frozen_trunk(trainer.stream, machine, console) for machine in (runtime, accelerated))
    before = on_keras(data.validation_images)
    for one, other in zip(before, on_litert(data.validation_images), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    trainer.stream.backbone.tail.set_weights([0 * w for w in trainer.stream.backbone.tail.get_weights()])
    np.testing.assert_array_equal(on_keras(data.validation_images)[0], before[0])


def test_the_trunk_halves_its_calls_when_memory_runs_out(data, runtime, console, tmp_path, monkeypatch, capsys):
    accelerated = replace(runtime, accelerator="one that is pretended", xla=False)
    trunk = frozen_trunk(new_trainer(data, runtime, console, tmp_path).stream, accelerated, console)
    whole = trunk(data.images)
    predict = keras.Model.predict_on_batch

    def small_memory(self, images):
        if len(images) > 7:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return predict(self, images)

    monkeypatch.setattr(keras.Model, "predict_on_batch", small_memory)
    for one, other in zip(trunk(data.images), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert "memory ran out at 24 images a call" in capsys.readouterr().err


def test_a_training_that_goes_astray_says_so(data, runtime, console, tmp_path):
    model = MODEL.model_copy(update={"learning_rate": float("nan")})
    with pytest.raises(RunError, match="not a number") as astray:
        train(new_trainer(data, runtime, console, tmp_path), model)
    assert "model.learning_rate" in astray.value.fix


def test_the_batch_is_halved_when_memory_runs_out(data, runtime, console, tmp_path, monkeypatch, capsys):
    trainer = new_trainer(data, runtime, console, tmp_path)
    inputs = StoredViews.inputs

    def too_large(self, chosen, part, index):
        if len(chosen) > 3:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return inputs(self, chosen, part, index)

    monkeypatch.setattr(StoredViews, "inputs", too_large)
    train(trainer)
    assert trainer.state.batch_size == 2
    said = capsys.readouterr().err
    assert "memory ran out at 8 images" in said
    assert "trying 2" in said
    assert len(trainer.state.history["loss"]) == 4


def test_memory_that_runs_out_later_costs_no_finished_epoch(data, runtime, console, tmp_path, monkeypatch):
    trainer = new_trainer(data, runtime, console, tmp_path)
    weights = []

    class Weights(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            weights.append((epoch, self.model.get_weights()))
            if len(weights) == 2:
                for variable in self.model.trainable_variables:  # as a step or two of this epoch would
                    variable.assign(variable + 1)
                raise RuntimeError("RESOURCE_EXHAUSTED")

    create = fit.create_callbacks
    monkeypatch.setattr(fit, "create_callbacks", lambda *args: [*create(*args), Weights()])
    train(trainer)
    (first, before), (second, after) = weights[1:3]
    assert first == second == 1
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_for_not_even_one_image(data, runtime, console, tmp_path, monkeypatch):
    def never(self, chosen, part, index):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(StoredViews, "inputs", never)
    with pytest.raises(RuntimeUnavailableError, match="too small for even one image"):
        train(new_trainer(data, runtime, console, tmp_path))


def test_other_errors_are_not_taken_for_memory(data, runtime, console, tmp_path, monkeypatch):
    def broken(self, chosen, part, index):
        raise ValueError("a bug")

    monkeypatch.setattr(StoredViews, "inputs", broken)
    with pytest.raises(ValueError, match="a bug"):
        train(new_trainer(data, runtime, console, tmp_path))


def test_early_stopping_and_plateau_follow_the_settings(data, runtime, console, tmp_path):
    impatient = TrainingSettings(patience=1, min_delta=0.9)
    model = MODEL.model_copy(update={"num_epochs": 50, "fine_tune_epochs": 0})
    trainer = new_trainer(data, runtime, console, tmp_path, model=model, training=impatient)
    train(trainer, model)
    assert 1 < trainer.state.phase_epochs["1"] < 10
    assert trainer.state.history["learning_rate"][0] == pytest.approx(1e-3)


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own():
    features = Features(np.arange(40, dtype=np.float16).reshape(2, 20, 1), np.zeros((2, 20, 1, 1, 1), np.float16))
    targets = np.eye(20, dtype=np.float32)
    phase = Phase(1, "head", "pooled", 3, 1e-3, "adam", 1)
    batches = StoredViews(features, targets, 6, phase, seed=1)
    epochs = []
    for _ in range(2):
        pairs = [batches[index] for index in range(len(batches))]
        shown = np.concatenate([class_names.argmax(axis=1) for _, class_names in pairs])
        values = np.concatenate([inputs[:, 0] for inputs, _ in pairs])
        assert sorted(shown) == list(range(20))
        assert set((values - shown) // 20) == {0, 1}  # both views
        epochs.append(list(shown))
        batches.start_epoch(1)
    assert epochs[0] != epochs[1]
    batches.start_epoch(0)
    assert list(np.concatenate([batches[index][1].argmax(axis=1) for index in range(len(batches))])) == epochs[0]


def test_two_passes_show_every_image_twice():
    features = Features(np.zeros((3, 7, 1), np.float16), np.zeros((3, 7, 1, 1, 1), np.float16))
    batches = StoredViews(features, np.eye(7, dtype=np.float32), 4, Phase(2, "tail", "cut", 1, 1e-4, "lion", 2), seed=0)
    shown = np.concatenate([batches[index][1].argmax(axis=1) for index in range(len(batches))])
    assert sorted(shown) == sorted([*range(7), *range(7)])
    assert sorted(shown[:7]) == list(range(7))


def test_fresh_views_depend_on_epoch_and_batch_alone(data, runtime):
    def trunk(images):
        return images.mean(axis=(1, 2)).astype(np.float32), images.astype(np.float32)

    phase = Phase(1, "head", "pooled", 3, 1e-3, "adam", 1)
    views = Augmenter(data.images, data.points, AugmentationSettings(views=0))
    batches = FreshViews(views, trunk, data.targets, 8, phase, 0, runtime)
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
    weights = fit.class_weights_of(targets, 2, TrainingSettings(class_weights=rule))
    assert (weights is not None) is weighed
    if weights:
        assert counts[0] * weights[0] == pytest.approx(counts[1] * weights[1])
        assert sum(count * weights[number] for number, count in enumerate(counts)) == pytest.approx(len(targets))


def test_a_damaged_checkpoint_is_refused(tmp_path):
    file = tmp_path / "state.npz"
    TrainingState(epoch=3, history={"loss": [1.0, 0.5]}, weights=[np.ones(3)]).save(file)
    assert TrainingState.load(file).history == {"loss": [1.0, 0.5]}
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read"):
        TrainingState.load(file)


def test_tensorboard_shows_scalars_histograms_and_graph(data, runtime, console, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = new_trainer(data, runtime, console, tmp_path)
    train(trainer)
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
