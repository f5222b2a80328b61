"""Two models on the same photographs: the arithmetic, against SciPy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.evaluation.compare import PairedComparison

stats = pytest.importorskip("scipy.stats")

COUNTS = st.integers(0, 300)


def test_counts_by_hand():
    first, second = np.array([1, 1, 0, 0, 1, 1], bool), np.array([1, 0, 1, 0, 0, 1], bool)
    pair = PairedComparison.of(first, second)
    assert pair == PairedComparison(6, 2, 2, 1)
    assert pair.accuracies == (4 / 6, 3 / 6)
    assert pair.difference == pytest.approx(-1 / 6)
    assert pair.p_value == 1
    assert set(pair.as_dict()) == {
        *("n", "both_right", "only_first_right", "only_second_right"),
        *("accuracies", "difference", "interval", "chance"),
    }


@given(COUNTS, COUNTS)
def test_chance_is_the_exact_test_of_mcnemar(first: int, second: int):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert PairedComparison(700, 0, first, second).p_value == pytest.approx(expected, rel=1e-6)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_interval_holds_the_difference_and_turns_round_with_the_models(a: int, b: int, c: int, d: int):
    pair, turned = PairedComparison(a + b + c + d + 1, a, b, c), PairedComparison(a + b + c + d + 1, a, c, b)
    low, high = pair.interval
    assert -1 <= low <= high <= 1
    assert turned.interval == pytest.approx((-high, -low))
    assert turned.difference == -pair.difference
    assert low <= pair.difference * pair.n / (pair.n + 2) <= high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    shares, covered = [0.7, 0.04, 0.1, 0.16], 0
    for both, first, second, _ in rng.multinomial(200, shares, 2000).tolist():
        low, high = PairedComparison(200, both, first, second).interval
        covered += low <= 0.06 <= high
    assert 0.93 < covered / 2000 < 0.98
