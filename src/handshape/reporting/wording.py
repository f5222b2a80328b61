"""How measures are said and judged: the same in sentences, tables and figures."""

from __future__ import annotations

from typing import Literal

from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.slices import Slice

Level = Literal["good", "fair", "poor"]

GOOD, FAIR = 0.9, 0.7  # where a share, mostly an accuracy, begins to be so
FEW_IMAGES = 100  # of fewer, a share comes with its 95 % interval
CHANCE = (
    "The range and the word chance assume that every photograph shows another person. Where a few people are in many "
    "of them, chance plays a larger part."
)


def level(share: float) -> Level:
    """What a share from 0 to 1 is called, and coloured."""
    return "good" if share >= GOOD else "fair" if share >= FAIR else "poor"


def percent(share: float, decimals: int = 1) -> str:
    """A share as people write it: 0.975 is 97.5 %; only exactly all and nothing are 100 % and 0 %."""
    if share in (0, 1):
        decimals = 0
    least = 10**-decimals
    rounded = min(max(round(100 * share, decimals), least), 100 - least) if 0 < share < 1 else 100 * share
    return f"{rounded:.{decimals}f}\N{NO-BREAK SPACE}%"


def interval(share: float, n: int) -> str:
    """Where the true share lies with 95 % confidence: 62 to 81 %; empty where there are images enough, or none."""
    if not 0 < n < FEW_IMAGES:
        return ""
    low, high = Slice("", n, round(share * n)).interval
    return f"{100 * low:.0f} to {100 * high:.0f}\N{NO-BREAK SPACE}%"


def between(found: Slice) -> str:
    """Where the true share lies with 95 % confidence, however many images there are: 90.7 to 95.8 %."""
    low, high = found.interval
    return f"{100 * low:.1f} to {100 * high:.1f}\N{NO-BREAK SPACE}%"


def decisions_in_words(made: DecisionReport) -> list[str]:
    """What a model answered to photographs, in sentences."""
    right = made.accuracy_of_accepted
    rightly = "" if right is None else f", and {percent(right)} of these answers are right"
    refuses = f"it says unknown to {percent(made.unknown)}"
    if made.hands_found is not None:
        refuses += f" and no hand to {percent(made.no_hand)}"
    sentences = [f"It names a sign in {percent(made.accepted)} of them{rightly}; {refuses}."]
    if made.hands_found is not None:
        sentences.append(f"A hand was found in {percent(made.hands_found)}.")
    if made.false_accepts is not None:
        sentences.append(false_accepts_in_words(made.false_accepts))
    sentences += [other_signs_in_words(kind) for kind in made.kinds if kind.name == "other signs"]
    return sentences


def false_accepts_in_words(found: Slice | None, target: float | None = None) -> str:
    """How often a photograph without a sign is taken for one, in a sentence for pages.

    Args:
        found: photographs that tuned nothing; a hit is one that was taken for a sign. None where there were none.
        target: the share that is aimed at, 0 to 1.
    """
    if found is None:
        return "How often it takes a photograph without a sign for one was not measured: none were given."
    low, high = found.interval
    aim = "" if target is None else f"; the aim is {percent(target)} at most"
    return (
        f"Of {count(found.n, 'photograph')} without a sign that it was not tuned on, {percent(found.share)} "
        f"{'was' if found.n == 1 else 'were'} taken for a sign (95\N{NO-BREAK SPACE}% interval {100 * low:.0f} to "
        f"{100 * high:.0f}\N{NO-BREAK SPACE}%{aim})."
    )


def other_signs_in_words(found: Slice) -> str:
    """How often a sign that a model does not know is taken for one that it knows, in a sentence for pages."""
    return (
        f"Of {count(found.n, 'hand')} that {'shows' if found.n == 1 else 'show'} other signs, {percent(found.share)} "
        f"{'was' if found.n == 1 else 'were'} taken for one it knows."
    )


def misses(found: Slice | None, target: float) -> bool:
    """Whether more photographs without a sign were taken for one than the target allows."""
    return found is not None and found.share > target


def for_terminal(text: str) -> str:
    """The same words where lines are not set as on a page: 97.5 % is written 97.5%."""
    return text.replace("\N{NO-BREAK SPACE}", "")


def count(number: int, noun: str) -> str:
    """A number and what it counts: 1 image, 1,200 images."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def difference_in_words(names: tuple[str, str], difference: float, interval: tuple[float, float], is_sure: bool) -> str:
    """Which of two models is better, by how much, and whether that may be chance.

    Args:
        names: of both.
        difference: by how much the second is better, -1 to 1.
        interval: of that, with 95 % confidence.
        is_sure: whether it is more than chance.
    """
    if difference == 0:
        return f"{names[0]} and {names[1]} are right equally often"
    is_second = difference > 0
    low, high = interval if is_second else (-interval[1], -interval[0])
    points = f"{100 * abs(difference):.1f} points better"
    certainty = "that is more than chance" if is_sure else "that may be chance"
    return f"{names[is_second]} is {points} (95% interval {100 * low:+.1f} to {100 * high:+.1f}); {certainty}"
