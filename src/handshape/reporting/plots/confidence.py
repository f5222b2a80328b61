"""How sure the model was, and whether that can be believed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handshape.evaluation.metrics import Flags, Floats, Integers, Metrics
from handshape.evaluation.predictions import Predictions
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
    legend_above,
    new_page,
    percent_axis,
)
from handshape.reporting.wording import FEW_IMAGES, percent

HEIGHT = 8.0
BINS = 20  # of five percent
WIDE_BINS = 10
WELL_JUDGED = 0.03  # a calibration error below this is small talk


def confidence_distribution(metrics: Metrics, predictions: Predictions, title: str) -> Figure:
    """Confidence of right and of wrong answers, and accuracy against confidence."""
    below = "Left: how sure the model was when right, and when wrong. Right: how often right when it was that sure."
    page = new_page(HEIGHT, title, "Confidence", below)
    confidence, correct = predictions.confidence, predictions.correct
    top, room = HEIGHT - HEADER - 0.45, HEIGHT - HEADER - 0.45 - MARGIN - 0.45
    panel = (room - 0.9) / 2
    left, width = MARGIN + 0.7, 6.5
    _draw_distribution(page.axes(left, top - panel, width, panel), confidence[correct], "right answers", BLUE)
    lower = page.axes(left, top - room, width, panel)
    _draw_distribution(lower, confidence[~correct], "wrong answers", ORANGE)
    lower.set_xlabel("confidence in the answer")
    start = left + width + 1.35
    _draw_reliability(
        page.axes(start, top - room, WIDTH - MARGIN - 0.15 - start, room - 0.3), metrics, confidence, correct
    )
    return page.figure


def _draw_distribution(axes: Axes, confidence: Floats, what: str, color: str) -> None:
    median = f", median confidence {percent(float(np.median(confidence)))}" if confidence.size else ""
    heading = f"{confidence.size} {what if confidence.size != 1 else what.removesuffix('s')}{median}"
    dress(axes, heading, grid="y")
    counts, edges = np.histogram(confidence, bins=BINS, range=(0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    axes.bar(middles, counts, width=0.86 / BINS, color=color)
    _write_counts(axes, middles, counts, counts, BINS)
    axes.set_ylim(0, 1.18 * max(counts.max(), 1))
    axes.set_ylabel("images")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    percent_axis(axes.xaxis, 5)
    axes.set_xlim(0, 1)
    if not confidence.size:
        axes.text(0.5, 0.5, f"no {what}", transform=axes.transAxes, ha="center", va="center", fontsize=13, color=GREY)


def _draw_reliability(axes: Axes, metrics: Metrics, confidence: Floats, correct: Flags) -> None:
    """Accuracy in each tenth of confidence, beside what it would be if confidence could be believed."""
    dress(axes, f"Calibration error {percent(metrics.ece)}: {_verdict(metrics, confidence)}", above=32)
    place = np.clip((confidence * WIDE_BINS).astype(int), 0, WIDE_BINS - 1)
    used, where, counts = np.unique(place, return_inverse=True, return_counts=True)
    accuracy, sure = (np.bincount(where, weights=values) / counts for values in (correct, confidence))
    middles, half = (used + 0.5) / WIDE_BINS, 0.44 / WIDE_BINS
    bars = axes.bar(middles, accuracy, width=2 * half, color=BLUE, label="accuracy")
    few = np.flatnonzero(counts < FEW_IMAGES)
    low, high = _intervals(accuracy[few], counts[few])
    spread = axes.vlines(middles[few], low, high, color=INK, linewidth=1.2, label="95 % interval", zorder=5)
    marks = axes.hlines(sure, middles - half, middles + half, color=ORANGE, linewidth=3, label="confidence", zorder=4)
    (line,) = axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.4, linestyle=DASHES, label="perfect", zorder=3)
    _write_counts(axes, middles, np.zeros(len(middles)), counts, WIDE_BINS)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.06)
    percent_axis(axes.xaxis, 5)
    percent_axis(axes.yaxis, 5)
    axes.set_ylabel("accuracy")
    axes.set_xlabel("confidence in the answer")
    legend_above(axes, [bars, marks, line, *([spread] if len(few) else [])])


def _intervals(shares: Floats, counts: Integers) -> tuple[list[float], list[float]]:
    """Where the true shares lie with 95 % confidence: the lower ends, and the upper ones."""
    each = [Slice("", int(n), round(share * n)).interval for share, n in zip(shares, counts, strict=True)]
    return [low for low, _ in each], [high for _, high in each]


def _verdict(metrics: Metrics, confidence: Floats) -> str:
    if metrics.ece < WELL_JUDGED:
        return "about right"
    return "too sure" if confidence.mean() > metrics.accuracy else "too modest"


def _write_counts(axes: Axes, places: Floats, heights: Floats | Integers, counts: Integers, bins: int) -> None:
    """How many images each bar stands for, above it; nothing where there are none."""
    room = 72 * WIDTH * axes.get_position().width / bins  # points
    size = min(9.5, room / (0.7 * len(str(counts.max()))))
    for x, height, count in zip(places, heights, counts, strict=True):
        if count:
            text = axes.annotate(str(count), (x, height), (0, 4), textcoords="offset points", ha="center")
            text.set(fontsize=size, color=INK, zorder=5)
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})
