"""Runs beside each other: the test accuracy of each with its interval, and that on photographs from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from handshape.evaluation.slices import Slice
from handshape.reporting.plots.style import (
    BLUE,
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

ROW = 0.42  # inches a run where there is room
TALLEST = 16.0
LONGEST = 40  # letters of a name
LEGEND = 0.05  # inches above the header's lower edge


@dataclass(frozen=True)
class RunPoint:
    """One run.

    Attributes:
        name: as it is called.
        test: right answers to its test images.
        external: mean accuracy on other sets of photographs; None where there were none.
    """

    name: str
    test: Slice
    external: float | None = None


def run_accuracies(runs: Sequence[RunPoint], title: str) -> Figure:
    """A dot a run with its 95 % interval, from top to bottom; a diamond where it was measured on other sets.

    Args:
        runs: at least one.
        title: which runs, above the figure.
    """
    room = min(len(runs) * ROW, TALLEST)
    size = float(np.clip(72 * room / len(runs) * 0.42, 4, 12))
    below = "A dot a run: the share of its test images that it answers right. Lines: 95 % intervals."
    height = HEADER + 0.45 + room + 0.95
    page = new_page(height, title, "Test accuracy of each run", below)
    names = text_width([plain(run.name, LONGEST) for run in runs], size) + 0.15
    values = text_width([_value(run.test) for run in runs], size) + 0.3
    axes = page.axes(MARGIN + names, 0.8, WIDTH - 2 * MARGIN - names - values, room)
    _dress(axes, runs)
    _draw(axes, runs, size)
    axes.set_yticks(range(len(runs)), [plain(run.name, LONGEST) for run in runs], fontsize=size)
    handles = [Line2D([], [], color=BLUE, linewidth=2.2, marker="o", markersize=7, label="test images")]
    if any(run.external is not None for run in runs):
        label = "other sets of photographs, their mean"
        handles.append(Line2D([], [], color=ORANGE, linestyle="none", marker="D", markersize=6, label=label))
    page.legend(handles, height - HEADER + LEGEND)
    return page.figure


def _dress(axes: Axes, runs: Sequence[RunPoint]) -> None:
    dress(axes, grid="x")
    shown = [run.test.interval[0] for run in runs] + [run.external for run in runs if run.external is not None]
    lowest = np.floor(10 * min(shown)) / 10
    axes.set_xlim(lowest, 1 + 0.01 * (1 - lowest))
    axes.set_ylim(len(runs) - 0.4, -0.6)
    axes.set_xlabel("accuracy", fontsize=11, color=INK)
    percent_axis(axes.xaxis)
    axes.tick_params(axis="x", labelsize=10, colors=GREY)


def _draw(axes: Axes, runs: Sequence[RunPoint], size: float) -> None:
    places = np.arange(len(runs))
    low, high = np.array([run.test.interval for run in runs]).T
    axes.hlines(places, low, high, color=BLUE, linewidth=2.2, alpha=0.45)
    marks = min(9.0, 0.8 * size)
    shares = [run.test.share for run in runs]
    axes.plot(shares, places, "o", markersize=marks, color=BLUE, clip_on=False, zorder=3)
    for place, run in enumerate(runs):
        if run.external is not None:
            axes.plot(run.external, place, "D", markersize=0.8 * marks, color=ORANGE, clip_on=False, zorder=4)
        axes.annotate(
            _value(run.test),
            (1, place),
            (9, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center_baseline",
            fontsize=size,
            color=INK,
        )


def _value(test: Slice) -> str:
    return f"{percent(test.share)} of {test.n:,}"
