"""How much each member counts, and how sure the whole is: a few numbers, fitted on people whom no member learned from.

The likelihood of a mixture is concave in its weights, so expectation and maximisation in turn find the best ones. Like
the weights of streams they are kept near equal ones, the more so the fewer people there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.splits import Rows
from handshape.model.classifier import MIN_PROBABILITY
from handshape.model.ensemble import combined
from handshape.training.fusion import fit_weights, pull_of
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.member import Learned
from handshape.workflow.ensemble.plan import Weighing

MIN_PEOPLE = 5  # with fewer, weights say more about these people than about the members
STEPS, SETTLED = 500, 1e-7

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Weights:
    """How the answers of K members become one.

    Attributes:
        members: [K], their sum is 1.
        exponent: to which their mean is raised, an inverse temperature: a mean is less sure than it could be.
        are_fitted: whether the members' weights were chosen by their answers.
    """

    members: tuple[float, ...]
    exponent: float = 1.0
    are_fitted: bool = False

    @classmethod
    def equal(cls, count: int) -> Weights:
        """All count the same."""
        return cls((1 / count,) * count)

    def join(self, answers: Sequence[Floats]) -> NDArray[np.float32]:
        """The answer [N, C] that those of the members come to."""
        return np.asarray(combined(answers, self.members, self.exponent), np.float32)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"weights": list(self.members), "exponent": self.exponent, "are_fitted": self.are_fitted}


def weigh(answers: Sequence[Floats], targets: NDArray[np.integer], people: int, how: Weighing) -> Weights:
    """The weights of members by their answers to images that none of them learned from.

    Args:
        answers: of each of K members, [N, C].
        targets: [N], the true class of each image.
        people: how many signed them; with fewer than :data:`MIN_PEOPLE`, ``auto`` weighs them all the same.
        how: see :class:`~handshape.workflow.ensemble.plan.EnsembleOptions`.
    """
    count, pull = len(answers), pull_of(len(targets), people)
    is_fitted = how == "fitted" or (how == "auto" and people >= MIN_PEOPLE)
    weights = fit_mixture(answers, targets, pull) if is_fitted else Weights.equal(count).members
    scores = np.log(np.maximum(combined(answers, weights), MIN_PROBABILITY)).astype(np.float64)
    exponent = fit_weights(scores[:, :, None], targets, np.ones(1), pull)
    return Weights(weights, float(exponent[0]), is_fitted)


def weigh_on(dataset: Dataset, rows: Rows, members: Sequence[Learned], how: Weighing) -> Weights:
    """The same by what members said of rows of a data set that none of them learned from."""
    answers = [each.answers[rows] for each in members]
    return weigh(answers, dataset.targets[rows], len(set(dataset.signers(rows))), how)


def fit_mixture(answers: Sequence[Floats], targets: NDArray[np.integer], pull: float) -> tuple[float, ...]:
    """The weights, of sum 1, that make the targets most likely, kept near equal ones.

    Args:
        answers: of each of K members, [N, C].
        targets: [N].
        pull: towards equal weights, as strong as so many images.
    """
    likely = np.stack([each[np.arange(len(targets)), targets] for each in answers], axis=1).astype(np.float64)
    likely = np.maximum(likely, MIN_PROBABILITY)  # [N, K]
    count = len(answers)
    weights = np.full(count, 1 / count)
    for _ in range(STEPS):
        before, shares = weights, likely * weights
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (shares.sum(axis=0) + pull / count) / (len(targets) + pull)
        if np.abs(weights - before).max() < SETTLED:
            break
    return tuple(weights.tolist())
