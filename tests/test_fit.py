"""Fitting on rows of a data set, as a library does it: streams, what joins them, folds that share features, refits."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from conftest import assignments, hand_at
from helpers import watched_trunks

pytest.importorskip("keras")

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.hands.known_hands import load_known_hands
from handshape.training import preparation
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import evaluate
from handshape.workflow.fit import FUSION_NAMES, fit, needs_refit, refit
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.splitting import folds, split


def loaded(data: Path, console: Console, **changes: object) -> tuple[Dataset, Settings, Context]:
    """A data set, and the settings of a short training on it."""
    words = assignments(**{"model__num_epochs": 1, "model__fine_tune_epochs": 1} | changes)[1::2]
    settings = load_settings(assignments=[f"data.original_data_dir={data}", *words])
    context = Context(console)
    dataset = load(settings, context)
    return dataset, possible_settings(settings, dataset, console), context


@pytest.fixture
def hands_of_their_class(drawn, pretend_hands, monkeypatch):
    """Finds in each drawn image a known hand of its class, but in the first of each class none."""
    shapes = {label: [row for row, name in enumerate(load_known_hands()[1]) if name == label] for label in "AB5L"}
    number_of = {
        hashlib.sha256(file.read_bytes()).digest(): (number, file.parent.name)
        for number, file in enumerate(sorted(drawn.rglob("*.jpg")))
    }

    def hand_of(photograph):
        number, label = number_of[photograph.digest]
        return hand_at(16, 16, 64, shape=shapes[label][number]) if number % 12 else None

    pretend_hands(hand_of)
    monkeypatch.setattr(preparation, "MIN_STEPS", 0)


@pytest.mark.parametrize("streams", ["[pixels,landmarks]", "[landmarks,hand]", "[landmarks]", "[pixels]"])
def test_what_joins_and_calibrates_the_streams_stays_when_they_go_on_learning(
    streams, drawn, hands_of_their_class, console
):
    changes = {"hands__find": "auto", "model__streams": streams, "data__val_split": 0.5}
    dataset, settings, context = loaded(drawn, console, **changes)
    made = split(dataset, settings, console)
    fitted = fit(dataset, made, settings, context)
    before = evaluate(fitted, dataset, made.test, console)
    if "landmarks" in streams:
        assert before.metrics.accuracy > 0.6  # chance is a quarter
    classifier = fitted.classifier
    kernel = None
    if streams == "[pixels]":
        assert classifier.fusion is None
        assert fitted.calibration["temperature"] != 1
    else:
        (kernel,) = classifier.fusion.get_weights()
        told = fitted.calibration["fusion"]
        assert list(told) == list(classifier.streams)
        np.testing.assert_array_equal(kernel.T, [[each[name] for name in FUSION_NAMES] for each in told.values()])
    calibration = dict(fitted.calibration)
    refit(fitted, made.all, settings, context)
    assert fitted.calibration == calibration
    if kernel is not None:
        np.testing.assert_array_equal(classifier.fusion.get_weights()[0], kernel)
    after = evaluate(fitted, dataset, made.test, console)
    assert not np.array_equal(before.predictions.probabilities, after.predictions.probabilities)


def test_a_refit_without_epochs_changes_nothing(drawn, console):
    dataset, settings, context = loaded(drawn, console, data__val_split=0.5, model__fine_tune_epochs=0)
    made = split(dataset, settings, console)
    fitted = fit(dataset, made, settings, context)
    assert fitted.calibration["temperature"] != 1  # it is taken out of the network meanwhile
    before = evaluate(fitted, dataset, made.test, console)
    refit(fitted, made.all, settings, context)
    after = evaluate(fitted, dataset, made.test, console)
    np.testing.assert_allclose(after.predictions.probabilities, before.predictions.probabilities, atol=1e-6)


def test_folds_share_the_features_of_their_data_set(drawn, home, console, monkeypatch):
    dataset, settings, context = loaded(drawn, console)
    seen = watched_trunks(monkeypatch)
    tested = []
    for each in folds(dataset, 3, settings, seed=0).values():
        fitted = fit(dataset, each, settings, context)
        tested.append(evaluate(fitted, dataset, each.test, console))
    assert sorted(np.concatenate([each.rows for each in tested])) == list(range(48))
    (kept,) = (home / "features").iterdir()
    done = np.load(kept / "done.npy")
    assert (seen.made, seen.images) == (1, done.sum())  # nothing was computed twice
    assert done[0].all()


@pytest.mark.parametrize(
    ("refit", "groups", "needed"),
    [("on", "none", True), ("off", "none", False), ("auto", "none", True), ("auto", "(?P<signer>[0-9]+)", True)],
)
def test_when_a_model_goes_on_to_learn_from_all(refit, groups, needed, drawn, console):
    dataset, settings, _ = loaded(drawn, console, training__refit=refit, data__groups=groups)
    assert needs_refit(dataset, settings) is needed
