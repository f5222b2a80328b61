"""The hand stream, on features that stand for handshapes."""

import re
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import require_same_arrays, started_runtime

from handshape.config import HandStreamSettings
from handshape.console import Console
from handshape.errors import DivergedError
from handshape.hands.landmarks import FEATURES
from handshape.model.streams import HAND_UNITS, HandStream, build_hand_stream
from handshape.training import hand as training
from handshape.training import preparation
from handshape.training.checkpoints import TrainingState
from handshape.training.distribution import OneDevice
from handshape.training.hand import Followed, SeenHands, hand_probabilities, pooled_features, train_hand
from handshape.training.preparation import StreamTraining, accuracy, hands_of_epoch
from handshape.training.weighting import OTHER_SIGN, balanced, wanted

CLASSES, COUNT = 3, 180
TARGETS = np.arange(COUNT) % CLASSES
LEARN, VALIDATE = np.flatnonzero(np.arange(COUNT) // CLASSES % 2 == 0), np.flatnonzero(np.arange(COUNT) // CLASSES % 2)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """[N, 7, 7, 192]: of each class other channels speak at other places, below much noise."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(CLASSES, *FEATURES))
    return (patterns[TARGETS] + rng.normal(0, 3, (COUNT, *FEATURES))).astype(np.float16)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "MIN_STEPS", 0)


def seen(features: np.ndarray, rows: np.ndarray) -> SeenHands:
    """Of one person."""
    return SeenHands(features, rows, TARGETS[rows], balanced(TARGETS[rows], np.zeros(len(rows), int)))


def learned(
    features: np.ndarray,
    seed: int = 0,
    followed: Followed | None = None,
    console: Console | None = None,
    **settings: float,
) -> HandStream:
    how = HandStreamSettings(**{"epochs": 4} | settings)
    training = StreamTraining(how, seed, started_runtime())
    keras.utils.set_random_seed(0)
    stream = build_hand_stream(CLASSES, how)
    train_hand(stream.network, seen(features, LEARN), training, console or Console(quiet=True), followed)
    return stream


def test_it_learns_hands_and_knows_others(features: np.ndarray) -> None:
    stream = learned(features, epochs=60)
    answers = hand_probabilities(stream, features[VALIDATE])
    assert (answers.shape, answers.dtype) == ((len(VALIDATE), CLASSES), np.float32)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers.argmax(axis=1) == TARGETS[VALIDATE]).mean() > 0.8  # chance is a third


def test_the_head_alone_learns_from_pooled_features(features: np.ndarray) -> None:
    how = HandStreamSettings(epochs=200)
    training = StreamTraining(how, 0, started_runtime())
    keras.utils.set_random_seed(0)
    stream = build_hand_stream(CLASSES, how)
    before = stream.trunk.get_weights()
    pooled = pooled_features(stream, features)
    assert pooled.shape == (COUNT, HAND_UNITS[-1])
    train_hand(stream.head, seen(pooled, LEARN), training, Console(quiet=True))
    require_same_arrays(stream.trunk.get_weights(), before)
    answers = hand_probabilities(stream, features[LEARN])
    assert (answers.argmax(axis=1) == TARGETS[LEARN]).mean() > 0.6  # chance is a third
    np.testing.assert_allclose(answers, stream.head.predict(pooled[LEARN], verbose=0), atol=1e-5)


