"""Temperature scaling: one number that makes confidence mean what it says, and changes no answer.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

import math

import numpy as np

from handshape.evaluation.answers import Floats, Integers

COOLEST, HOTTEST = 0.25, 4.0
MIN_IMAGES = 20  # below this the fit says more about chance than about the model
HALVINGS = 40  # of a range of 2.8 in log T: to 3e-12


def fit_temperature(logits: Floats, targets: Integers) -> float:
    """The temperature T between 0.25 and 4 that minimises the negative log-likelihood of ``softmax(logits / T)``.

    The likelihood is convex in 1/T, so its slope changes sign once, and halving the range of log T finds the place.

    Args:
        logits: [N, C] scores before the softmax; log-probabilities do as well.
        targets: [N], the true class of each image.

    Returns:
        The temperature; 1 for fewer than 20 images or scores that are not finite.

    Raises:
        ValueError: shapes that do not fit.
    """
    logits, targets = np.asarray(logits, np.float64), np.asarray(targets)
    if logits.ndim != 2 or targets.shape != logits.shape[:1]:
        raise ValueError(f"Need logits [N, C] and targets [N]; got {logits.shape} and {targets.shape}.")
    if len(logits) < MIN_IMAGES or not np.isfinite(logits).all():
        return 1.0
    scores = logits - logits[np.arange(len(targets)), targets][:, None]  # the true class at 0: the slope's second term
    low, high = math.log(COOLEST), math.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _slope(scores, math.exp(-middle)) < 0:
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def _slope(scores: Floats, sharpness: float) -> float:
    """The derivative of the mean negative log-likelihood by sharpness, 1/T; scores are 0 at the true class."""
    return float((_softmax(scores * sharpness) * scores).sum(axis=1).mean())


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
