"""A search for settings: trial by trial, what counts, and accuracy against what a model costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from handshape.reporting.plots.curves import CIRCLE
from handshape.reporting.plots.style import (
    BLUE,
    DASHES,
    GREY,
    HEADER,
    INK,
    MARGIN,
    ORANGE,
    TRACK,
    WIDTH,
    Page,
    dress,
    new_page,
    plain,
    text_width,
)
from handshape.reporting.wording import percent

HEIGHT = 7.9
LEGEND = 0.05  # inches above the header's lower edge
AREA = (MARGIN + 0.75, MARGIN + 0.45, WIDTH - 2 * MARGIN - 0.85, HEIGHT - HEADER - MARGIN - 1.0)
ROW = 0.5  # inches a setting
TALLEST = 11.0


@dataclass(frozen=True)
class TrialPoint:
    """One trial.

    Attributes:
        number: from 1 on.
        accuracy: mean over the folds that were done.
        is_done: all of them, or it was stopped early.
        cost: in the unit of the second objective; 0 without one.
    """

    number: int
    accuracy: float
    is_done: bool
    cost: float = 0.0


def search_history(trials: Sequence[TrialPoint], defaults: float | None, title: str) -> Figure:
    """A dot a trial, the best so far as a line, and the accuracy of the defaults as a dashed one.

    Args:
        trials: in order, at least one of them done.
        defaults: their accuracy; None where they were not tried.
        title: what was searched for, above the figure.
    """
    below = "Accuracy on people whom the trial did not learn from; those that were stopped early are of fewer folds."
    page = new_page(HEIGHT, title, "Trials of the search", below)
    axes = page.axes(*AREA)
    dress(axes)
    best = _draw_best(axes, trials)
    for is_done, inside, edge in ((True, BLUE, BLUE), (False, "white", GREY)):
        these = [trial for trial in trials if trial.is_done == is_done]
        places, shares = [trial.number for trial in these], [trial.accuracy for trial in these]
        axes.plot(places, shares, "o", markersize=8, markerfacecolor=inside, markeredgecolor=edge, zorder=3)
    if defaults is not None:
        axes.axhline(defaults, color=ORANGE, linewidth=1.6, linestyle=DASHES, zorder=1)
    axes.set_xlabel("trial")
    axes.set_ylabel("accuracy")
    axes.set_xlim(0.4, max(trial.number for trial in trials) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    _share_axis(axes, [trial.accuracy for trial in trials])
    _legend(page, defaults, best)
    return page.figure


def setting_importance(importance: Mapping[str, float], title: str) -> Figure:
    """A bar a setting: its share of what tells good trials from others, the largest first."""
    below = (
        "How much each setting tells the best trials from the others (PED-ANOVA); few trials make this a rough guess."
    )
    rows, size = len(importance), 12
    room = min(ROW * rows, TALLEST)
    page = new_page(HEADER + 0.25 + room + 0.55, title, "What counts", below)
    names = text_width([plain(name, 60) for name in importance], size) + 0.2
    axes = page.axes(MARGIN + names, 0.45, WIDTH - 2 * MARGIN - names - 0.9, room)
    dress(axes, grid="x")
    axes.grid(visible=False)
    places, most = np.arange(rows), max(importance.values())
    axes.barh(places, [most] * rows, height=0.55, color=TRACK)
    axes.barh(places, list(importance.values()), height=0.55, color=BLUE)
    axes.set_yticks(places, [plain(name, 60) for name in importance], fontsize=size)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(0, most)
    axes.set_xticks([])
    for place, share in zip(places, importance.values(), strict=True):
        text = percent(share, 0)
        axes.annotate(text, (most, place), (8, 0), textcoords="offset points", va="center", fontsize=size, color=INK)
    return page.figure


def trade_off(trials: Sequence[TrialPoint], front: Sequence[int], chosen: int, unit: str, title: str) -> Figure:
    """Accuracy against cost, a dot a trial; the front as steps, and the one that was chosen in a circle.

    Args:
        trials: that were done, each with its cost.
        front: the numbers of those that no other beats in both.
        chosen: the number of one of these.
        unit: of the cost, such as ``ms``.
        title: what was searched for, above the figure.
    """
    what = {"ms": "milliseconds for one photograph", "MB": "megabytes"}.get(unit, unit)
    page = new_page(
        HEIGHT, title, f"Accuracy against {what}", "Upper left is best; no trial beats those on the line in both."
    )
    axes = page.axes(*AREA)
    dress(axes)
    known = {trial.number: trial for trial in trials}
    others = [trial for number, trial in known.items() if number not in front]
    best = sorted((known[number] for number in front), key=lambda trial: trial.cost)
    for these, color in ((others, GREY), (best, BLUE)):
        places = [trial.cost for trial in these]
        axes.plot(places, [trial.accuracy for trial in these], "o", color=color, markersize=8, zorder=3)
    costs = [trial.cost for trial in best]
    axes.step(costs, [trial.accuracy for trial in best], where="post", color=BLUE, linewidth=2)
    axes.plot(known[chosen].cost, known[chosen].accuracy, linestyle="none", clip_on=False, zorder=5, **CIRCLE)
    axes.set_xlabel(f"{what} on LiteRT" + (", finding the hand aside" if unit == "ms" else ""))
    axes.set_ylabel("accuracy")
    axes.margins(x=0.06)
    _share_axis(axes, [trial.accuracy for trial in known.values()])
    page.legend(
        [
            Line2D([], [], color=BLUE, linewidth=2, marker="o", markersize=7, label="front"),
            Line2D([], [], color=GREY, linestyle="none", marker="o", markersize=7, label="other trials"),
            Line2D([], [], linestyle="none", label=f"chosen: trial {chosen}", **CIRCLE),
        ],
        HEIGHT - HEADER + LEGEND,
    )
    return page.figure


def _draw_best(axes: Axes, trials: Sequence[TrialPoint]) -> TrialPoint:
    """The best so far, as steps from the first trial that was done; returns the best of all."""
    done = [trial for trial in trials if trial.is_done]
    so_far = np.maximum.accumulate([trial.accuracy for trial in done])
    places = [*(trial.number for trial in done), max(trial.number for trial in trials)]
    axes.step(places, [*so_far, so_far[-1]], where="post", color=BLUE, linewidth=2.2, zorder=2)
    best = max(done, key=lambda trial: (trial.accuracy, -trial.number))
    axes.plot(best.number, best.accuracy, linestyle="none", clip_on=False, zorder=5, **CIRCLE)
    return best


def _share_axis(axes: Axes, shares: Sequence[float]) -> None:
    room = max(0.08 * (max(shares) - min(shares)), 0.004)
    axes.set_ylim(max(min(shares) - room, 0), min(max(shares) + room, 1 + room / 4))
    decimals = 0 if max(shares) - min(shares) > 0.05 else 1
    axes.yaxis.set_major_formatter(lambda value, _: percent(value, decimals) if 0 <= value <= 1 else "")


def _legend(page: Page, defaults: float | None, best: TrialPoint) -> None:
    kept = f"best: trial {best.number}, {percent(best.accuracy)}"
    handles = [
        Line2D([], [], color=BLUE, linewidth=2.2, marker="o", markersize=7, label="trials, and the best so far"),
        Line2D([], [], linestyle="none", marker="o", markersize=7, markerfacecolor="white", markeredgecolor=GREY,
               label="stopped early"),
    ]  # fmt: skip
    if defaults is not None:
        label = f"defaults, {percent(defaults)}"
        handles.append(Line2D([], [], color=ORANGE, linewidth=1.6, linestyle=DASHES, label=label))
    page.legend([*handles, Line2D([], [], linestyle="none", label=kept, **CIRCLE)], HEIGHT - HEADER + LEGEND)
