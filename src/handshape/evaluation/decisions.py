"""What a model decides about images: how much it accepts, how much of that is right, what it lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handshape.evaluation.answers import Answers, share_of
from handshape.evaluation.slices import Slice
from handshape.model.decisions import Thresholds


@dataclass(frozen=True)
class DecisionReport:
    """What a model decides about images; all shares, 0 to 1, None where there is nothing to divide by.

    Attributes:
        hands_found: None where nobody looked for hands.
        accepted: decided as a label; with ``unknown`` and ``no_hand`` it makes 1.
        accuracy_of_accepted: of those, how many rightly.
        right_accepted: of the right answers, how many are accepted.
        false_accepts: the images without a sign; a hit is one accepted as a sign. None where there are no such images.
        kinds: the same for those without a hand, those with an idle one, and hands that show other signs, as far as
            there are any.
    """

    hands_found: float | None
    accepted: float
    accuracy_of_accepted: float | None
    unknown: float
    no_hand: float
    right_accepted: float | None
    false_accepts: Slice | None = None
    kinds: tuple[Slice, ...] = ()

    @property
    def false_accept(self) -> float | None:
        """Of the images without a sign, how many are accepted as one."""
        return self.false_accepts.share if self.false_accepts else None

    def as_dict(self) -> dict[str, Any]:
        """The decisions for JSON; ``hands_found`` stands beside them."""
        shares = {
            name: value for name, value in vars(self).items() if name not in ("hands_found", "false_accepts", "kinds")
        }
        found = self.false_accepts
        return {
            **shares,
            "false_accept": self.false_accept,
            "false_accept_interval": list(found.interval) if found else None,
            "without_sign": found.n if found else 0,
            "false_accepts": {kind.name: {"n": kind.n, "share": kind.share} for kind in self.kinds},
        }


def report_decisions(
    answers: Answers, thresholds: Thresholds, negatives: Answers | None = None, other_signs: Answers | None = None
) -> DecisionReport:
    """What the thresholds decide about N > 0 images.

    Args:
        answers: to the images.
        thresholds: what is accepted.
        negatives: answers to more images without a sign, which only count as false accepts.
        other_signs: answers to hands that show none of the classes; they count by themselves.

    Raises:
        ValueError: the negatives do not fit, as :meth:`Answers.without_sign` says.
    """
    accepted = thresholds.accept(answers.confidence, answers.hand_found)
    without = answers.without_sign(negatives)
    passed = without.accepted_as_sign(thresholds)
    kinds = [("idle hands", passed[without.hand_found]), ("no hand", passed[~without.hand_found])]
    if not answers.looked_for_hands:
        kinds = []
    if other_signs is not None:
        kinds.append(("other signs", other_signs.accepted_as_sign(thresholds)))
    return DecisionReport(
        hands_found=float(answers.hand_found.mean()) if answers.looked_for_hands else None,
        accepted=float(accepted.mean()),
        accuracy_of_accepted=share_of(answers.is_right[accepted]),
        unknown=float((~accepted & answers.hand_found).mean()),
        no_hand=float((~accepted & ~answers.hand_found).mean()),
        right_accepted=share_of(accepted[answers.is_right]),
        false_accepts=Slice.of("photographs without a sign", passed) if len(passed) else None,
        kinds=tuple(Slice.of(name, hits) for name, hits in kinds if len(hits)),
    )
