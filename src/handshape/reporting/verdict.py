"""What the figures mean, in a few plain sentences: what is known about strangers, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handshape.data.messages import some
from handshape.evaluation.slices import Slice
from handshape.reporting.wording import FAIR, FEW_IMAGES, GOOD, Level, level, misses

MAX_SENTENCES = 5
WIDE_GAP = 0.1  # between two accuracies, or confidence and accuracy
MANY_REJECTED, MIN_ACCEPTED = 0.2, 0.5  # of the test photographs
MANY_NEAR_DUPLICATES, MANY_MISSED = 0.05, 0.1  # of the images


@dataclass(frozen=True)
class Evidence:
    """What was measured; None or empty where it was not.

    Attributes:
        same_people: test photographs of people who are, or may be, in training: a random split.
        new_people: test photographs of people kept out of training: a split by signer.
        external: photographs from elsewhere, each named after its collection.
        near_duplicates: share of the test photographs with a near-duplicate in training, 0 to 1.
        worst_signer: of all whose accuracy is known.
        hands_found: in how many of the photographs judged by a hand was found.
        calibration_error: expected calibration error on the same photographs, 0 to 1.
        accepted: of its own test photographs, those answered with a label; the others get "unknown" or "no hand".
        rejected: classes of which hardly a photograph is answered with a label.
        false_accepts: photographs without a sign that tuned nothing; a hit is one taken for a sign.
        target: share of those that may be, 0 to 1.
    """

    same_people: Slice | None = None
    new_people: Slice | None = None
    external: tuple[Slice, ...] = ()
    near_duplicates: float | None = None
    worst_signer: Slice | None = None
    hands_found: Slice | None = None
    calibration_error: float | None = None
    accepted: Slice | None = None
    rejected: tuple[str, ...] = ()
    false_accepts: Slice | None = None
    target: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """A judgement for people.

    Attributes:
        level: "good" only where photographs from elsewhere show it; "poor" where what is known is bad, or nothing is.
        sentences: the most important first.
    """

    level: Level
    sentences: tuple[str, ...]

    @property
    def summary(self) -> str:
        """All sentences in one line."""
        return " ".join(self.sentences)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"level": self.level, "sentences": list(self.sentences)}


def verdict_on(evidence: Evidence) -> Verdict:
    """Two to five sentences on what is known and what is not."""
    known, unknown, remarks = list(_known(evidence)), list(_unknown(evidence)), list(_remarks(evidence))
    room = MAX_SENTENCES - len(known) - len(unknown)
    return Verdict(_level(evidence), (*known, *remarks[:room], *unknown))


def _level(evidence: Evidence) -> Level:
    if evidence.accepted and evidence.accepted.share < MIN_ACCEPTED:
        return "poor"
    if evidence.external:
        worst = min(evidence.external, key=lambda part: part.share)
        is_sure = worst.interval[0] >= FAIR
        return "fair" if worst.share >= GOOD and not is_sure else level(worst.share)
    own = evidence.new_people or evidence.same_people
    return "fair" if own and own.share >= FAIR else "poor"


def _known(evidence: Evidence) -> Iterator[str]:
    if evidence.external:
        yield _from_elsewhere(evidence.external)
    if evidence.new_people:
        compared = evidence.same_people
        beside = f", against {_of_100(compared.share)} with people it was trained on" if compared else ""
        right = _right(evidence.new_people)
        yield f"With new people, photographed as the others were, it is {right}{beside}."
    elif evidence.same_people:
        yield (
            f"On photographs that may show the people it was trained on it is {_right(evidence.same_people)}; "
            "that says little about anyone else."
        )


def _from_elsewhere(external: tuple[Slice, ...]) -> str:
    worst, *others = sorted(external, key=lambda part: part.share)
    if not others:
        return f"On photographs from elsewhere ({worst.name}) it is {_right(worst)}."
    best = others[-1]
    low, high = (f"{_of_100(part.share)} ({part.name})" for part in (worst, best))
    return f"On photographs from elsewhere it is right {low} to {high} times in 100."


def _remarks(evidence: Evidence) -> Iterator[str]:
    """What lowers the worth of those figures, or of the model."""
    if evidence.accepted and 1 - evidence.accepted.share >= MANY_REJECTED:
        yield (
            f"But it names a sign in only {_of_100(evidence.accepted.share)} of 100 photographs; to the others it says "
            "unknown or no hand."
        )
    if evidence.rejected:
        yield f"It hardly ever answers {some(evidence.rejected)}: it is not sure enough of them."
    if evidence.false_accepts and misses(evidence.false_accepts, evidence.target):
        yield (
            f"It takes {_of_100(evidence.false_accepts.share)} of 100 photographs without a sign for one; it should be "
            f"{_of_100(evidence.target)} at most."
        )
    own = evidence.new_people or evidence.same_people
    alike = evidence.near_duplicates or 0
    if own and alike >= MANY_NEAR_DUPLICATES:
        yield (
            f"{_of_100(alike)} of 100 of its own test photographs look almost like one it learned "
            f"from, so {_of_100(own.share)} in 100 is too good to be true."
        )
    if own and evidence.external and own.share - min(part.share for part in evidence.external) >= WIDE_GAP:
        yield f"Go by the photographs from elsewhere, not by the {_of_100(own.share)} in 100 on its own."
    worst = evidence.worst_signer
    if worst and own and own.share - worst.share >= WIDE_GAP:
        yield f"People differ: with {worst.name} it is {_right(worst)}."
    if evidence.hands_found and 1 - evidence.hands_found.share >= MANY_MISSED:
        yield f"In {_of_100(1 - evidence.hands_found.share)} of 100 photographs it found no hand."
    off = evidence.calibration_error or 0
    if off >= WIDE_GAP:
        yield f"Do not rely on how sure it says it is: that is off by {_of_100(off)} in 100."


def _unknown(evidence: Evidence) -> Iterator[str]:
    if not (evidence.new_people or evidence.same_people or evidence.external):
        yield "Nothing has been measured yet."
    if not evidence.external:
        who = "in other rooms and with other cameras" if evidence.new_people else "with strangers"
        yield (
            f"How well it does {who} is not known: photograph a few people who are not in these photographs, in class "
            "folders, and run handshape evaluate on them."
        )
    elif len(evidence.external) == 1:
        yield f"Other people in other rooms may be read better or worse than those of {evidence.external[0].name}."


def _right(part: Slice) -> str:
    text = f"right {_of_100(part.share)} times in 100"
    if part.n >= FEW_IMAGES:
        return text
    low, high = (round(bound, 9) for bound in part.interval)  # where all are right, exactly 1
    return f"{text} (only {part.n} photographs: it may be {_of_100(low)} to {_of_100(high)})"


def _of_100(share: float) -> int:
    """Rounded, but 100 and 0 only where there is no exception."""
    return round(100 * share) if share in (0, 1) else min(99, max(1, round(100 * share)))
