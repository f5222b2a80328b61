"""Which classes are taken for which, and how often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from handshape.evaluation.metrics import Metrics


class Mistake(NamedTuple):
    """Images of one class that were read as another.

    Attributes:
        label: their class.
        answer: what they were read as.
        images: how many.
        support: images of the class.
    """

    label: str
    answer: str
    images: int
    support: int


def mistakes(metrics: Metrics) -> list[Mistake]:
    """Every confusion, the most frequent first; among equals in the order of the classes."""
    wrong = metrics.confusion * ~np.eye(len(metrics.confusion), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    return [_mistake(metrics, *divmod(int(place), len(wrong))) for place in order]


def mistaken_for(metrics: Metrics, label: str) -> Mistake | None:
    """What images of a class were read as most often when not as it; None where all were right."""
    row = [score.label for score in metrics.per_class].index(label)
    wrong = metrics.confusion[row].copy()
    wrong[row] = 0
    return _mistake(metrics, row, int(wrong.argmax())) if wrong.any() else None


def _mistake(metrics: Metrics, row: int, column: int) -> Mistake:
    shown, answered = metrics.per_class[row], metrics.per_class[column]
    return Mistake(shown.label, answered.label, int(metrics.confusion[row, column]), shown.support)
