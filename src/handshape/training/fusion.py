"""How much each stream counts, learned on people that neither has seen: five numbers, kept near sensible ones.

Log-probabilities of the streams are added with weights that depend on whether a hand was found and how large it is.
The likelihood is convex in the weights, so Newton's method finds the best ones. The weights are the temperature as
well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handshape.model.classifier import MIN_PROBABILITY, fusion_inputs

USUAL = np.array([1.0, 0.35, 0.0, 1.0, 0.0])  # pixels without a hand, with one, by size; landmarks with one, by size
PULL = 10.0  # towards them, as strong as so many images
IMAGES_A_PERSON = 20  # so many images of one person say as much as all: they are alike
STEPS = 50

Floats = NDArray[np.floating]


def fit_fusion(
    pixels: Floats,
    landmarks: Floats,
    hand_present: Floats,
    size: Floats,
    targets: NDArray[np.integer],
    people: int,
) -> NDArray[np.float64]:
    """The five weights that make the targets most likely, for :func:`handshape.model.classifier.fusion_kernel`.

    Args:
        pixels: [N, C], probabilities of the pixel stream.
        landmarks: [N, C], those of the landmark stream.
        hand_present: [N, 1], 0 or 1.
        size: [N, 1], pixels from wrist to knuckles.
        targets: [N], the true class of each image.
        people: how many signed them. Few people say little about others, however many their images.
    """
    pull = pull_of(len(targets), people)
    terms = _terms(pixels, landmarks, hand_present, size)
    right = np.eye(pixels.shape[1])[targets]
    weights = USUAL.copy()
    damping = 1e-6
    loss = _loss(terms, right, weights, pull)
    for _ in range(STEPS):
        slope, curve = _slope_and_curve(terms, right, weights, pull)
        candidate = weights - np.linalg.solve(curve + damping * np.eye(len(weights)), slope)
        improved = _loss(terms, right, candidate, pull)
        if improved > loss:
            damping = max(damping * 10, 1e-3)
            continue
        done = loss - improved < 1e-9 * (1 + loss)
        weights, loss, damping = candidate, improved, damping / 10
        if done:
            break
    return weights


def pull_of(images: int, people: int) -> float:
    """How strongly the weights are kept near the usual ones, against the likelihood of so many images."""
    return PULL * max(1.0, images / (IMAGES_A_PERSON * max(1, people)))


def _terms(pixels: Floats, landmarks: Floats, hand_present: Floats, size: Floats) -> Floats:
    """What the five weights multiply, [N, C, 5]."""
    absent, present, large = (column[:, None] for column in fusion_inputs(hand_present, size).astype(np.float64).T)
    seen, shape = (np.log(np.maximum(each, MIN_PROBABILITY)).astype(np.float64) for each in (pixels, landmarks))
    return np.stack([absent * seen, present * seen, large * seen, present * shape, large * shape], axis=2)


def _probabilities(terms: Floats, weights: Floats) -> Floats:
    scores = terms @ weights
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _loss(terms: Floats, right: Floats, weights: Floats, pull: float) -> float:
    likelihood = (_probabilities(terms, weights) * right).sum(axis=1)
    return float(-np.log(np.maximum(likelihood, 1e-300)).sum() + pull / 2 * np.square(weights - USUAL).sum())


def _slope_and_curve(terms: Floats, right: Floats, weights: Floats, pull: float) -> tuple[Floats, Floats]:
    probabilities = _probabilities(terms, weights)
    slope = np.einsum("nc,nck->k", probabilities - right, terms) + pull * (weights - USUAL)
    mean = np.einsum("nc,nck->nk", probabilities, terms)
    curve = np.einsum("nc,nck,ncl->kl", probabilities, terms, terms) - mean.T @ mean
    return slope, curve + pull * np.eye(len(weights))
