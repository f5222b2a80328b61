"""Accuracy, loss and learning rate of a stream over its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

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
    text_width,
)
from handshape.reporting.wording import percent

Floats = npt.NDArray[np.float64]

HEIGHT = 7.9
LEGEND = 0.05  # inches above the header's lower edge: the legend stands there, over no curve
AREA = (MARGIN + 0.75, MARGIN + 0.45, WIDTH - 2 * MARGIN - 0.85, HEIGHT - HEADER - MARGIN - 1.15)
PHASES = ("phase one: base frozen", "phase two: fine-tuning")
FEW_EPOCHS = 16  # up to here each epoch gets a marker
DOTS = (0, (1, 1.5))
CIRCLE: dict[str, Any] = {
    "marker": "o",
    "markersize": 13,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.6,
}


@dataclass(frozen=True)
class TrainingCurves:
    """What a stream went through, epoch by epoch, phases joined.

    Attributes:
        history: ``accuracy``, ``val_accuracy``, ``loss``, ``val_loss``, ``learning_rate`` of each epoch, at least one.
        phase_one_epochs: how many of the epochs came before fine-tuning; 0 where there are no phases.
        best_epoch: the one that was kept, counted from 1.
        stream: its name, such as ``hand``.
        joined: accuracy on the validation images once the other streams are joined to it; None where there is none.

    Raises:
        ValueError: no epochs, or the best one is none of them.
    """

    history: Mapping[str, Sequence[float]]
    phase_one_epochs: int
    best_epoch: int
    stream: str = "pixel"
    joined: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.best_epoch <= self.epochs:
            raise ValueError(f"Need a best epoch from 1 to {self.epochs}, the last one; got {self.best_epoch}.")

    @property
    def epochs(self) -> int:
        """How many there were."""
        return len(self.history["accuracy"])

    def of(self, name: str) -> Floats:
        """One series, [epochs]."""
        return np.asarray(self.history[name], float)


def accuracy_plot(curves: TrainingCurves, title: str) -> Figure:
    """Accuracy on training and validation images, epoch by epoch."""
    below = (
        "Share of images answered right after each epoch: on those it learns from, and on those kept aside to check."
    )
    page = new_page(HEIGHT, title, f"Accuracy{_whose(curves)} while training", below)
    kept = percent(float(curves.of("val_accuracy")[curves.best_epoch - 1]))
    legend = curve_legend(curves, f", {kept} of the validation images right", curves.joined)
    page.legend(legend, HEIGHT - HEADER + LEGEND)
    draw_accuracy(page.axes(*AREA), curves)
    return page.figure


def loss_plot(curves: TrainingCurves, title: str) -> Figure:
    """Loss on training and validation images, epoch by epoch."""
    below = "What training makes small; validation loss that rises while training loss falls means learning by heart."
    page = new_page(HEIGHT, title, f"Loss{_whose(curves)} while training", below)
    losses = curves.of("val_loss")
    kept = losses[curves.best_epoch - 1]
    which = "the lowest validation loss" if kept <= np.nanmin(losses) else "validation loss"
    page.legend(curve_legend(curves, f", {which}: {kept:.3f}"), HEIGHT - HEADER + LEGEND)
    draw_loss(page.axes(*AREA), curves)
    return page.figure


def _whose(curves: TrainingCurves) -> str:
    """Which stream the curves show, where there is another."""
    return "" if curves.joined is None else f" of the {curves.stream} stream alone"


def curve_legend(curves: TrainingCurves, kept: str = "", joined: float | None = None) -> list[Artist]:
    """What the lines and the circle stand for; ``kept`` is said of the epoch in the circle."""
    handles: list[Artist] = [
        Line2D([], [], color=color, linewidth=2.4, label=label)
        for color, label in ((BLUE, "training"), (ORANGE, "validation"))
    ]
    if joined is not None:
        label = f"validation, all streams joined: {percent(joined)}"
        handles.append(Line2D([], [], color=INK, linewidth=1.4, linestyle=DOTS, label=label))
    return [*handles, Line2D([], [], linestyle="none", label=f"kept: epoch {curves.best_epoch}{kept}", **CIRCLE)]


def draw_accuracy(axes: Axes, curves: TrainingCurves, heading: str = "") -> None:
    """Both accuracy curves, the epoch that was kept, where fine-tuning starts, and what all streams come to."""
    _draw_pair(axes, curves, "accuracy", heading)
    axes.set_ylabel("accuracy")
    known = [] if curves.joined is None else [curves.joined]
    for share in known:
        axes.axhline(share, color=INK, linewidth=1.4, linestyle=DOTS)
    finite = _finite(curves.of("accuracy"), curves.of("val_accuracy"), np.asarray(known))
    lowest = np.floor((finite.min() - 0.02) * 10) / 10 if finite.size else 0.0
    axes.set_ylim(max(lowest, 0), 1.005)
    percent_axis(axes.yaxis)


def draw_loss(axes: Axes, curves: TrainingCurves, heading: str = "") -> None:
    """Both loss curves, the epoch that was kept, and where fine-tuning starts."""
    _draw_pair(axes, curves, "loss", heading)
    axes.set_ylabel("cross-entropy, smoothed labels")
    finite = _finite(curves.of("loss"), curves.of("val_loss"))
    axes.set_ylim(0, 1.08 * finite.max() if finite.size and finite.max() > 0 else 1)


def draw_learning_rate(axes: Axes, curves: TrainingCurves, heading: str = "") -> None:
    """The learning rate of each epoch, on a logarithmic scale."""
    rates = curves.of("learning_rate")
    axes.plot(_epochs(rates), rates, color=BLUE, linewidth=2.2, drawstyle="steps-mid", **_markers(rates))
    _dress_epochs(axes, curves, heading)
    axes.set_ylabel("learning rate")
    positive = rates[np.isfinite(rates) & (rates > 0)]
    if positive.size == rates.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 2, positive.max() * 2)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.8f}".rstrip("0").rstrip(".")))


def _draw_pair(axes: Axes, curves: TrainingCurves, name: str, heading: str) -> None:
    train, validation = curves.of(name), curves.of(f"val_{name}")
    axes.plot(_epochs(train), train, color=BLUE, linewidth=2.4, **_markers(train))
    axes.plot(_epochs(validation), validation, color=ORANGE, linewidth=2.4, **_markers(validation))
    best = curves.best_epoch
    axes.plot(best, validation[best - 1], linestyle="none", clip_on=False, zorder=5, **CIRCLE)
    _dress_epochs(axes, curves, heading)


def _dress_epochs(axes: Axes, curves: TrainingCurves, heading: str) -> None:
    epochs, phase_one = curves.epochs, curves.phase_one_epochs
    dress(axes, heading, above=26)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if not 0 < phase_one < epochs:
        return
    axes.axvspan(phase_one + 0.5, epochs + 0.5, color=BLUE, alpha=0.06, linewidth=0)
    axes.axvline(phase_one + 0.5, color=GREY, linewidth=1.2, linestyle=DASHES)
    _name_phases(axes, phase_one / epochs)


def _name_phases(axes: Axes, boundary: float) -> None:
    """The phases' names above the axes; ``boundary`` is the share of the width that is phase one."""
    width = axes.get_position().width * WIDTH
    one, two = (text_width([text], 11) / width for text in PHASES)
    start = min(boundary, 1 - two)
    axes.text(start, 1.015, PHASES[1], transform=axes.transAxes, fontsize=11, color=GREY)
    if one + 0.03 < start:
        axes.text(0, 1.015, PHASES[0], transform=axes.transAxes, fontsize=11, color=GREY)


def _epochs(values: Floats) -> npt.NDArray[np.int64]:
    return np.arange(1, len(values) + 1)


def _markers(values: Floats) -> dict[str, Any]:
    return {"marker": "o", "markersize": 6} if len(values) <= FEW_EPOCHS else {}


def _finite(*series: Floats) -> Floats:
    values = np.concatenate(series)
    return np.asarray(values[np.isfinite(values)])
