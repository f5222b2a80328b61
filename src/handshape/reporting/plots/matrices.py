"""The two confusion matrices: what was shown against what was answered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handshape.evaluation.metrics import Metrics
from handshape.reporting.mistakes import mistakes
from handshape.reporting.plots.style import (
    BLUE,
    GREY,
    HEADER,
    INK,
    LINE,
    MARGIN,
    ORANGE,
    TRACK,
    WIDTH,
    Page,
    new_page,
    plain,
    ramp,
    text_width,
)
from handshape.reporting.wording import percent

HEIGHT = 12.0
PANEL = 2.6  # inches for the colour scales and the list beside the matrix
GAP = 0.5
ROW = 0.31
LISTED = 18  # mistakes in the list
SMALLEST_NAME, SMALLEST_COUNT = 4.5, 5.0  # points
FEW_SHADES = 8  # up to here each number of images has a shade of its own

Cells = npt.NDArray[Any]  # [C, C]


def confusion_matrix(metrics: Metrics, title: str) -> Figure:
    """How many images of each class got which answer."""
    right = int(np.trace(metrics.confusion))
    below = (
        f"Row: the sign in the picture. Column: the model's answer. {right} of {metrics.n} images are right "
        f"({percent(metrics.accuracy)}), on the diagonal."
    )
    page = new_page(HEIGHT, title, "Confusion matrix", below)
    texts = np.where(metrics.confusion > 0, metrics.confusion.astype(str), "")
    wrong_most = max(int(_mistakes(metrics.confusion).max()), 4)  # a single mistake stays pale
    scales = (
        _Counts("Right answers, images", BLUE, int(np.diag(metrics.confusion).max())),
        _Counts("Mistakes, images", ORANGE, wrong_most),
    )
    _draw(page, metrics, metrics.confusion, texts, scales)
    return page.figure


def normalised_confusion_matrix(metrics: Metrics, title: str) -> Figure:
    """What share of each class got which answer."""
    below = "Row: the sign in the picture. Column: the model's answer. In percent of the images of that sign."
    page = new_page(HEIGHT, title, "Confusion matrix, normalised by class", below)
    shares = metrics.normalised_confusion()
    rounded = np.char.mod("%.0f", np.where(shares < 1, np.minimum(100 * shares, 99), 100))  # 100 means all
    texts = np.where(shares == 0, "", np.where(rounded == "0", "<1", rounded))
    wrong_most = max(math.ceil(5 * _mistakes(shares).max()) / 5, 0.2)  # so that its half is a whole number of tenths
    scales = (_Scale("Right answers, share", BLUE, 1.0), _Scale("Mistakes, share", ORANGE, wrong_most))
    _draw(page, metrics, shares, texts, scales)
    return page.figure


@dataclass(frozen=True)
class _Scale:
    """Shares from 0 to ``top`` as shades of one colour."""

    title: str
    color: str
    top: float

    @property
    def shading(self) -> ScalarMappable:
        return ScalarMappable(Normalize(0, self.top), ramp(self.color))

    @property
    def ticks(self) -> dict[float, str]:
        """What stands at which place of the colour bar."""
        return {tick: percent(tick, 0) for tick in (0, self.top / 2, self.top)}


class _Counts(_Scale):
    """Whole numbers from 0 to ``top`` or a little more: few have a shade each, many shade into one another."""

    @property
    def shading(self) -> ScalarMappable:
        if self.top <= FEW_SHADES:
            return ScalarMappable(Normalize(-0.5, self.top + 0.5), ramp(self.color, int(self.top) + 1))
        return ScalarMappable(Normalize(0, max(self.ticks)), ramp(self.color))

    @property
    def ticks(self) -> dict[float, str]:
        few = range(int(self.top) + 1)
        return {int(tick): f"{int(tick)}" for tick in (few if self.top <= FEW_SHADES else _whole_ticks(self.top))}


def _whole_ticks(top: float) -> Cells:
    """A few round whole numbers, the last of them no less than ``top``."""
    return np.asarray(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]).tick_values(0, top))


def _mistakes(values: Cells) -> Cells:
    """The values with the diagonal at 0."""
    return np.where(np.eye(len(values), dtype=bool), 0, values)


def _draw(page: Page, metrics: Metrics, values: Cells, texts: Cells, scales: tuple[_Scale, _Scale]) -> None:
    axes, side = _place(page, [plain(score.label, 18) for score in metrics.per_class])
    colors = np.where(
        np.eye(len(values), dtype=bool)[..., None], *(scale.shading.to_rgba(values.astype(float)) for scale in scales)
    )
    _fill_cells(axes, metrics, values, colors)
    _write_cells(axes, colors, texts, side)
    left, top = WIDTH - MARGIN - PANEL, HEIGHT - HEADER
    for row, scale in enumerate(scales):
        _draw_scale(page, scale, left, top - 0.42 - 0.95 * row)
    _list_mistakes(page, metrics, left, top - 2.2)


def _place(page: Page, names: list[str]) -> tuple[Axes, float]:
    """Square axes with class names, as large as the names leave room; also their side in inches."""
    size = float(np.clip(460 / len(names), SMALLEST_NAME, 14))
    across = text_width(names, size) + 0.43  # with the axis' own name
    left = MARGIN + across
    side = WIDTH - MARGIN - PANEL - GAP - left
    turned = [text_width([name], size) > 0.88 * side / len(names) for name in names]
    below = across if any(turned) else 0.43 + size / 72
    side = min(side, HEIGHT - HEADER - MARGIN - below)
    axes = page.axes(left, HEIGHT - HEADER - side, side, side)
    step = math.ceil(len(names) * SMALLEST_NAME * 1.15 / (72 * side))
    ticks = np.arange(0, len(names), step)
    axes.set_xticks(ticks, names[::step])
    axes.set_yticks(ticks, names[::step])
    for label, up in zip(axes.get_xticklabels(), turned[::step], strict=True):
        label.set_rotation(90 if up else 0)
    axes.tick_params(length=0, labelsize=size, colors=INK, pad=5)
    axes.set_xlabel("the model's answer", fontsize=13, color=INK, labelpad=9)
    axes.set_ylabel("the sign in the picture", fontsize=13, color=INK, labelpad=9)
    for spine in axes.spines.values():
        spine.set_color(LINE)
    return axes, side


def _fill_cells(axes: Axes, metrics: Metrics, values: Cells, colors: Cells) -> None:
    """A square for each value that is not 0, grey rows for classes without images, thin lines between cells.

    Squares take half the time of an image or less: matplotlib resamples an image to millions of pixels.
    """
    classes = len(values)
    filled = np.argwhere(values > 0)
    corners = filled[:, None, ::-1] + np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    axes.add_collection(PolyCollection(list(corners), facecolors=colors[tuple(filled.T)], linewidths=0, zorder=1))
    for row, score in enumerate(metrics.per_class):
        if not score.support:
            axes.axhspan(row - 0.5, row + 0.5, color=TRACK, linewidth=0, zorder=1)
    edges, width = np.arange(classes + 1) - 0.5, float(np.clip(20 / classes, 0.25, 1.0))
    axes.hlines(edges, -0.5, classes - 0.5, colors=LINE, linewidths=width)
    axes.vlines(edges, -0.5, classes - 0.5, colors=LINE, linewidths=width)
    axes.set_xlim(-0.5, classes - 0.5)
    axes.set_ylim(classes - 0.5, -0.5)


def _write_cells(axes: Axes, colors: Cells, texts: Cells, side: float) -> None:
    """Numbers in the cells that have one, white on dark; none where they would be too small to read."""
    cell = 72 * side / len(texts)
    longest = max(len(text) for text in texts.flat)
    size = min(0.5 * cell, 0.8 * cell / (0.68 * max(longest, 1)), 22)
    if size < SMALLEST_COUNT:
        return
    luminance = colors[..., :3] @ np.array([0.299, 0.587, 0.114])
    for row, column in np.argwhere(texts != ""):
        axes.text(
            column,
            row,
            texts[row, column],
            ha="center",
            va="center_baseline",
            fontsize=size,
            color="white" if luminance[row, column] < 0.58 else INK,
            weight="bold" if row == column else "normal",
        )


def _draw_scale(page: Page, scale: _Scale, left: float, bottom: float) -> None:
    page.text(left, bottom + 0.27, scale.title, 11, weight="bold")
    axes = page.axes(left, bottom, PANEL, 0.18)
    bar = page.figure.colorbar(scale.shading, cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.set_ticks(list(scale.ticks), labels=list(scale.ticks.values()))
    axes.tick_params(length=0, labelsize=10, colors=GREY, pad=4)


def _list_mistakes(page: Page, metrics: Metrics, left: float, top: float) -> None:
    """The most frequent mistakes, largest first."""
    page.text(left, top, "Most frequent mistakes", 11, weight="bold")
    page.text(left, top - 0.25, "sign  →  answer, images", 10, GREY)
    found = mistakes(metrics)
    for line, mistake in enumerate(found[:LISTED]):
        bottom, amount = top - 0.62 - ROW * line, f"{mistake.images} of {mistake.support}"
        room = PANEL - text_width([amount], 11) * 1.15 - 0.15
        page.text(left, bottom, _pair(mistake.label, mistake.answer, room), 11)
        page.text(left + PANEL, bottom, amount, 11, ORANGE, ha="right", weight="bold")
    after = top - 0.62 - ROW * min(len(found), LISTED)
    if not found:
        page.text(left, after, "none: every answer is right", 11)
    if len(found) > LISTED:
        page.text(left, after, f"and {len(found) - LISTED} other pairs", 10, GREY)
    if len(metrics.scored()) < len(metrics.per_class):
        page.text(left, after - 0.45, "Grey rows: no images", 10, GREY)


def _pair(shown: str, answered: str, room: float) -> str:
    """Both names, shortened until they fit the room in inches."""
    for longest in range(18, 3, -1):
        text = f"{plain(shown, longest)}  →  {plain(answered, longest)}"
        if text_width([text], 11) <= room:
            break
    return text
