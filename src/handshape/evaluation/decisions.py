"""What a model decides about images: how much it accepts, how much of that is right, what it lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handshape.evaluation.answers import Answers, share_of
from handshape.model.decisions import Thresholds


@dataclass(frozen=True)
class DecisionReport:
    """What a model decides about images; all shares, 0 to 1, None where there is nothing to divide by.

    Attributes:
        hands_found: None where nobody looked for hands.
        accepted: decided as a label; with ``unknown`` and ``no_hand`` it makes 1.
        accuracy_of_accepted: of those, how many rightly.
        right_accepted: of the right answers, how many are accepted.
        false_accept: of the images without a sign, how many are accepted as one.
    """

    hands_found: float | None
    accepted: float
    accuracy_of_accepted: float | None
    unknown: float
    no_hand: float
    right_accepted: float | None
    false_accept: float | None

    def as_dict(self) -> dict[str, Any]:
        """The decisions for JSON; ``hands_found`` stands beside them."""
        return {name: value for name, value in vars(self).items() if name != "hands_found"}


def report_decisions(answers: Answers, thresholds: Thresholds, negatives: Answers | None = None) -> DecisionReport:
    """What the thresholds decide about N > 0 images.

    Args:
        answers: to the images.
        thresholds: what is accepted.
        negatives: answers to more images without a sign, which only count as false accepts.

    Raises:
        ValueError: the negatives do not fit, as :meth:`Answers.without_sign` says.
    """
    accepted = thresholds.accept(answers.confidence, answers.hand_found)
    return DecisionReport(
        hands_found=float(answers.hand_found.mean()) if answers.looked_for_hands else None,
        accepted=float(accepted.mean()),
        accuracy_of_accepted=share_of(answers.is_right[accepted]),
        unknown=float((~accepted & answers.hand_found).mean()),
        no_hand=float((~accepted & ~answers.hand_found).mean()),
        right_accepted=share_of(accepted[answers.is_right]),
        false_accept=share_of(answers.without_sign(negatives).accepted_as_sign(thresholds)),
    )
