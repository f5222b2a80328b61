"""How measures are said: the same in sentences, tables and figures."""

from __future__ import annotations

import numpy as np
import pytest

from handshape.evaluation.metrics import measure
from handshape.reporting.mistakes import mistaken_for, mistakes
from handshape.reporting.wording import count, interval, level, percent


def spaced(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("share", "decimals", "said"),
    [
        (0, 1, "0 %"),
        (1, 1, "100 %"),
        (0.975, 1, "97.5 %"),
        (0.92, 1, "92.0 %"),
        (0.99999, 1, "99.9 %"),
        (0.00001, 1, "0.1 %"),
        (0.25, 0, "25 %"),
        (0.999, 0, "99 %"),
        (0.001, 0, "1 %"),
    ],
)
def test_shares(share: float, decimals: int, said: str) -> None:
    assert spaced(percent(share, decimals)) == said


@pytest.mark.parametrize(
    ("share", "n", "said"),
    [(19 / 20, 20, "76 to 99 %"), (1.0, 10, "72 to 100 %"), (50 / 99, 99, "41 to 60 %"), (0.5, 100, ""), (0.0, 0, "")],
)
def test_shares_of_few_images_say_how_far_chance_goes(share: float, n: int, said: str) -> None:
    assert spaced(interval(share, n)) == said


@pytest.mark.parametrize(
    ("number", "noun", "said"), [(1, "class", "1 class"), (1200, "class", "1,200 classes"), (2, "copy", "2 copies")]
)
def test_counts(number: int, noun: str, said: str) -> None:
    assert count(number, noun) == said


@pytest.mark.parametrize(
    ("share", "called"), [(1, "good"), (0.9, "good"), (0.899, "fair"), (0.7, "fair"), (0.69, "poor"), (0, "poor")]
)
def test_levels(share: float, called: str) -> None:
    assert level(share) == called


def test_mistakes_are_counted_the_most_frequent_first() -> None:
    targets = np.array([0, 0, 0, 0, 1, 1, 2])
    answers = np.array([0, 2, 1, 1, 0, 1, 2])
    metrics = measure(np.eye(3)[answers], targets, "abc")
    assert mistakes(metrics) == [("a", "b", 2, 4), ("a", "c", 1, 4), ("b", "a", 1, 2)]
    assert [mistaken_for(metrics, name) for name in "abc"] == [("a", "b", 2, 4), ("b", "a", 1, 2), None]
