"""Shares as bars: each class, the headline numbers, the best and the worst classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from handshape.evaluation.metrics import ClassScore, Metrics
from handshape.evaluation.slices import Slice
from handshape.reporting.mistakes import mistaken_for
from handshape.reporting.plots.style import (
    BANDS,
    BLUE,
    DASHES,
    GREY,
    HEADER,
    INK,
    MARGIN,
    TRACK,
    WIDTH,
    Page,
    band,
    dress,
    new_page,
    percent_axis,
    plain,
    text_width,
)
from handshape.reporting.wording import FEW_IMAGES, count, percent

TALLEST = 12.0  # inches
ROW, WIDE_ROW = 0.36, 0.55  # inches a bar where there is room, and where there are few
COLUMN_GAP = 0.55
VALUE_ROOM = 5.0  # letter heights for the value behind a bar; its right edge is at 4.3


@dataclass(frozen=True)
class Bar:
    """One line of a bar chart: its name, its share from 0 to 1, a note behind it; no share, no bar.

    Attributes:
        color: instead of the performance colour.
        images: that the share is of; of few, a line shows its 95 % interval. 0 where it is no share of images.
    """

    name: str
    share: float | None
    note: str = ""
    color: str = ""
    images: int = 0

    @property
    def interval(self) -> tuple[float, float] | None:
        """How far chance goes, where there are few images."""
        if self.share is None or not 0 < self.images < FEW_IMAGES:
            return None
        return Slice(self.name, self.images, round(self.share * self.images)).interval


def per_class_accuracy(metrics: Metrics, title: str) -> Figure:
    """The share of each class's images that were answered right, in columns of bars."""
    classes = len(metrics.per_class)
    columns = 1 if classes <= 12 else 2 if classes <= 34 else 3 if classes <= 120 else 4
    rows = math.ceil(classes / columns)
    room = min(rows * float(np.clip(4 / rows, ROW, WIDE_ROW)), TALLEST - HEADER - 1.45)
    page = new_page(
        HEADER + 0.5 + room + 0.95,
        title,
        "Accuracy of each class",
        "Of the images of each class, the share answered right; the dashed line is the accuracy over all images.",
    )
    bars = [_class_bar(score) for score in metrics.per_class]
    page.legend(_band_legend(metrics, bars), page.height - HEADER + 0.05)
    size = float(np.clip(room / rows * 72 * 0.5, 4, (12, 12, 10.5, 9)[columns - 1]))
    pitch = (WIDTH - 2 * MARGIN + COLUMN_GAP) / columns
    for column in range(columns):
        area = (MARGIN + column * pitch, 0.8, pitch - COLUMN_GAP, room)
        axes = _place_bars(page, area, bars, size)
        draw_bars(axes, bars[column * rows : (column + 1) * rows], size, rows)
        axes.axvline(metrics.accuracy, color=INK, linewidth=1.3, linestyle=DASHES)
        axes.set_xlabel("accuracy", fontsize=11, color=INK)
    return page.figure


def performance_metrics(metrics: Metrics, title: str) -> Figure:
    """Headline numbers, and the five best classes against the five worst that are ever wrong."""
    below = f"The numbers to quote, from {metrics.n} images, and the classes the model knows best and least."
    scored = len(metrics.scored())
    best = metrics.best(min(5, math.ceil(scored / 2)))
    worst = [score for score in metrics.worst(scored) if score.recall < 1 and score not in best][:5]
    lower = len(best) * 0.46
    page = new_page(7.1 + lower, title, "Performance at a glance", below)
    numbers = _headline_bars(metrics)
    columns = [[_class_bar(score, _mostly(metrics, score)) for score in scores] for scores in (best, worst)]
    page.legend(_band_legend(metrics, [*numbers, *columns[0], *columns[1]], line=False), page.height - HEADER + 0.05)
    axes = _place_bars(page, (MARGIN, 2.15 + lower, WIDTH - 2 * MARGIN, 2.45), numbers, 12)
    draw_bars(axes, numbers, 12, len(numbers), "Headline numbers")
    room = WIDTH - 2 * MARGIN - COLUMN_GAP
    split = MARGIN + 0.45 * room  # the worst need more room: they say what they were read as
    for left, width, heading, bars in (
        (MARGIN, 0.45 * room, "Top", columns[0]),
        (split + COLUMN_GAP, 0.55 * room, "Bottom", columns[1]),
    ):
        if bars:
            axes = _place_bars(page, (left, 0.8, width, lower), bars, 12)
            draw_bars(axes, bars, 12, len(best), f"{heading} {count(len(bars), 'class')}")
    if not worst:
        page.text(split + COLUMN_GAP, 0.8 + lower - 0.3, "No other class has a wrong answer.", 12, GREY)
    return page.figure


