"""Fits that take a stream as it was trained before are equal to those that train it again."""

import numpy as np
import pytest
from helpers import require_same_arrays
from test_fit import hands_of_their_class, loaded  # noqa: F401  # a fixture

from handshape.config import with_values
from handshape.errors import DivergedError
from handshape.model.streams import LandmarkStream
from handshape.training import landmarks
from handshape.workflow import hand_streams
from handshape.workflow.evaluate import evaluate
from handshape.workflow.fit import fit
from handshape.workflow.splitting import folds
from handshape.workflow.tuning.reuse import TrainedStreams


@pytest.mark.usefixtures("hands_of_their_class")
@pytest.mark.parametrize(
    ("streams", "changed", "trained"),
    [
        ("[landmarks,hand]", {}, []),
        ("[landmarks,hand]", {"hand_stream.dropout": 0.2}, ["hand"]),
        ("[landmarks,hand]", {"landmark_stream.learning_rate": 1e-3}, ["landmarks"]),
        ("[landmarks,hand]", {"hands.known": "off"}, ["landmarks", "hand"]),
        ("[landmarks,hand]", {"data.seed": 8}, ["landmarks", "hand"]),
        ("[landmarks,hand]", {"model.streams": ["hand"]}, ["hand"]),
    ],
)
def test_what_is_equal_is_not_trained_again(
    streams,
    changed,
    trained,
    drawn,
    console,
    monkeypatch,
):
    short = {"landmark_stream__epochs": 2, "hand_stream__epochs": 2}
    dataset, settings, context = loaded(drawn, console, hands__find="auto", model__streams=streams, **short)
    split, other = list(folds(dataset, 3, settings, seed=0).values())[:2]
    reusing = TrainedStreams(dataset)
    reusing.fit(split, settings, context)
    settings = with_values(settings, changed)
    calls: list[str] = []
    for kind in (hand_streams.LandmarkStreamTrainer, hand_streams.HandStreamTrainer):
        train = kind.train

        def noted(self, train=train):
            calls.append(self.name)
            train(self)

        monkeypatch.setattr(kind, "train", noted)
    one = evaluate(reusing.fit(split, settings, context), dataset, split.test, console)
    np.testing.assert_array_equal(reusing.right(split, settings, context), one.predictions.correct)
    assert calls == trained
    again = evaluate(fit(dataset, split, settings, context), dataset, split.test, console)
    np.testing.assert_array_equal(one.predictions.probabilities, again.predictions.probabilities)
    calls.clear()
    reusing.fit(other, settings, context)
    assert calls == list(settings.model.streams)  # other rows


def test_the_pixel_stream_as_well(drawn, console):
    dataset, settings, context = loaded(drawn, console)
    split = next(iter(folds(dataset, 3, settings, seed=0).values()))
    reusing = TrainedStreams(dataset)
    fits = [
        reusing.fit(split, settings, context),
        reusing.fit(split, settings, context),
        fit(dataset, split, settings, context),
    ]
    first, *others = ([each.classifier.model.get_weights(), each.calibration["temperature"]] for each in fits)
    said = evaluate(fits[0], dataset, split.test, console)
    right = reusing.right(split, settings, context)
    assert (right == said.predictions.correct).mean() > 0.9  # of features that are kept in float16
    for weights, temperature in others:
        require_same_arrays(weights, first[0])
        assert temperature == first[1]


@pytest.mark.usefixtures("hands_of_their_class")
def test_weights_that_are_no_numbers_are_told(drawn, console, monkeypatch):
    def diverges(stream: LandmarkStream, *_):
        stream.head.set_weights([np.full_like(each, np.nan) for each in stream.head.get_weights()])

    monkeypatch.setattr(landmarks, "train_landmarks", diverges)
    dataset, settings, context = loaded(drawn, console, hands__find="auto", model__streams="[landmarks]")
    split = next(iter(folds(dataset, 3, settings, seed=0).values()))
    with pytest.raises(DivergedError):
        TrainedStreams(dataset).fit(split, settings, context)
