"""Cross-validation: the accuracy of each fold, and how far a random split flatters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handshape.evaluation.slices import Slice
from handshape.reporting.plots.style import (
    BLUE,
    DASHES,
    GREY,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    WIDTH,
    dress,
    new_page,
    percent_axis,
    plain,
    text_width,
)
from handshape.reporting.wording import percent

TALLEST = 11.0  # inches of both groups of folds together
ROW = 0.42  # inches a fold where there is room
BETWEEN = 1.8  # rows between the folds and the random ones: the heading stands there


def fold_accuracies(folds: Sequence[Slice], random: Sequence[Slice] | None, title: str) -> Figure:
    """A dot a fold with its 95 % interval and a line at the mean; random folds, where given, below in another colour.

    Args:
        folds: of a split by signer, or by what else must not stand on both sides; at least one.
        random: of a random split, the same people on both sides.
        title: what was cross-validated, above the figure.
    """
    random = random or ()
    rows = len(folds) + (len(random) + BETWEEN if random else 0)
    room = min(rows * ROW, TALLEST)
    size = float(np.clip(72 * room / rows * 0.42, 4, 12))
    below = (
        "A dot a fold: the share of its images that a model trained on the others answers right. Lines: 95 % intervals."
    )
    page = new_page(HEADER + 0.25 + room + 0.95, title, "Accuracy of each fold", below)
    names = text_width([plain(fold.name) for fold in (*folds, *random)], size) + 0.15
    values = text_width([_value(fold) for fold in (*folds, *random)], size) + 0.3
    axes = page.axes(MARGIN + names, 0.8, WIDTH - 2 * MARGIN - names - values, room)
    _dress(axes, [*folds, *random], rows)
    heading = "Folds by group: no group is on both sides" if random else "Folds"
    ticks = _draw_group(axes, folds, 0, (heading, BLUE), size)
    if random:
        start = len(folds) + BETWEEN
        ticks |= _draw_group(axes, random, start, ("Random folds: the same groups are on both sides", ORANGE), size)
    axes.set_yticks(list(ticks), list(ticks.values()), fontsize=size)
    return page.figure


def _dress(axes: Axes, folds: Sequence[Slice], rows: float) -> None:
    dress(axes, grid="x")
    lowest = np.floor(10 * min(fold.interval[0] for fold in folds)) / 10
    axes.set_xlim(lowest, 1 + 0.01 * (1 - lowest))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlabel("accuracy", fontsize=11, color=INK)
    percent_axis(axes.xaxis)
    axes.tick_params(axis="x", labelsize=10, colors=GREY)


def _draw_group(
    axes: Axes, folds: Sequence[Slice], start: float, named: tuple[str, str], size: float
) -> dict[float, str]:
    """Draws folds from row ``start`` under a heading of their colour; returns the name of each row."""
    heading, color = named
    shares = np.array([fold.share for fold in folds])
    low, high = np.array([fold.interval for fold in folds]).T
    places = start + np.arange(len(folds))
    axes.hlines(places, low, high, color=color, linewidth=2.2, alpha=0.45)
    axes.plot(shares, places, marker="o", markersize=min(9, 0.8 * size), color=color, linestyle="none", clip_on=False)
    axes.plot([shares.mean()] * 2, [start - 0.5, places[-1] + 0.4], color=color, linewidth=1.5, linestyle=DASHES)
    text = f"{heading}; mean {percent(float(shares.mean()))}"
    _write(axes, text, (0, start - 0.5), (0, 6), fontsize=12, color=color, weight="bold")
    for place, fold in zip(places, folds, strict=True):
        _write(axes, _value(fold), (1, place), (9, 0), va="center_baseline", fontsize=size, color=INK)
    return {float(place): plain(fold.name) for place, fold in zip(places, folds, strict=True)}


def _value(fold: Slice) -> str:
    return f"{percent(fold.share)} of {fold.n}"


def _write(axes: Axes, text: str, place: tuple[float, float], beside: tuple[float, float], **style: Any) -> None:
    """Words some points ``beside`` a place: across as a share of the axes' width, down in rows."""
    axes.annotate(text, place, beside, xycoords=axes.get_yaxis_transform(), textcoords="offset points", **style)