def _place_bars(page: Page, area: tuple[float, float, float, float], bars: Sequence[Bar], size: float) -> Axes:
    """Axes inside ``area`` (left, bottom, width, height) that leave room for the names and notes of the bars."""
    left, bottom, width, height = area
    names = text_width([bar.name for bar in bars], size) + 0.12
    notes = text_width([bar.note for bar in bars if bar.share is not None], 0.9 * size) + VALUE_ROOM * size / 72
    return page.axes(left + names, bottom, max(width - names - notes, 0.3), height)


def draw_bars(axes: Axes, bars: Sequence[Bar], size: float, rows: int, heading: str = "") -> None:
    """Horizontal bars from 0 to 100 % on grey tracks, in room for ``rows``, with value and note at the end."""
    dress(axes, heading, grid="x")
    places = np.arange(len(bars))
    axes.barh(places, [1.0] * len(bars), height=0.62, color=TRACK, zorder=1)
    axes.barh(
        places,
        [bar.share or 0 for bar in bars],
        height=0.62,
        color=[bar.color or band(bar.share or 0) for bar in bars],
        zorder=2,
    )
    for place, bar in enumerate(bars):
        _label(axes, place, bar, size)
        if bar.interval:
            axes.hlines(place, *bar.interval, color=INK, linewidth=1.2, zorder=3)
    axes.set_yticks(places, [bar.name for bar in bars], fontsize=size)
    axes.set_ylim(rows - 0.45, -0.55)
    axes.set_xlim(0, 1)
    percent_axis(axes.xaxis, 4 if axes.get_position().width * WIDTH > 2.2 else 1)
    axes.tick_params(axis="x", labelsize=min(size, 10), colors=GREY)


def _label(axes: Axes, place: int, bar: Bar, size: float) -> None:
    if bar.share is None:
        axes.text(0.02, place, bar.note, va="center_baseline", fontsize=0.9 * size, color=GREY)
        return
    axes.annotate(
        percent(bar.share),
        (1, place),
        ((VALUE_ROOM - 0.7) * size, 0),
        textcoords="offset points",
        ha="right",
        va="center_baseline",
        fontsize=size,
        color=INK,
        weight="bold",
    )
    axes.annotate(
        bar.note,
        (1, place),
        (VALUE_ROOM * size, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=0.9 * size,
        color=GREY,
    )


def _class_bar(score: ClassScore, after: str = "") -> Bar:
    if not score.support:
        return Bar(plain(score.label, 16), None, "no images")
    right = round(score.recall * score.support)
    return Bar(plain(score.label, 16), score.recall, f"{right} of {score.support}{after}", images=score.support)


def _mostly(metrics: Metrics, score: ClassScore) -> str:
    """What this class was mistaken for most often, if ever."""
    mistake = mistaken_for(metrics, score.label)
    return f", {mistake.images} read as {plain(mistake.answer, 10)}" if mistake else ""


def _headline_bars(metrics: Metrics) -> list[Bar]:
    scored = metrics.scored()
    precision, recall = (float(np.mean([getattr(score, name) for score in scored])) for name in ("precision", "recall"))
    return [
        Bar("Accuracy", metrics.accuracy, "first answer right", images=metrics.n),
        Bar("Top-3 accuracy", metrics.top3, "right among the first three", images=metrics.n),
        Bar("Macro F1", metrics.macro_f1, "every class counts the same"),
        Bar("Mean precision", precision, "answers that can be believed"),
        Bar("Mean recall", recall, "signs that are recognised"),
        Bar("Calibration error", metrics.ece, "confidence off by; lower is better", BLUE),
    ]


def _band_legend(metrics: Metrics, bars: Sequence[Bar], line: bool = True) -> list[Artist]:
    colors = [band(score.recall) for score in metrics.scored()]
    handles: list[Artist] = [
        Patch(color=color, label=f"{text}: {count(colors.count(color), 'class')}") for color, text in BANDS.items()
    ]
    if any(bar.interval for bar in bars):
        handles.append(Line2D([], [], color=INK, linewidth=1.2, label="few images: 95 % interval"))
    if line:
        text = f"all images: {percent(metrics.accuracy)}"
        handles.append(Line2D([], [], color=INK, linewidth=1.3, linestyle=DASHES, label=text))
    return handles
