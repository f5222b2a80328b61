"""The pages: one function renders and writes. No scripts, no requests; the browser is told to make none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from handshape.evaluation.slices import MIN_IMAGES
from handshape.files import write_text
from handshape.reporting import wording
from handshape.reporting.mistakes import mistaken_for, mistakes
from handshape.reporting.page import pictures
from handshape.reporting.page.content import (
    CrossvalContent,
    EvaluationContent,
    EvaluationsContent,
    Listed,
    PageContent,
    ReportContent,
    RunsContent,
    TuneContent,
)
from handshape.screen import visible

FIGURES = {  # the titles of the figures, in the order in which they help most
    "run_accuracies": "Test accuracy of each run",
    "fold_accuracies": "Accuracy of each fold",
    "search_history": "Trials of the search",
    "trade_off": "Accuracy against what a model costs",
    "setting_importance": "What counts",
    "confusion_matrix_normalized": "Confusion matrix in shares",
    "per_class_accuracy": "Accuracy of each class",
    "confusion_matrix": "Confusion matrix in images",
    "confidence_distribution": "Confidence of right and wrong answers",
    "performance_metrics": "Performance at a glance",
    "accuracy_plot": "Accuracy over the epochs",
    "loss_plot": "Loss over the epochs",
    "training_summary": "The training at a glance",
}


def write_report(path: Path, content: ReportContent) -> None:
    """Writes the report of a run as one self-contained HTML file, below about 3 MB.

    Photographs and figures that can no longer be read are named instead of shown.

    Raises:
        RunError: the folder cannot be written.
    """
    write_text(path, render("report.html", content))


def write_evaluation_page(path: Path, content: EvaluationContent) -> None:
    """Writes the page of a later evaluation, as :func:`write_report` does."""
    write_text(path, render("evaluation.html", content))


def write_evaluations_page(path: Path, model: str, evaluations: Sequence[Listed]) -> None:
    """Writes the list of a model's later evaluations, the latest first; without any, it says how to make one."""
    write_text(path, render("evaluations.html", EvaluationsContent(model, evaluations)))


def write_crossval_page(path: Path, content: CrossvalContent) -> None:
    """Writes the page of a cross-validation, as :func:`write_report` does."""
    write_text(path, render("crossval.html", content))


def write_tune_page(path: Path, content: TuneContent) -> None:
    """Writes the page of a search for settings, as :func:`write_report` does."""
    write_text(path, render("tune.html", content))


def write_runs_page(path: Path, content: RunsContent) -> None:
    """Writes the page of a list of runs, or of some compared, as :func:`write_report` does."""
    write_text(path, render("runs.html", content))


def render(template: str, content: PageContent) -> str:
    """A whole page as HTML; all text is escaped."""
    environment = Environment(
        loader=PackageLoader("handshape.reporting.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "interval": wording.interval,
        "between": wording.between,
        "level": wording.level,
        "counted": wording.count,
        "false_accepts": wording.false_accepts_in_words,
        "other_signs": wording.other_signs_in_words,
        "grouped": "{:,}".format,
        "mistakes": mistakes,
        "mistaken_for": mistaken_for,
        "in_order": figures_in_order,
        "thumbnail": pictures.thumbnail,
        "photograph": pictures.photograph,
        "heat_map": pictures.heat_map,
        "figure": pictures.figure,
    }
    environment.globals |= {"FEW_IMAGES": wording.FEW_IMAGES, "MIN_IMAGES": MIN_IMAGES, "misses": wording.misses}
    return environment.get_template(template).render(content=content)


def _visible(value: object) -> object:
    """Whatever a template prints, without characters that show a name in another order, or not at all."""
    return type(value)(visible(value)) if isinstance(value, str) else value


def figures_in_order(files: Iterable[Path]) -> list[tuple[str, Path]]:
    """Title and file of each figure, one picture each whatever formats there are."""
    by_stem = {file.stem: file for file in sorted(files)}
    known = [stem for stem in FIGURES if stem in by_stem]
    others = sorted(by_stem.keys() - FIGURES.keys())
    titles = FIGURES | {stem: stem.replace("_", " ").capitalize() for stem in others}
    return [(titles[stem], by_stem[stem]) for stem in (*known, *others)]
