"""The figures of a run: eight pictures, each as PNG and JPEG. Needs matplotlib; import it only to draw."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from matplotlib.figure import Figure

from handshape.console import Console
from handshape.evaluation.metrics import Flags, Floats, Metrics
from handshape.reporting.plots.bars import per_class_accuracy, performance_metrics
from handshape.reporting.plots.confidence import confidence_distribution
from handshape.reporting.plots.curves import accuracy_plot, loss_plot
from handshape.reporting.plots.files import render, write
from handshape.reporting.plots.fonts import unwritable
from handshape.reporting.plots.matrices import confusion_matrix, normalised_confusion_matrix
from handshape.reporting.plots.summary import training_summary


def draw_figures(
    folder: Path,
    metrics: Metrics,
    confidence: Floats,
    correct: Flags,
    history: Mapping[str, Sequence[float]],
    phase_one_epochs: int,
    title: str,
    console: Console,
) -> list[Path]:
    """Draw the eight figures at 300 dpi, without changing any of matplotlib's global settings.

    Args:
        folder: where the files go; made if it is missing.
        metrics: what was measured on the test images.
        confidence: [N], the probability of each answer.
        correct: [N], whether it was right.
        history: ``accuracy``, ``val_accuracy``, ``loss``, ``val_loss``, ``learning_rate`` of each epoch, phases joined.
        phase_one_epochs: how many of the epochs came before fine-tuning.
        title: what this run is, above every figure.
        console: shows progress.

    Returns:
        The files, a PNG and a JPEG for each figure.

    Raises:
        ValueError: no epochs, or not as many confidences and flags as test images.
        RunError: the folder cannot be written.
    """
    if not history["accuracy"]:
        raise ValueError("Need a history of at least one epoch.")
    if not (len(confidence) == len(correct) == metrics.n):
        raise ValueError(f"Need {metrics.n} confidences and flags; got {len(confidence)} and {len(correct)}.")
    figures: dict[str, Callable[[], Figure]] = {
        "confusion_matrix": lambda: confusion_matrix(metrics, title),
        "confusion_matrix_normalized": lambda: normalised_confusion_matrix(metrics, title),
        "accuracy_plot": lambda: accuracy_plot(history, phase_one_epochs, title),
        "loss_plot": lambda: loss_plot(history, phase_one_epochs, title),
        "per_class_accuracy": lambda: per_class_accuracy(metrics, title),
        "confidence_distribution": lambda: confidence_distribution(metrics, confidence, correct, title),
        "training_summary": lambda: training_summary(metrics, history, phase_one_epochs, title),
        "performance_metrics": lambda: performance_metrics(metrics, title),
    }
    missing = unwritable([title, *(score.label for score in metrics.per_class)])
    if missing:
        console.warn(f"No font here has the letters {missing}: the figures show boxes for them. Noto Sans has them.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # said once above, instead of once a word
        return _write_all(figures, folder, console)


def _write_all(figures: Mapping[str, Callable[[], Figure]], folder: Path, console: Console) -> list[Path]:
    """Draws one figure while the one before is compressed, which leaves Python free."""
    with console.progress("Figures", len(figures)) as bar, ThreadPoolExecutor(1) as writer:
        written: list[Future[list[Path]]] = []
        for stem, draw in figures.items():
            written.append(writer.submit(write, render(draw()), folder, stem))
            bar.advance(note=stem)
        return [path for future in written for path in future.result()]
