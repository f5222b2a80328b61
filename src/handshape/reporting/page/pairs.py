"""Which photographs to show: the most confidently wrong, and what they were taken for."""

from __future__ import annotations

from collections import Counter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = TypeVar("Image")

MAX_PAIRS = 8


class Pair(NamedTuple, Generic[Image]):
    """A confusion worth seeing: two images, or their numbers.

    Attributes:
        wrong: an image that was confidently taken for another class.
        typical: a typical right image of that class; None where there is none.
    """

    wrong: Image
    typical: Image | None


def choose_pairs(
    probabilities: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    most: int = MAX_PAIRS,
    each: int = 1,
) -> list[Pair[int]]:
    """The most confidently wrong images, the surest first, each with what it was taken for.

    Args:
        probabilities: [N, C], a row an image.
        targets: [N], the true class of each image.
        most: at most so many pairs.
        each: at most so many of one confusion (true class, answer), so that no burst of like images fills the page.

    Raises:
        ValueError: shapes that do not fit.
    """
    if probabilities.ndim != 2 or targets.shape != probabilities.shape[:1]:
        raise ValueError(f"Need probabilities [N, C] and targets [N]; got {probabilities.shape} and {targets.shape}.")
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != targets)
    shown: Counter[tuple[int, int]] = Counter()
    chosen: list[Pair[int]] = []
    for number in wrong[np.argsort(-confidence[wrong], kind="stable")]:
        confusion = (int(targets[number]), int(answers[number]))
        if shown[confusion] < each and len(chosen) < most:
            shown[confusion] += 1
            chosen.append(Pair(int(number), typical_image(probabilities, targets, confusion[1])))
    return chosen


def typical_image(
    probabilities: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]], label: int
) -> int | None:
    """The image of a class, answered right, whose probabilities lie nearest to the mean of all such images.

    Args:
        probabilities: [N, C], a row an image.
        targets: [N], the true class of each image.
        label: the number of the class.
    """
    right = np.flatnonzero((targets == label) & (probabilities.argmax(axis=1) == label))
    if not len(right):
        return None
    rows = probabilities[right]
    return int(right[np.linalg.norm(rows - rows.mean(axis=0), axis=1).argmin()])
