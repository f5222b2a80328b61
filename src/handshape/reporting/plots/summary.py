"""The whole training on one page."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from handshape.evaluation.metrics import Metrics
from handshape.reporting.plots.curves import TrainingCurves, curve_legend, draw_accuracy, draw_learning_rate, draw_loss
from handshape.reporting.plots.style import (
    BANDS,
    GREY,
    HEADER,
    INK,
    MARGIN,
    WIDTH,
    Page,
    band,
    dress,
    legend_above,
    new_page,
    percent_axis,
)
from handshape.reporting.wording import count, interval, percent

HEIGHT = 12.0
LEGEND = 0.5  # inches for the legend of the curves


def training_summary(metrics: Metrics, curves: TrainingCurves, title: str) -> Figure:
    """Accuracy, loss and learning rate by epoch, and the result on the test images."""
    stream = "" if curves.joined is None else f" of the {curves.stream} stream"
    below = (
        f"{count(curves.epochs, 'epoch')} of training{stream}, and what the whole model comes to on {metrics.n} test "
        "images kept out of it."
    )
    page = new_page(HEIGHT, title, "Training summary", below)
    page.legend(curve_legend(curves, joined=curves.joined), HEIGHT - HEADER + 0.05)
    room = HEIGHT - LEGEND - HEADER - MARGIN - 0.45 - 2 * 0.55 - 0.75
    width, height = (WIDTH - 2 * MARGIN - 0.75 * 2 - 0.5) / 2, room / 2
    left, right = MARGIN + 0.75, MARGIN + 0.75 * 2 + 0.5 + width
    upper, lower = MARGIN + 0.45 + height + 1.3, MARGIN + 0.45
    draw_accuracy(page.axes(left, upper, width, height), curves, "Accuracy")
    draw_loss(page.axes(right, upper, width, height), curves, "Loss")
    draw_learning_rate(page.axes(left, lower, width, height), curves, "Learning rate")
    _draw_result(page, metrics, right, lower, width, height)
    return page.figure


def _draw_result(page: Page, metrics: Metrics, left: float, bottom: float, width: float, height: float) -> None:
    """Four numbers, and below them every class from best to worst."""
    chance = interval(metrics.accuracy, metrics.n)
    page.text(left, bottom + height + 0.36, "Result on the test images", 14, weight="bold")
    if chance:
        page.text(left + 3.2, bottom + height + 0.36, f"so few: accuracy {chance}", 11, GREY)
    numbers = (
        (percent(metrics.accuracy), "accuracy"),
        (percent(metrics.top3), "top-3 accuracy"),
        (percent(metrics.macro_f1), "macro F1"),
        (percent(metrics.ece), "calibration error"),
    )
    for place, (number, text) in enumerate(numbers):
        x = left + place * width / 4
        page.text(x, bottom + height - 0.35, number, 19, weight="bold")
        page.text(x, bottom + height - 0.62, text, 10.5, GREY)
    _draw_profile(page.axes(left, bottom, width, height - 1.4), metrics)


def _draw_profile(axes: Axes, metrics: Metrics) -> None:
    shares = [score.recall for score in metrics.best(len(metrics.per_class))]
    dress(axes, grid="y")
    axes.bar(np.arange(len(shares)), shares, width=0.8, color=[band(share) for share in shares])
    axes.set_ylim(0, 1.0)
    axes.set_xlim(-0.7, len(shares) - 0.3)
    axes.set_xticks([])
    percent_axis(axes.yaxis, 4)
    axes.set_xlabel(f"the {len(shares)} classes, from best to worst: share answered right", color=INK, labelpad=10)
    legend_above(axes, [Patch(color=color, label=text) for color, text in BANDS.items()])
