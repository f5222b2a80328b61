"""The figures of a run or a cross-validation, each as PNG and JPEG. Needs matplotlib; import it only to draw."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from matplotlib.figure import Figure

from handshape.console import Console
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.predictions import Predictions
from handshape.reporting.plots.bars import per_class_accuracy, performance_metrics
from handshape.reporting.plots.confidence import confidence_distribution
from handshape.reporting.plots.curves import TrainingCurves, accuracy_plot, loss_plot
from handshape.reporting.plots.files import render, write
from handshape.reporting.plots.folds import fold_accuracies
from handshape.reporting.plots.fonts import unwritable
from handshape.reporting.plots.matrices import confusion_matrix, normalised_confusion_matrix
from handshape.reporting.plots.summary import training_summary

__all__ = [
    "TrainingCurves",
    "confusion_matrix",
    "draw_figures",
    "fold_accuracies",
    "normalised_confusion_matrix",
    "per_class_accuracy",
    "write_figures",
]

Drawings = Mapping[str, Callable[[], Figure]]


def draw_figures(
    folder: Path,
    metrics: Metrics,
    predictions: Predictions,
    curves: TrainingCurves | None,
    title: str,
    console: Console,
) -> list[Path]:
    """Draw the eight figures of a run at 300 dpi, without changing any of matplotlib's global settings.

    Args:
        folder: where the files go; made if it is missing.
        metrics: what was measured on the test images.
        predictions: of the same images.
        curves: of the training; without them the three figures that show it are left out.
        title: what this run is, above every figure.
        console: shows progress.

    Returns:
        The files, a PNG and a JPEG for each figure.

    Raises:
        ValueError: not as many predictions as test images.
        RunError: the folder cannot be written.
    """
    if len(predictions.targets) != metrics.n:
        raise ValueError(f"Need {metrics.n} predictions; got {len(predictions.targets)}.")
    drawings: dict[str, Callable[[], Figure]] = {
        "confusion_matrix": lambda: confusion_matrix(metrics, title),
        "confusion_matrix_normalized": lambda: normalised_confusion_matrix(metrics, title),
        "per_class_accuracy": lambda: per_class_accuracy(metrics, title),
        "confidence_distribution": lambda: confidence_distribution(metrics, predictions, title),
        "performance_metrics": lambda: performance_metrics(metrics, title),
    }
    if curves is not None:
        drawings |= {
            "accuracy_plot": lambda: accuracy_plot(curves, title),
            "loss_plot": lambda: loss_plot(curves, title),
            "training_summary": lambda: training_summary(metrics, curves, title),
        }
    return write_figures(drawings, folder, [title, *(score.label for score in metrics.per_class)], console)


def write_figures(drawings: Drawings, folder: Path, names: Iterable[str], console: Console) -> list[Path]:
    """Draws figures and writes each as PNG and JPEG.

    Args:
        drawings: what draws a figure, by the stem of its files.
        folder: where the files go; made if it is missing.
        names: what users named themselves and the figures show; letters that no font has are warned of once.
        console: shows progress.

    Raises:
        RunError: the folder cannot be written.
    """
    missing = unwritable(names)
    if missing:
        console.warn(f"No font here has the letters {missing}: the figures show boxes for them. Noto Sans has them.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # said once above, instead of once a word
        return _write_all(drawings, folder, console)


def _write_all(drawings: Drawings, folder: Path, console: Console) -> list[Path]:
    """Draws one figure while the one before is compressed, which leaves Python free; no more are in memory."""
    with console.progress("Figures", len(drawings)) as bar, ThreadPoolExecutor(1) as writer:
        written: list[Future[list[Path]]] = []
        for stem, draw in drawings.items():
            image = render(draw())
            if written:
                written[-1].result()
            written.append(writer.submit(write, image, folder, stem))
            gc.collect()  # a figure refers to itself, and its pixels take 70 MB
            bar.advance(note=stem)
        return [path for future in written for path in future.result()]
