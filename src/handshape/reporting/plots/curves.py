"""Accuracy, loss and learning rate over the epochs of both phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from handshape.reporting.plots.style import (
    BLUE,
    DASHES,
    GREY,
    HEADER,
    INK,
    LINE,
    MARGIN,
    ORANGE,
    WIDTH,
    dress,
    new_page,
    percent,
    percent_axis,
    text_width,
)

History = Mapping[str, Sequence[float]]

HEIGHT = 7.5
AREA = (MARGIN + 0.75, MARGIN + 0.45, WIDTH - 2 * MARGIN - 0.85, HEIGHT - HEADER - MARGIN - 0.75)
PHASES = ("phase one: base frozen", "phase two: fine-tuning")
FEW_EPOCHS = 16  # up to here each epoch gets a marker


def accuracy_plot(history: History, phase_one_epochs: int, title: str) -> Figure:
    """Accuracy on training and validation images, epoch by epoch."""
    below = (
        "Share of images answered right after each epoch: on those it learns from, and on those kept aside to check."
    )
    page = new_page(HEIGHT, title, "Accuracy while training", below)
    draw_accuracy(page.axes(*AREA), history, phase_one_epochs)
    return page.figure


def loss_plot(history: History, phase_one_epochs: int, title: str) -> Figure:
    """Loss on training and validation images, epoch by epoch."""
    below = "What training makes small; validation loss that rises while training loss falls means learning by heart."
    page = new_page(HEIGHT, title, "Loss while training", below)
    draw_loss(page.axes(*AREA), history, phase_one_epochs)
    return page.figure


def draw_accuracy(axes: Axes, history: History, phase_one_epochs: int, heading: str = "") -> None:
    """Both accuracy curves, the best validation epoch, and where fine-tuning starts."""
    _draw_pair(axes, history, "accuracy", phase_one_epochs, heading)
    axes.set_ylabel("accuracy")
    finite = _finite(history["accuracy"], history["val_accuracy"])
    lowest = np.floor((finite.min() - 0.02) * 10) / 10 if finite.size else 0.0
    axes.set_ylim(max(lowest, 0), 1.005)
    percent_axis(axes.yaxis)
    _legend(axes)


def draw_loss(axes: Axes, history: History, phase_one_epochs: int, heading: str = "") -> None:
    """Both loss curves, the best validation epoch, and where fine-tuning starts."""
    _draw_pair(axes, history, "loss", phase_one_epochs, heading)
    axes.set_ylabel("cross-entropy (smoothed labels keep it above 0)")
    finite = _finite(history["loss"], history["val_loss"])
    axes.set_ylim(0, 1.08 * finite.max() if finite.size and finite.max() > 0 else 1)
    _legend(axes)


def draw_learning_rate(axes: Axes, history: History, phase_one_epochs: int, heading: str = "") -> None:
    """The learning rate of each epoch, on a logarithmic scale."""
    rates = np.asarray(history["learning_rate"], float)
    axes.plot(_epochs(rates), rates, color=BLUE, linewidth=2.2, drawstyle="steps-mid", **_markers(rates))
    _dress_epochs(axes, len(rates), phase_one_epochs, heading)
    axes.set_ylabel("learning rate")
    positive = rates[np.isfinite(rates) & (rates > 0)]
    if positive.size == rates.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 2, positive.max() * 2)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.8f}".rstrip("0").rstrip(".")))


def _draw_pair(axes: Axes, history: History, name: str, phase_one_epochs: int, heading: str) -> None:
    train, validation = (np.asarray(history[key], float) for key in (name, f"val_{name}"))
    axes.plot(_epochs(train), train, color=BLUE, linewidth=2.4, label="training", **_markers(train))
    axes.plot(_epochs(validation), validation, color=ORANGE, linewidth=2.4, label="validation", **_markers(validation))
    _mark_best(axes, validation, name)
    _dress_epochs(axes, max(len(train), len(validation)), phase_one_epochs, heading)


def _mark_best(axes: Axes, validation: npt.NDArray[np.float64], name: str) -> None:
    if not np.isfinite(validation).any():
        return
    best = int(np.nanargmax(validation) if name == "accuracy" else np.nanargmin(validation))
    words = percent(validation[best]) if name == "accuracy" else f"{validation[best]:.3f}"
    axes.plot(
        best + 1,
        validation[best],
        marker="o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        linestyle="none",
        label=f"best validation: {words}, epoch {best + 1}",
        clip_on=False,
        zorder=5,
    )


def _dress_epochs(axes: Axes, epochs: int, phase_one_epochs: int, heading: str) -> None:
    dress(axes, heading, above=26)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if not 0 < phase_one_epochs < epochs:
        return
    axes.axvspan(phase_one_epochs + 0.5, epochs + 0.5, color=BLUE, alpha=0.06, linewidth=0)
    axes.axvline(phase_one_epochs + 0.5, color=GREY, linewidth=1.2, linestyle=DASHES)
    _name_phases(axes, phase_one_epochs / epochs)


def _name_phases(axes: Axes, boundary: float) -> None:
    """The phases' names above the axes; ``boundary`` is the share of the width that is phase one."""
    width = axes.get_position().width * WIDTH
    one, two = (text_width([words], 11) / width for words in PHASES)
    start = min(boundary, 1 - two)
    axes.text(start, 1.015, PHASES[1], transform=axes.transAxes, fontsize=11, color=GREY)
    if one + 0.03 < start:
        axes.text(0, 1.015, PHASES[0], transform=axes.transAxes, fontsize=11, color=GREY)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="best", fontsize=11, labelcolor=INK, facecolor="white", edgecolor=LINE, framealpha=0.95, borderpad=0.8
    )


def _epochs(values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.arange(1, len(values) + 1)


def _markers(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    return {"marker": "o", "markersize": 6} if len(values) <= FEW_EPOCHS else {}


def _finite(*series: Sequence[float]) -> npt.NDArray[np.float64]:
    values = np.concatenate([np.asarray(part, float) for part in series])
    return np.asarray(values[np.isfinite(values)])
