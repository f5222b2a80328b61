"""The landmark stream, and the known hands it learns from beside the user's own."""

import re

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import require_same_arrays, started_runtime

from handshape.config import LandmarkStreamSettings
from handshape.console import Console
from handshape.errors import DivergedError
from handshape.hands.known_hands import known_hands_like, load_known_hands
from handshape.model.streams import build_landmark_stream
from handshape.training import landmarks as training
from handshape.training import preparation
from handshape.training.distribution import OneDevice
from handshape.training.landmarks import Hands, train_landmarks
from handshape.training.preparation import StreamTraining
from handshape.training.weighting import balanced

LABELS = ("A", "B", "C", "D", "F", "I", "L", "O", "W", "Y")


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    """Hands [N, 21, 6] of ten letters, and which they are [N]."""
    hands, names = load_known_hands()
    rows = np.array([row for row, name in enumerate(names) if name in LABELS])
    return hands[rows], np.array([LABELS.index(names[row]) for row in rows])


def evenly(hands: np.ndarray, targets: np.ndarray) -> Hands:
    """Of one source."""
    return Hands(hands, targets, balanced(targets, np.zeros(len(targets), int)))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(preparation, "MIN_STEPS", 0)


def learned(hands: Hands, seed: int = 0, validation: Hands | None = None, quiet: bool = True, **settings: float):
    how = LandmarkStreamSettings(**settings)
    keras.utils.set_random_seed(0)
    training = StreamTraining(how, seed, started_runtime())
    stream = build_landmark_stream(len(LABELS), how)
    train_landmarks(stream, hands, training, Console(quiet), validation)
    return stream


def test_it_learns_hands_and_knows_others(known):
    hands, targets = known
    half = np.arange(len(targets)) % 2 == 0
    stream = learned(evenly(hands[half], targets[half]))
    answers = stream.model.predict(hands[~half], verbose=0)
    assert answers.shape == ((~half).sum(), len(LABELS))
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers.argmax(axis=1) == targets[~half]).mean() > 0.85  # chance is a tenth
    features = stream.scale(np.asarray(training.shape_features(hands[half])))
    np.testing.assert_allclose(np.asarray(features).mean(axis=0), 0, atol=1e-2)


def test_the_seed_decides_the_weights(known):
    hands = evenly(*known)
    one, same, other = (learned(hands, seed, epochs=3).model.get_weights() for seed in (1, 1, 2))
    for weights, again in zip(one, same, strict=True):
        np.testing.assert_array_equal(weights, again)
    assert any(not np.array_equal(weights, again) for weights, again in zip(one, other, strict=True))


