"""What hands are to say in training, and how much each counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OTHER_SIGN = -1  # the target of hands that show none of the classes
OTHERS_COUNT = 2.0  # all of them, in classes


def balanced(targets: NDArray[np.integer], source: NDArray[np.integer]) -> NDArray[np.float32]:
    """Weights [N] of mean 1, so that every class counts the same, and every source by the square root of its size.

    Args:
        targets: [N], class numbers, or :data:`OTHER_SIGN`.
        source: [N], numbers of people, or of whatever else the hands come from.
    """
    if not len(targets):
        return np.empty(0, np.float32)
    weights = 1 / np.sqrt(np.bincount(source)[source])
    classes = targets - OTHER_SIGN
    weights /= np.bincount(classes, weights)[classes]
    weights[targets == OTHER_SIGN] *= OTHERS_COUNT
    return (weights / weights.mean()).astype(np.float32)


def wanted(targets: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """The probabilities to learn, [N, C]: all on the class; the same for every class where it is another sign.

    Targets that are probabilities already, [N, C], as a teacher gives them, stay as they are.

    So a network is unsure of signs that it does not know. Source: Hendrycks, Mazeika, Dietterich, "Deep Anomaly
    Detection with Outlier Exposure", ICLR 2019.
    """
    if targets.ndim == 2:
        return np.asarray(targets, np.float32)
    rows = np.vstack([np.eye(classes), np.full((1, classes), 1 / classes)]).astype(np.float32)
    return rows[targets]
