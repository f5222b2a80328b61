"""What a model decides about images: how much it accepts, how much of that is right, what it lets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.evaluation.answers import Answers, Flags, Floats, Integers, share_of
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


def report_decisions(
    class_names: Sequence[str],
    probabilities: Floats,
    targets: Integers,
    hand_found: Flags | None,
    thresholds: Thresholds,
    negative_probabilities: Floats | None = None,
    negative_hand_found: Flags | None = None,
) -> DecisionReport:
    """What the thresholds decide about N > 0 images; the arguments are those of the tuning.

    Raises:
        ValueError: shapes that do not fit.
    """
    answers = Answers.of(class_names, probabilities, targets, hand_found)
    given = Answers.negative(class_names, negative_probabilities, hand_found is not None, negative_hand_found)
    accepted = thresholds.accept(answers.confidence, hand_found)
    missing = np.zeros_like(accepted) if hand_found is None else ~answers.hand_found
    negatives = answers.only(~answers.is_sign).joined(given)
    return DecisionReport(
        hands_found=None if hand_found is None else float(answers.hand_found.mean()),
        accepted=float(accepted.mean()),
        accuracy_of_accepted=share_of(answers.is_right[accepted]),
        unknown=float((~accepted & ~missing).mean()),
        no_hand=float((~accepted & missing).mean()),
        right_accepted=share_of(accepted[answers.is_right]),
        false_accept=share_of(negatives.accepted_as_sign(thresholds)),
    )
