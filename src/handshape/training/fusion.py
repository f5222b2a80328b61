"""How much each stream counts, learned on people that none has seen: a few numbers, kept near sensible ones.

Log-probabilities of the streams are added with weights that depend on whether a hand was found and how large it is.
The likelihood is convex in the weights, so Newton's method finds the best ones. The weights are the temperature as
well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.model.classifier import MIN_PROBABILITY, PIXELS, fusion_inputs

WITHOUT_HAND = 1.0  # what the pixel stream usually counts there
USUAL = {  # what streams usually count with a hand, and by its size: fitted on people left out, in six sets
    "landmarks": (0.55, 0.2),
    "hand": (0.8, -0.2),  # it reads small hands better
    PIXELS: (0.35, 0.0),
}
LANDMARKS_WITHOUT_HAND_STREAM = (1.0, 0.0)
PULL = 20.0  # towards them, as strong as so many images
IMAGES_A_PERSON = 5  # so many images of one person say as much as all: they are alike
STEPS = 50

Floats = NDArray[np.floating]


def fit_fusion(
    answers: Mapping[str, Floats], hand_present: Floats, size: Floats, targets: NDArray[np.integer], people: int
) -> NDArray[np.float32]:
    """The weights that make the targets most likely: the kernel [3, S] of the classifier's fusion layer.

    Its rows are what each stream counts without a hand, with one, and by its size; without a hand the pixel stream
    alone says something.

    Args:
        answers: by stream, its probabilities [N, C].
        hand_present: [N, 1], 0 or 1.
        size: [N, 1], pixels from wrist to knuckles.
        targets: [N], the true class of each image.
        people: how many signed them. Few people say little about others, however many their images.
    """
    is_free, usual = _free(list(answers)), usual_kernel(list(answers))
    terms = _terms(list(answers.values()), fusion_inputs(hand_present, size))[..., is_free]
    kernel = usual.copy()
    kernel[is_free] = fit_weights(terms, targets, usual[is_free], pull_of(len(targets), people))
    return kernel.astype(np.float32)


def fit_weights(terms: Floats, targets: NDArray[np.integer], usual: Floats, pull: float) -> Floats:
    """The K weights that make the targets most likely, of what they multiply, [N, C, K].

    Args:
        terms: log-probabilities, or what is added to them.
        targets: [N], the true class of each image.
        usual: [K], where the weights are pulled to.
        pull: how strongly; see :func:`pull_of`.
    """
    return _Fit(terms, targets, usual, pull).best()


def usual_kernel(names: Sequence[str]) -> NDArray[np.float64]:
    """What streams count where nothing is known about them, [3, S]."""
    usual = USUAL if "hand" in names else {**USUAL, "landmarks": LANDMARKS_WITHOUT_HAND_STREAM}
    return np.array([(WITHOUT_HAND if name == PIXELS else 0.0, *usual[name]) for name in names]).T


def pull_of(images: int, people: int) -> float:
    """How strongly the weights are kept near the usual ones, against the likelihood of so many images."""
    return PULL * max(1.0, images / (IMAGES_A_PERSON * max(1, people)))


def _free(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the weights [3, S] are fitted."""
    return np.array([[name == PIXELS for name in names], [True] * len(names), [True] * len(names)])


def _terms(answers: Sequence[Floats], gate: Floats) -> Floats:
    """What the weights multiply, [N, C, 3, S]."""
    scores = np.log(np.maximum(np.stack(answers, axis=2), MIN_PROBABILITY)).astype(np.float64)
    return gate[:, None, :, None].astype(np.float64) * scores[:, :, None, :]


class _Fit:
    """Newton's method on a convex loss.

    Args:
        terms: [N, C, K], what the K weights multiply.
        targets: [N].
        usual: [K], where the weights are pulled to.
        pull: how strongly.
    """

    def __init__(self, terms: Floats, targets: NDArray[np.integer], usual: Floats, pull: float) -> None:
        self._terms, self._usual, self._pull = terms, usual, pull
        self._right = np.eye(terms.shape[1])[targets]

    def best(self) -> Floats:
        """The weights of the least loss."""
        weights, damping = self._usual.copy(), 1e-6
        loss = self._loss(weights)
        for _ in range(STEPS):
            slope, curve = self._slope_and_curve(weights)
            candidate = weights - np.linalg.solve(curve + damping * np.eye(len(weights)), slope)
            improved = self._loss(candidate)
            if improved > loss:
                damping = max(damping * 10, 1e-3)
                continue
            done = loss - improved < 1e-9 * (1 + loss)
            weights, loss, damping = candidate, improved, damping / 10
            if done:
                break
        return weights

    def _probabilities(self, weights: Floats) -> Floats:
        scores = self._terms @ weights
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _loss(self, weights: Floats) -> float:
        likelihood = (self._probabilities(weights) * self._right).sum(axis=1)
        pulled = self._pull / 2 * np.square(weights - self._usual).sum()
        return float(-np.log(np.maximum(likelihood, 1e-300)).sum() + pulled)

    def _slope_and_curve(self, weights: Floats) -> tuple[Floats, Floats]:
        probabilities, terms = self._probabilities(weights), self._terms
        slope = np.einsum("nc,nck->k", probabilities - self._right, terms) + self._pull * (weights - self._usual)
        mean = np.einsum("nc,nck->nk", probabilities, terms)
        curve = np.einsum("nc,nck,ncl->kl", probabilities, terms, terms) - mean.T @ mean
        return slope, curve + self._pull * np.eye(len(weights))