def test_its_map_explains_its_answers(features: np.ndarray) -> None:
    stream = learned(features)
    out = stream.model.predict(features[:5].astype(np.float32), verbose=0)
    assert out["features"].shape == (5, 7, 7, HAND_UNITS[-1])
    assert out["features"].min() >= 0
    kernel, bias = stream.logits.get_weights()
    scores = out["features"].mean(axis=(1, 2)) @ kernel + bias
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(out["probabilities"], odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


def test_the_seed_decides_the_weights(features: np.ndarray) -> None:
    one, same, other = (learned(features, seed).model.get_weights() for seed in (1, 1, 2))
    require_same_arrays(one, same)
    assert any(not np.array_equal(weights, again) for weights, again in zip(one, other, strict=True))


def test_every_epoch_is_noted_and_told(
    features: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    state = TrainingState()
    followed = Followed(seen(features, VALIDATE), state, tmp_path / "logs")
    stream = learned(features, followed=followed, console=Console())
    assert set(state.history) == {"accuracy", "val_accuracy", "loss", "val_loss", "learning_rate"}
    assert {len(values) for values in state.history.values()} == {4}
    assert state.best_epoch == 4  # the last one is kept
    assert state.history["learning_rate"][-1] < 0.01 * HandStreamSettings().learning_rate
    measured = hand_probabilities(stream, features[VALIDATE]).argmax(axis=1) == TARGETS[VALIDATE]
    assert state.history["val_accuracy"][-1] == pytest.approx(measured.mean(), abs=1e-6)
    told = re.findall(r"epoch (\d)/4: accuracy .*; validation ([\d.]+)%", capsys.readouterr().err)
    assert [int(number) for number, _ in told] == [1, 2, 3, 4]
    assert float(told[-1][1]) == pytest.approx(100 * measured.mean(), abs=0.06)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    written = [event.value for event in events.Scalars("accuracy/validation")]
    np.testing.assert_allclose(written, state.history["val_accuracy"], rtol=1e-6)
    assert events.Tags()["histograms"]


@pytest.mark.parametrize("setting", [{"learning_rate": 1e-2}, {"weight_decay": 0.5}, {"dropout": 0.0}, {"epochs": 3}])
def test_each_setting_counts(features: np.ndarray, setting: dict[str, float]) -> None:
    one, other = (learned(features, **settings).logits.get_weights() for settings in ({}, setting))
    assert not np.allclose(one[0], other[0], atol=1e-6)


def test_a_small_set_is_gone_through_more_often_in_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "MIN_STEPS", 30)
    assert [StreamTraining.passes(steps) for steps in (1, 7, 30, 500)] == [30, 5, 1, 1]


def test_each_pass_shows_every_hand_once_in_another_order(features: np.ndarray) -> None:
    batches = training._Hands(seen(features, LEARN), CLASSES, 0, OneDevice(), training.BATCH, passes=3)
    passes = batches.order.reshape(3, len(LEARN))
    assert len(batches) == -(-3 * len(LEARN) // training.BATCH)
    assert [sorted(each) for each in passes.tolist()] == [list(range(len(LEARN)))] * 3
    assert len({tuple(each) for each in passes.tolist()}) == 3


def test_of_many_hands_an_epoch_shows_a_part_and_the_next_one_the_next() -> None:
    epochs = [hands_of_epoch(100, 1, 30, (0, 4), epoch)[0] for epoch in range(10)]
    assert [len(order) for order in epochs] == [30] * 10
    joined = np.concatenate(epochs).reshape(3, 100)
    assert [sorted(each) for each in joined.tolist()] == [list(range(100))] * 3
    assert len(hands_of_epoch(400, 1, 30, (0, 4), 0)[0]) == 400 // 8  # all are shown in eight epochs
    assert sorted(hands_of_epoch(30, 2, 30, (0, 4), 0)[0].tolist()) == sorted([*range(30)] * 2)


def test_what_is_noted_changes_nothing(features: np.ndarray) -> None:
    watched = learned(features, followed=Followed(seen(features, VALIDATE), TrainingState()))
    require_same_arrays(watched.model.get_weights(), learned(features).model.get_weights())


def test_without_hands_to_validate_on_nothing_is_noted(features: np.ndarray, tmp_path: Path) -> None:
    state = TrainingState()
    stream = learned(features, followed=Followed(seen(features, VALIDATE[:0]), state, tmp_path / "logs"))
    assert not state.history
    assert not (tmp_path / "logs").exists()
    require_same_arrays(stream.model.get_weights(), learned(features).model.get_weights())


def test_every_hand_once_an_epoch_in_a_new_order(features: np.ndarray) -> None:
    batches = training._Hands(seen(features, LEARN), CLASSES, 0, OneDevice(), training.BATCH)
    epochs = []
    for epoch in (0, 1, 0):
        batches.start_epoch(epoch)
        parts = zip(*(batches[number] for number in range(len(batches))), strict=True)
        shown, targets, weights = (np.concatenate(part) for part in parts)
        assert np.bincount(targets.argmax(axis=1)).tolist() == np.bincount(TARGETS[LEARN]).tolist()
        assert weights.mean() == pytest.approx(1, abs=1e-5)
        assert shown.shape == (len(LEARN), *FEATURES)
        epochs.append(shown)
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert not np.array_equal(epochs[0], epochs[1])
    for one in (epochs[1], features[LEARN].astype(np.float32)):
        np.testing.assert_array_equal(np.sort(one[:, 0, 0, 0]), np.sort(epochs[0][:, 0, 0, 0]))


def test_no_hands_give_no_answers(features: np.ndarray) -> None:
    started_runtime()
    assert hand_probabilities(build_hand_stream(CLASSES, HandStreamSettings()), features[:0]).shape == (0, CLASSES)


def test_an_answer_to_another_sign_is_right_where_it_is_unsure() -> None:
    targets = wanted(np.array([0, 1, OTHER_SIGN, OTHER_SIGN]), CLASSES)
    said = np.array([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]], np.float32)
    assert np.asarray(accuracy(targets, said)).tolist() == [1, 0, 1, 0]


def test_it_trains_with_smaller_batches_where_memory_runs_out(features, monkeypatch, capsys) -> None:
    make = training._Hands.__getitem__

    def small_memory(self, index):
        if len(self.order[: self.batch]) > 20:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return make(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(training, "BATCH", 16)
        alone = learned(features)
    monkeypatch.setattr(training._Hands, "__getitem__", small_memory)
    stream = learned(features)
    assert "memory ran out at 64 hands a step; trying 32" in capsys.readouterr().err
    require_same_arrays(stream.model.get_weights(), alone.model.get_weights())


def test_a_loss_that_is_no_number_ends_the_training(features) -> None:
    with pytest.raises(DivergedError, match=r"hand stream went astray: in epoch 1 the training loss") as astray:
        learned(features * np.float16(np.nan))
    assert "hand_stream.learning_rate" in astray.value.fix


def test_what_is_asked_of_it_is_halved_where_memory_runs_out(features, monkeypatch, capsys) -> None:
    stream, predict = learned(features, epochs=1), keras.Model.predict_on_batch

    def small_memory(self, part):
        if len(part) > 10:
            raise RuntimeError("CUDA out of memory")
        return predict(self, part)

    whole = hand_probabilities(stream, features)
    monkeypatch.setattr(keras.Model, "predict_on_batch", small_memory)
    np.testing.assert_allclose(hand_probabilities(stream, features), whole, atol=1e-5)
    assert "halving them" in capsys.readouterr().err
