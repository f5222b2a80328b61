"""One look for all figures: page, palette, lettering.

The look is seaborn's white grid, set on the figures themselves: matplotlib's style contexts change global settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter

from handshape.reporting.plots.fonts import font
from handshape.reporting.wording import Level, level, percent

DPI = 300
WIDTH = 14.0  # inches, of every figure
MARGIN = 0.55
HEADER = 1.5  # inches from the top edge to where the drawing may start

# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour blindness;
# ORANGE, which is only ever beside BLUE, lies between their orange and their vermilion.
BLUE, ORANGE, GREEN, AMBER, RED = "#0072B2", "#E07A1F", "#009E73", "#E69F00", "#D55E00"
INK, GREY, LINE, TRACK = "#262626", "#6B7280", "#D9DCE1", "#EEF0F3"

DASHES = (0, (4, 3))
LEVELS: dict[Level, str] = {"good": GREEN, "fair": AMBER, "poor": RED}
BANDS = {GREEN: "90 % or more", AMBER: "70 % to 90 %", RED: "below 70 %"}


@dataclass(frozen=True)
class Page:
    """A figure with its header; everything on it is placed in inches from the lower left corner."""

    figure: Figure
    height: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """A plain area to draw in."""
        return self.figure.add_axes((left / WIDTH, bottom / self.height, width / WIDTH, height / self.height))

    def text(self, left: float, bottom: float, text: str, size: float = 11, color: str = INK, **style: Any) -> None:
        """Words at a place."""
        self.figure.text(left / WIDTH, bottom / self.height, text, fontsize=size, color=color, **style)

    def legend(self, handles: Iterable[Artist], top: float) -> None:
        """A row of coloured squares and what they mean, from the left margin."""
        self.figure.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(MARGIN / WIDTH, top / self.height),
            borderaxespad=0,
            borderpad=0,
            ncols=5,
            frameon=False,
            fontsize=11,
            labelcolor=INK,
            handlelength=1.2,
            handleheight=1.0,
            columnspacing=2.2,
        )


def new_page(height: float, above: str, headline: str, below: str) -> Page:
    """A page of 14 inches' width: the run's name above, the headline, and one sentence on what is to be seen."""
    page = Page(Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white"), height)
    page.text(MARGIN, height - 0.48, plain(above, 90), 11, BLUE, weight="bold")
    page.text(MARGIN, height - 0.88, headline, 22, INK, weight="bold")
    page.text(MARGIN, height - 1.2, below, 12, GREY)
    return page


def dress(axes: Axes, heading: str = "", grid: Literal["x", "y", "both"] = "both", above: float = 12) -> None:
    """White ground, light grid behind the data, no frame; the heading stands ``above`` the data, in points."""
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=grid, color=LINE, linewidth=0.9)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom") and grid != "x")
        spine.set_color(LINE)
    axes.tick_params(colors=INK, labelsize=11, length=0, pad=6)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set(color=INK, fontsize=12)
    if heading:
        axes.set_title(heading, loc="left", fontsize=14, color=INK, weight="bold", pad=above)


def legend_above(axes: Axes, handles: Sequence[Any]) -> None:
    """A legend in one row just above the data."""
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.015, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=10,
        labelcolor=INK,
        handlelength=1.3,
        columnspacing=1.3,
        borderpad=0.3,
    )


def plain(text: str, longest: int = 20) -> str:
    """A name as it is: dollar signs start no formula, and what is too long loses its middle."""
    text = " ".join(text.split())
    if len(text) > longest:
        tail = longest // 3
        text = f"{text[: longest - tail - 1]}…{text[-tail:]}"
    return text.replace("$", r"\$")


def percent_axis(axis: Axis, steps: int = 0) -> None:
    """Percents along an axis; with ``steps`` at that many equal steps from 0 to 100 %."""
    if steps:
        axis.set_ticks(np.linspace(0, 1, steps + 1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))


def text_width(texts: Iterable[str], size: float) -> float:
    """The width of the widest text at ``size`` points, in inches."""
    letters = font(size)
    widths = [text_to_path.get_text_width_height_descent(text, letters, ismath=False)[0] for text in texts]
    return float(max(widths, default=0)) / 72


def band(share: float) -> str:
    """The colour of a share: good, fair or poor."""
    return LEVELS[level(share)]


def ramp(color: str, shades: int = 256) -> LinearSegmentedColormap:
    """From almost white through the colour to its dark shade."""
    strong = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return LinearSegmentedColormap.from_list("ramp", [1 - 0.13 * (1 - strong), strong, 0.42 * strong], shades)
