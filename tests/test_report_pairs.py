"""Which photographs show what goes wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.reporting.page import choose_pairs, typical_image


def test_the_surest_mistakes_come_first_one_of_each_confusion():
    probabilities = np.array(
        [
            [0.9, 0.1, 0.0],  # 0, right
            [0.2, 0.8, 0.0],  # taken for 1
            [0.1, 0.9, 0.0],  # taken for 1, surer
            [0.0, 0.3, 0.7],  # taken for 2
            [0.1, 0.9, 0.0],  # 1, right
            [0.4, 0.6, 0.0],  # 1, right, less typical
            [0.1, 0.8, 0.1],  # 1, right, near the mean
        ]
    )
    targets = np.array([0, 0, 0, 1, 1, 1, 1])
    assert choose_pairs(probabilities, targets) == [(2, 6), (3, None)]
    assert choose_pairs(probabilities, targets, each=2) == [(2, 6), (1, 6), (3, None)]
    assert choose_pairs(probabilities, targets, most=1) == [(2, 6)]


def test_nothing_wrong_nothing_shown():
    assert choose_pairs(np.eye(3), np.arange(3)) == []
    assert choose_pairs(np.zeros((0, 3)), np.zeros(0, np.int64)) == []


@given(seed=st.integers(0, 500), most=st.integers(0, 6), each=st.integers(1, 3))
def test_pairs_are_what_they_say(seed: int, most: int, each: int):
    rng = np.random.default_rng(seed)
    probabilities, targets = rng.dirichlet(np.ones(4), 30), rng.integers(0, 4, 30)
    answers = probabilities.argmax(axis=1)
    pairs = choose_pairs(probabilities, targets, most, each)
    confidence = [probabilities[pair.wrong].max() for pair in pairs]
    assert len(pairs) <= most and confidence == sorted(confidence, reverse=True)
    assert max(Counter((targets[pair.wrong], answers[pair.wrong]) for pair in pairs).values(), default=0) <= each
    for wrong, typical in pairs:
        assert answers[wrong] != targets[wrong]
        if typical is not None:
            assert targets[typical] == answers[typical] == answers[wrong]


def test_typical_of_a_class_never_recognised_is_nothing():
    assert typical_image(np.eye(2), np.array([1, 0]), 1) is None


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="Need probabilities"):
        choose_pairs(np.zeros((3, 2)), np.zeros(2, np.int64))