def test_a_line_every_so_many_epochs_tells_how_it_goes(known, capsys):
    hands, targets = known
    some = evenly(hands[::20], targets[::20])
    validation = Hands(hands[1::20], targets[1::20], np.ones(len(targets[1::20]), np.float32))
    told = learned(some, validation=validation, quiet=False, epochs=25).model.get_weights()
    lines = re.findall(
        r"^   epoch (\d+)/25: accuracy [\d.]+%, loss [\d.]+; validation ([\d.]+)%, loss [\d.]+; [\d.]+ s$",
        capsys.readouterr().err,
        re.MULTILINE,
    )
    assert [int(epoch) for epoch, _ in lines] == [3, 6, 9, 12, 15, 18, 21, 24, 25]
    assert float(lines[-1][1]) > float(lines[0][1])
    for one, other in zip(told, learned(some, epochs=25).model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # what is told decides nothing


@pytest.mark.parametrize("setting", [{"learning_rate": 1e-2}, {"weight_decay": 0.5}, {"dropout": 0.0}, {"epochs": 3}])
def test_each_setting_counts(known, setting):
    hands, targets = known
    some = evenly(hands[::40], targets[::40])
    one, other = (learned(some, **{"epochs": 2} | settings).logits.get_weights() for settings in ({}, setting))
    assert not np.allclose(one[0], other[0], atol=1e-6)


def test_every_hand_once_an_epoch_varied_anew(known):
    hands, targets = known
    batches = training._AugmentedHands(evenly(hands, targets), len(LABELS), 0, OneDevice(), training.BATCH)
    epochs = []
    for epoch in (0, 1, 0):
        batches.start_epoch(epoch)
        shown = [batches[index] for index in range(len(batches))]
        features, class_names, weights = (np.concatenate(parts) for parts in zip(*shown, strict=True))
        assert np.bincount(class_names.argmax(axis=1)).tolist() == np.bincount(targets).tolist()
        assert features.shape == (len(targets), 666)
        assert weights.mean() == pytest.approx(1, abs=1e-5)
        epochs.append(features)
    np.testing.assert_array_equal(epochs[0], epochs[2])
    assert not np.allclose(np.sort(epochs[0], axis=0), np.sort(epochs[1], axis=0), atol=1e-3)


def test_classes_count_the_same_and_people_by_the_root_of_their_hands():
    targets = np.array([0] * 90 + [1] * 10 + [0] * 10)
    people = np.array([0] * 90 + [0] * 10 + [1] * 10)
    weights = balanced(targets, people)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    assert weights[targets == 0].sum() == pytest.approx(weights[targets == 1].sum(), rel=1e-5)
    assert weights[-1] / weights[0] == pytest.approx(np.sqrt(100 / 10), rel=1e-5)


def test_known_hands_help_where_they_are_alike(known):
    hands, targets = known
    added = known_hands_like(hands[::3], targets[::3], [label.lower() for label in LABELS])
    assert len(added.targets) == len(added.rows) == len(targets)
    assert np.bincount(added.targets).tolist() == np.bincount(targets).tolist()
    assert f"{len(targets):,} hands of {len(LABELS)} classes" in added.summary


def test_only_classes_of_known_names_are_helped(known):
    hands, targets = known
    class_names = ["zebra" if label in "ABC" else label for label in LABELS]
    added = known_hands_like(hands, targets, class_names)
    assert set(added.targets) == set(range(3, len(LABELS)))


def test_names_that_mean_other_signs_are_noticed(known):
    hands, targets = known
    elsewhere = [*LABELS[3:], *LABELS[:3]]
    added = known_hands_like(hands, targets, elsewhere)
    assert len(added.targets) == len(added.rows) == len(added.others) == 0
    assert added.summary.startswith("on no others: only ")


@pytest.mark.parametrize("class_names", [["zebra", "lion"], ["zebra", "A"]])
def test_nothing_is_added_where_no_hand_of_a_known_class_was_found(class_names, known):
    hands, _ = known
    added = known_hands_like(hands[:5], np.zeros(5, int), class_names)
    assert len(added.targets) == len(added.rows) == len(added.others) == 0
    assert added.summary.startswith("on no others: the hands that come with Handshape")


@pytest.mark.parametrize(
    ("class_names", "other", "not_other"),
    [
        (list("ABCLY"), "DEFGHIKMNOPQRSTUVWX123456789", ""),
        (list("ABO"), "CD1", "0"),  # a letter and a digit of one handshape
        (list("AIV"), "BC3", "2"),
        (["A", "J", "Z"], "BCS", "ID1"),  # as stills they are those
    ],
)
def test_other_signs_are_those_that_the_user_lacks(class_names, other, not_other):
    hands, names = load_known_hands()
    rows = [row for row, name in enumerate(names) if name in class_names]
    added = known_hands_like(hands[rows], np.array([class_names.index(names[row]) for row in rows]), class_names)
    others = {names[row] for row in added.others}
    assert set(other) <= others
    assert not others & {*not_other, *class_names}
    assert not set(added.learned_others) & set(added.kept_others)


def test_it_trains_with_smaller_batches_where_memory_runs_out(known, monkeypatch, capsys):
    hands, make = evenly(*known), training._AugmentedHands.__getitem__

    def small_memory(self, index):
        if self.batch > 40:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return make(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(training, "BATCH", 32)
        alone = learned(hands, epochs=2)
    monkeypatch.setattr(training._AugmentedHands, "__getitem__", small_memory)
    stream = learned(hands, epochs=2)
    assert "memory ran out at 64 hands a step; trying 32" in capsys.readouterr().err
    require_same_arrays(stream.model.get_weights(), alone.model.get_weights())


def test_a_loss_that_is_no_number_ends_the_training(known):
    hands = evenly(*known)
    hands.weights[:] = np.nan
    with pytest.raises(DivergedError, match="landmark stream went astray: in epoch 1 the training loss") as astray:
        learned(hands, epochs=3)
    assert "landmark_stream.learning_rate" in astray.value.fix
