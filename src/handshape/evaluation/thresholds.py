"""Tunes what a model accepts to a target of false accepts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.answers import Answers, Flags, share_of
from handshape.model.decisions import NEVER, Thresholds

TARGET = 0.05
KEPT_AGAINST_OTHERS = 0.9  # of the right answers with a hand: the rule about other signs rejects no more
KEPT = 0.95  # of the right answers: the rule about wrong ones rejects no more
MIN_WITHOUT_HAND, WITHOUT_HAND = 20, 0.2  # right answers, and share of the signs, from which those without a hand count
FLOOR, MAX_FLOOR = 3.0, 0.5  # times chance, and confidence where chance is high
_ROUNDING = 1e-9

Bound = Literal["floor", "wrong answers", "negatives", "other signs"]


@dataclass(frozen=True)
class Tuning:
    """Thresholds, and what they do to the images they were tuned on.

    How often an image without a sign is accepted is said of others alone, as
    :class:`~handshape.evaluation.decisions.DecisionReport` has it.

    Attributes:
        bound_by: what keeps ``with_hand`` from being lower.
        negatives: how many images without a sign there were.
        needed: how many it takes to hold the target on images not yet seen.
        false_accept: share of the negatives accepted as a sign; None without negatives.
        right_accepted: share of the right answers accepted; None where none was right.
        wrong_accepted: share of wrong ones among the accepted; None where none was accepted.
    """

    thresholds: Thresholds
    target: float
    bound_by: Bound
    negatives: int
    needed: int
    false_accept: float | None
    right_accepted: float | None
    wrong_accepted: float | None

    @property
    def is_assured(self) -> bool:
        """Whether there were enough negatives to expect the target to hold on others like them."""
        return self.negatives >= self.needed

    @property
    def summary(self) -> str:
        """What the thresholds rest on, for people."""
        if not self.negatives:
            return (
                "No photographs without a sign were given, so nobody knows how often one is taken for a sign. "
                f"Give {self.needed} or more: --negatives FOLDER."
            )
        kept = "" if self.right_accepted is None else f"; {self.right_accepted:.1%} of the right answers are that sure"
        basis = f"How sure an answer must be was set on {self.negatives:,} photographs without a sign"
        if self.is_assured:
            return f"{basis}, so that at most {self.target:.1%} of such pass for one{kept}."
        return f"{basis}{kept}. It takes {self.needed} to hold {self.target:.1%} on others."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.thresholds.as_dict(),
            "target": self.target,
            "bound_by": self.bound_by,
            "negatives": self.negatives,
            "assured": self.is_assured,
            "right_accepted": self.right_accepted,
            "wrong_accepted": self.wrong_accepted,
        }


def tune_thresholds(
    answers: Answers, negatives: Answers | None = None, target: float = TARGET, other_signs: Answers | None = None
) -> Tuning:
    """Thresholds that accept the most right answers while at most ``target`` of the negatives are taken for a sign.

    A negative is an image without a sign: those given, and validation images of a class named so (``nothing``). It is
    falsely accepted when the decision is the label of a sign. With n negatives, at most k are accepted, where
    (k + 1) / (n + 1) <= target: then no more than the target is to be expected of other images like them. Where n is
    too small for that, none is. Source: Angelopoulos, Bates, Fisch, Lei, Schuster, "Conformal Risk Control", ICLR
    2024, theorem 1 (strictly for one threshold; k is shared between two).

    Wrong answers to validation images are held to the same share of the accepted, as far as that costs no more than
    5 % of the right answers. Nothing below three times chance, or half where that is less, is accepted. Without a
    hand nothing is, unless enough negatives without a hand say what may be, or so many signs show none that a model
    which never answers them would be of no use; then what lies above all such negatives is.

    Other signs, which the model does not know, are held to the target by themselves, as far as that costs no more than
    10 % of the right answers.

    Args:
        answers: to validation images, calibrated, best of people kept out of training.
        negatives: answers to images without a sign.
        target: share, between 0 and 1.
        other_signs: answers to hands that show none of the classes.

    Raises:
        ValueError: the negatives do not fit, as :meth:`Answers.without_sign` says, or the target is no share.
    """
    if not 0 < target < 1:
        raise ValueError(f"Need a target between 0 and 1; got {target}.")
    signs, without = answers.only(answers.is_sign), answers.without_sign(negatives)
    floor = min(MAX_FLOOR, FLOOR / answers.classes)
    with_hand, bound_by, without_hand = _best(signs, without, floor, target)
    against_others = _least_against(other_signs, signs, target) if other_signs is not None else 0.0
    if against_others > with_hand:
        with_hand, bound_by = against_others, "other signs"
    thresholds = Thresholds(with_hand, without_hand)
    accepted = thresholds.accept(signs.confidence, signs.hand_found)
    return Tuning(
        thresholds=thresholds,
        target=target,
        bound_by=bound_by,
        negatives=len(without),
        needed=_needed(target),
        false_accept=share_of(without.accepted_as_sign(thresholds)),
        right_accepted=share_of(accepted[signs.is_right]),
        wrong_accepted=share_of(~signs.is_right[accepted]),
    )


def _best(signs: Answers, negatives: Answers, floor: float, target: float) -> tuple[float, Bound, float]:
    """The threshold with a hand, what bounds it, and the one without: the sharing of k that accepts the most."""
    budget = max(0, math.floor(target * (len(negatives) + 1) + _ROUNDING) - 1)
    found, missing = _Side(signs, negatives, True, floor, target), _Side(signs, negatives, False, floor, target)
    choices = [(found.threshold(budget), NEVER)]
    if missing.negatives >= _needed(target):
        choices += [(found.threshold(budget - k), missing.threshold(k)) for k in range(budget + 1)]
    elif missing.right >= max(MIN_WITHOUT_HAND, WITHOUT_HAND * len(signs)):
        choices.append((found.threshold(budget), missing.threshold(0)))
    with_hand, without_hand = max(choices, key=lambda pair: found.gain(pair[0]) + missing.gain(pair[1]))
    return with_hand, found.bound(with_hand), without_hand


class _Side:
    """The images with a hand, or those without: each side has its threshold."""

    def __init__(self, signs: Answers, negatives: Answers, with_hand: bool, floor: float, target: float) -> None:
        signs = signs.only(signs.hand_found == with_hand)
        negatives = negatives.only(negatives.hand_found == with_hand)
        self.negatives = len(negatives)
        self._floor = floor
        self._for_wrong = _least_for_wrong(signs.confidence, signs.is_right, target)
        self._right = np.sort(signs.confidence[signs.is_right])
        self.right = len(self._right)
        self._danger = np.sort(negatives.confidence[negatives.says_sign])[::-1]

    def threshold(self, allowed: int) -> float:
        """The lowest that accepts at most ``allowed`` negatives."""
        if allowed >= len(self._danger):
            return max(self._floor, self._for_wrong)
        highest = float(self._danger[allowed])
        above = float(np.nextafter(highest, math.inf)) if highest < 1 else NEVER
        return max(self._floor, self._for_wrong, above)

    def gain(self, threshold: float) -> int:
        """Right answers accepted."""
        return len(self._right) - int(np.searchsorted(self._right, threshold))

    def bound(self, threshold: float) -> Bound:
        if threshold > max(self._floor, self._for_wrong):
            return "negatives"
        return "wrong answers" if self._for_wrong > self._floor else "floor"


def _least_for_wrong(confidence: NDArray[np.float64], is_right: Flags, target: float) -> float:
    """The lowest threshold with at most ``target`` wrong among the accepted, or that keeps just enough right ones."""
    right = np.sort(confidence[is_right])
    if not len(right):
        return 0.0
    most = right[len(right) - math.ceil(KEPT * len(right))]
    order = np.argsort(confidence)
    rising, wrong = confidence[order], ~is_right[order]
    starts = np.searchsorted(rising, np.unique(rising))  # where images of one confidence begin: they go together
    share = wrong[::-1].cumsum()[::-1][starts] / (len(rising) - starts)
    good = starts[share <= target]
    if not len(good):
        return float(most)
    return 0.0 if good[0] == 0 else min(float(rising[good[0]]), float(most))


def _least_against(others: Answers, signs: Answers, target: float) -> float:
    """The lowest threshold that accepts at most ``target`` of the other signs, or keeps just enough right answers."""
    right = np.sort(signs.confidence[signs.is_right & signs.hand_found])
    danger = np.sort(others.confidence[others.says_sign])[::-1]
    allowed = max(0, math.floor(target * (len(others) + 1) + _ROUNDING) - 1)
    if not len(right) or allowed >= len(danger):
        return 0.0
    most = right[len(right) - math.ceil(KEPT_AGAINST_OTHERS * len(right))]
    return min(float(np.nextafter(danger[allowed], math.inf)), float(most))


def _needed(target: float) -> int:
    """Negatives from which (0 + 1) / (n + 1) <= target."""
    return math.ceil(1 / target - 1 - _ROUNDING)
