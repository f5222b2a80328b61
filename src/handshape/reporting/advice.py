"""What to photograph next, and what to find out: ranked by how many of the test photographs are at stake."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.metrics import Metrics
from handshape.evaluation.slices import NO_HAND_FOUND, SIZES, Coverage, Slice, Slices
from handshape.hands.known_hands import are_one_handshape
from handshape.reporting.wording import percent

Integers = NDArray[np.integer[Any]]
Pair = tuple[str, str]  # names of two classes

MAX_ADVICE = 6  # pieces of advice
MAX_PAIRS, MIN_ERRORS, CONFUSED = 3, 3, 0.05  # pairs of classes; errors between them; share of their images
LOW, MIN_IMAGES = 0.1, 10  # a slice this far below the rest, of at least so many images, is worth a word
FEW_PHOTOGRAPHS, FEW_OF_USUAL = 20, 0.5  # of a class
FEW_PEOPLE, SOME_PEOPLE = 3, 10
MISSED = 0.2  # of a class's photographs
AT_STAKE_FEW, AT_STAKE_UNNAMED, AT_STAKE_SOME, AT_STAKE_EXTERNAL = 1.0, 0.3, 0.1, 0.05  # by judgement, not measured
AT_STAKE_TWO_HANDS = 0.3  # at least, by judgement: the test photographs may be told apart by the people in them

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


@dataclass(frozen=True)
class ClassFindings:
    """What a look at the photographs says of their classes.

    Attributes:
        twins: pairs that look the same.
        two_handed: those in which a second hand is seen.
    """

    twins: Sequence[Pair] = ()
    two_handed: Collection[str] = ()


def advise(
    metrics: Metrics,
    *,
    counts: Integers | None = None,
    people: int | None = None,
    slices: Slices | None = None,
    external: Sequence[Slice] | None = None,
    classes: ClassFindings | None = None,
) -> tuple[Advice, ...]:
    """At most six pieces of advice, the most worthwhile first. Of what is None, nothing is said.

    Args:
        metrics: of the test photographs.
        counts: [C], training photographs a class.
        people: how many signed them; 0 where that is not known.
        slices: accuracy by parts of the test photographs.
        external: accuracy on photographs from elsewhere; empty where none were measured.
        classes: what is known of them beforehand.
    """
    class_names = [score.label for score in metrics.per_class]
    classes = classes or ClassFindings()
    confused = _confused_pairs(metrics.confusion, class_names)
    twins = _without_repeats((*classes.twins, *(pair for pair in confused if are_one_handshape(*pair))))
    told = {frozenset(pair) for pair in twins}
    others = {pair: part for pair, part in confused.items() if frozenset(pair) not in told}
    found = [
        *_about_people(people),
        *_about_twins(twins, metrics),
        *_about_two_hands(classes.two_handed, metrics),
        *_about_pairs(others, classes.two_handed, metrics),
        *(_about_counts(counts, class_names) if counts is not None else ()),
        *(_about_slices(slices, metrics) if slices is not None else ()),
        *(_about_external(external, metrics) if external is not None else ()),
    ]
    return tuple(sorted(found, key=lambda advice: -advice.at_stake)[:MAX_ADVICE])


def _about_people(people: int | None) -> Iterator[Advice]:
    if people is None:
        return
    if not people:
        yield Advice(
            "Say who signed which photograph, in a table of files and names (--set data.groups=SIGNERS.csv): only then "
            "can it be tested on people it has not seen.",
            AT_STAKE_UNNAMED,
        )
    elif people < FEW_PEOPLE:
        who = "one person signs" if people == 1 else f"{people} people sign"
        yield Advice(
            f"Add other people, with other hands, in other rooms: so far only {who}, and nothing helps strangers more.",
            AT_STAKE_FEW,
        )
    elif people < SOME_PEOPLE:
        yield Advice(f"Add more people: so far {people} sign, and each one more helps strangers.", AT_STAKE_SOME)


def _about_twins(twins: Sequence[Pair], metrics: Metrics) -> Iterator[Advice]:
    """Classes that no photograph can tell apart: half of them are answered right by chance."""
    one_handshape = [pair for pair in twins if are_one_handshape(*pair)]
    alike = [pair for pair in twins if not are_one_handshape(*pair)]
    if one_handshape:
        how = "" if len(one_handshape) == 1 else ", pair by pair"
        yield Advice(
            f"{_in_words(one_handshape)} show the same handshape{how}: join them or keep one.",
            _half_of(one_handshape, metrics),
        )
    if alike:
        yield Advice(
            f"{_in_words(alike)} look the same in these photographs: if they are one handshape, join them or keep "
            "one; if not, see whether the photographs show what tells them apart.",
            _half_of(alike, metrics),
        )


def _without_repeats(pairs: Iterable[Pair]) -> list[Pair]:
    """Each pair once, whichever of the two comes first."""
    return list({frozenset(pair): pair for pair in pairs}.values())


def _in_words(pairs: Sequence[Pair]) -> str:
    return ", ".join(f"{one} and {other}" for one, other in pairs)


def _half_of(pairs: Sequence[Pair], metrics: Metrics) -> float:
    """Half of the photographs of the classes in these pairs, as a share of all."""
    support = {score.label: score.support for score in metrics.per_class}
    return sum(support.get(name, 0) for name in {name for pair in pairs for name in pair}) / (2 * max(1, metrics.n))


def _about_two_hands(two_handed: Collection[str], metrics: Metrics) -> Iterator[Advice]:
    """Signs of two hands, of which one is looked at."""
    wrong = sum(round(each.support * (1 - each.recall)) for each in metrics.per_class if each.label in two_handed)
    if two_handed:
        yield Advice(
            f"Two hands are seen in {', '.join(two_handed)}, and one of them is looked at: show one hand alone, or "
            "learn from whole images (--set hands.find=off).",
            max(AT_STAKE_TWO_HANDS, wrong / max(1, metrics.n)),
        )


def _confused_pairs(confusion: Integers, class_names: Sequence[str]) -> dict[Pair, Slice]:
    """The pairs of classes that are confused often, either way, the worst first, with the share of their images."""
    support = confusion.sum(axis=1)
    errors = np.triu(confusion + confusion.T, k=1)
    worst_first = sorted(np.argwhere(errors >= MIN_ERRORS).tolist(), key=lambda pair: -int(errors[pair[0], pair[1]]))
    found = {
        (class_names[a], class_names[b]): Slice("", int(support[a] + support[b]), int(errors[a, b]))
        for a, b in worst_first
    }
    return {pair: part for pair, part in found.items() if part.share >= CONFUSED}


def _about_pairs(pairs: Mapping[Pair, Slice], two_handed: Collection[str], metrics: Metrics) -> Iterator[Advice]:
    """More photographs help pairs that are taken for each other, unless what tells them apart is not looked at."""
    for (one, other), confused in list(pairs.items())[:MAX_PAIRS]:
        if not {one, other} <= set(two_handed):
            yield Advice(
                f"Photograph more of {one} and {other} by other people: "
                f"they are taken for each other in {percent(confused.share, 0)} of their photographs.",
                confused.hits / max(1, metrics.n),
            )


def _about_external(external: Sequence[Slice], metrics: Metrics) -> Iterator[Advice]:
    """Photographs from elsewhere: to be taken where there are none, learned from where they are read badly."""
    if not external:
        yield Advice(
            "Photograph two or three people who are not in these photographs, in class folders, and see how it does "
            "with them: handshape evaluate RUN PHOTOS.",
            AT_STAKE_EXTERNAL,
        )
        return
    worst = min(external, key=lambda part: part.share)
    if _is_low(worst, metrics.accuracy):
        yield Advice(
            f"Add people and rooms like those of {worst.name}: it is right on {percent(worst.share, 0)} of these, "
            f"against {percent(metrics.accuracy, 0)} of its own.",
            metrics.accuracy - worst.share,
        )


def _about_counts(counts: Integers, class_names: Sequence[str]) -> Iterator[Advice]:
    """Classes with few photographs, or few beside the others; those that need none are left out."""
    usual = float(np.median(counts[counts > 0]))
    least = max(FEW_PHOTOGRAPHS, FEW_OF_USUAL * usual)
    few = np.flatnonzero((counts > 0) & (counts < least))
    if not len(few):
        return
    rarest = few[np.argsort(counts[few], kind="stable")]
    named = ", ".join(f"{class_names[number]} ({counts[number]})" for number in rarest[:MAX_ADVICE])
    more = f" and {len(few) - MAX_ADVICE} more classes" if len(few) > MAX_ADVICE else ""
    lacking = float((1 - counts[few] / least).sum() / len(class_names))
    yield Advice(f"Photograph more of {named}{more}: bring each to {int(np.ceil(least))} photographs or more.", lacking)


def _about_slices(slices: Slices, metrics: Metrics) -> Iterator[Advice]:
    """Kinds of photographs that are right clearly less often than all."""

    def about(part: Slice, which: str, remedy: str) -> Iterator[Advice]:
        if _is_low(part, metrics.accuracy):
            at_stake = part.n / metrics.n * (metrics.accuracy - part.share)
            yield Advice(f"{which} {percent(part.share, 0)} are right: {remedy}.", at_stake)

    for part in slices.by_size:
        if part.name != NO_HAND_FOUND:
            remedy = _SIZE_REMEDIES.get(part.name, "add such photographs")
            yield from about(part, f"Of hands {part.name} in the photograph only", remedy)
    for part in slices.by_brightness:
        which = part.name.partition(" (")[0]
        yield from about(part, f"Of the {which} of the photographs only", "add more in such light")
    if slices.worst_signer:
        who = f"Of the photographs of {slices.worst_signer.name} only"
        yield from about(slices.worst_signer, who, "add people with such hands, or in such rooms")
    if slices.coverage:
        yield from _about_missed(slices.coverage, metrics.n)


def _is_low(part: Slice, overall: float) -> bool:
    """Clearly below all photographs, and not by chance."""
    return part.n >= MIN_IMAGES and overall - part.share >= LOW and part.interval[1] < overall


def _about_missed(coverage: Coverage, total: int) -> Iterator[Advice]:
    """Classes in which the hand is often not found."""
    missed = [part for part in coverage.per_class if part.n >= MIN_IMAGES and 1 - part.share >= MISSED]
    if missed:
        named = ", ".join(
            f"{part.name} ({percent(part.share, 0)})"
            for part in sorted(missed, key=lambda part: part.share)[:MAX_ADVICE]
        )
        yield Advice(
            f"The hand is found too seldom in {named}: show all of it, sharp, against a plain background.",
            sum(part.n - part.hits for part in missed) / total,
        )
