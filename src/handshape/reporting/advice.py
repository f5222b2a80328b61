"""What to photograph next, and what to find out: ranked by how many of the test photographs are at stake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.slices import NO_HAND_FOUND, SIZES, Coverage, Slice, Slices

Integers = NDArray[np.integer[Any]]

MAX_ADVICE = 6  # pieces of advice
MAX_PAIRS, MIN_ERRORS, CONFUSED = 3, 3, 0.05  # pairs of classes; errors between them; share of their images
LOW, MIN_IMAGES = 0.1, 10  # a slice this far below the rest, of at least so many images, is worth a word
FEW_PHOTOGRAPHS, FEW_OF_USUAL = 20, 0.5  # of a class
FEW_PEOPLE, SOME_PEOPLE = 3, 10
MISSED = 0.2  # of a class's photographs
AT_STAKE_FEW, AT_STAKE_UNNAMED, AT_STAKE_SOME, AT_STAKE_EXTERNAL = 1.0, 0.3, 0.1, 0.05  # by judgement, not measured

_SIZE_REMEDIES = {name: "come closer, or add such photographs" for _, high, name in SIZES if high <= 120}  # px


@dataclass(frozen=True)
class Advice:
    """One thing to do.

    Attributes:
        text: for people.
        at_stake: share of the test photographs that it may help, roughly, 0 to 1.
    """

    text: str
    at_stake: float


def advise(
    confusion: Integers,
    class_names: Sequence[str],
    *,
    counts: Integers | None = None,
    people: int | None = None,
    slices: Slices | None = None,
    has_external: bool = False,
) -> tuple[Advice, ...]:
    """At most six pieces of advice, the most worthwhile first.

    Args:
        confusion: [C, C] of test photographs, rows true, columns predicted.
        class_names: the names of the C classes.
        counts: [C], training photographs a class.
        people: how many signed them; None where that is not known.
        slices: accuracy by parts of the test photographs.
        has_external: whether photographs from elsewhere have been measured.
    """
    found = [
        *_about_people(people),
        *_about_pairs(confusion, class_names),
        *(_about_counts(counts, class_names) if counts is not None else ()),
        *(_about_slices(slices, confusion) if slices is not None else ()),
    ]
    if not has_external:
        text = "Ask people who are not in the data for photographs, to measure on: handshape evaluate."
        found.append(Advice(text, AT_STAKE_EXTERNAL))
    return tuple(sorted(found, key=lambda advice: -advice.at_stake)[:MAX_ADVICE])


def _about_people(people: int | None) -> Iterator[Advice]:
    if people is None:
        yield Advice(
            "Say who signed which photograph (data.groups): only then can new people be tested.", AT_STAKE_UNNAMED
        )
    elif people < FEW_PEOPLE:
        who = "Only one person signs" if people == 1 else f"Only {people} people sign"
        yield Advice(
            f"{who}: add others, with other hands, in other rooms; nothing helps strangers more.", AT_STAKE_FEW
        )
    elif people < SOME_PEOPLE:
        yield Advice(f"{people} people sign: every further one helps strangers.", AT_STAKE_SOME)


def _about_pairs(confusion: Integers, class_names: Sequence[str]) -> Iterator[Advice]:
    """The pairs of classes that are confused most, either way."""
    support, total = confusion.sum(axis=1), max(1, int(confusion.sum()))
    errors = np.triu(confusion + confusion.T, k=1)
    pairs = np.argwhere(errors >= MIN_ERRORS)
    worst_first = sorted(pairs.tolist(), key=lambda pair: -int(errors[pair[0], pair[1]]))
    for a, b in worst_first[:MAX_PAIRS]:
        share = float(errors[a, b] / (support[a] + support[b]))
        if share >= CONFUSED:
            yield Advice(
                f"Photograph more of {class_names[a]} and {class_names[b]} by other people: "
                f"they are taken for each other in {share:.0%} of cases.",
                float(errors[a, b] / total),
            )


def _about_counts(counts: Integers, class_names: Sequence[str]) -> Iterator[Advice]:
    """Classes with few photographs, or few beside the others."""
    usual = float(np.median(counts))
    least = max(FEW_PHOTOGRAPHS, FEW_OF_USUAL * usual)
    few = np.flatnonzero(counts < least)
    if not len(few):
        return
    rarest = few[np.argsort(counts[few], kind="stable")]
    named = ", ".join(f"{class_names[number]} ({counts[number]})" for number in rarest[:MAX_ADVICE])
    more = f" and {len(few) - MAX_ADVICE} more classes" if len(few) > MAX_ADVICE else ""
    lacking = float((1 - counts[few] / least).sum() / len(class_names))
    yield Advice(f"Few photographs to learn from: {named}{more}; bring each to {int(np.ceil(least))} or more.", lacking)


def _about_slices(slices: Slices, confusion: Integers) -> Iterator[Advice]:
    """Kinds of photographs that are right clearly less often than all."""
    total = max(1, int(confusion.sum()))
    overall = float(np.trace(confusion) / total)

    def about(part: Slice, who: str, remedy: str) -> Iterator[Advice]:
        if _is_low(part, overall):
            at_stake = part.n / total * (overall - part.share)
            yield Advice(f"{who} right in only {part.share:.0%} of cases: {remedy}.", at_stake)

    for part in slices.by_size:
        if part.name != NO_HAND_FOUND:
            yield from about(part, f"Hands {part.name} are", _SIZE_REMEDIES.get(part.name, "add such photographs"))
    for part in slices.by_brightness:
        yield from about(part, f"Photographs of the {part.name} are", "add more in such light")
    if slices.worst_signer:
        name = slices.worst_signer.name
        yield from about(slices.worst_signer, f"Signs of {name} are", "add people with such hands, or in such rooms")
    if slices.coverage:
        yield from _about_missed(slices.coverage, total)


def _is_low(part: Slice, overall: float) -> bool:
    """Clearly below all photographs, and not by chance."""
    return part.n >= MIN_IMAGES and overall - part.share >= LOW and part.interval[1] < overall


def _about_missed(coverage: Coverage, total: int) -> Iterator[Advice]:
    """Classes in which the hand is often not found."""
    missed = [part for part in coverage.per_class if part.n >= MIN_IMAGES and 1 - part.share >= MISSED]
    if missed:
        named = ", ".join(
            f"{part.name} ({part.share:.0%})" for part in sorted(missed, key=lambda part: part.share)[:MAX_ADVICE]
        )
        yield Advice(
            f"The hand is often not found in {named}: show all of it, sharp, against a plain background.",
            sum(part.n - part.hits for part in missed) / total,
        )
