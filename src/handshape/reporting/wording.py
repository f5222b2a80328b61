"""How measures are said and judged: the same in sentences, tables and figures."""

from __future__ import annotations

from typing import Literal

from handshape.evaluation.slices import Slice

Level = Literal["good", "fair", "poor"]

GOOD, FAIR = 0.9, 0.7  # where a share, mostly an accuracy, begins to be so
FEW_IMAGES = 100  # of fewer, a share comes with its 95 % interval


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


def count(number: int, noun: str) -> str:
    """A number and what it counts: 1 image, 1,200 images."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"
