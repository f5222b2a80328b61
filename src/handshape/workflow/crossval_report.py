"""What a cross-validation leaves behind: measures, figures and a page."""

from __future__ import annotations

import time

from handshape.console import Console
from handshape.files import write_json
from handshape.machine import versions
from handshape.reporting.page import CrossvalContent, write_crossval_page
from handshape.workflow.crossval_result import CrossvalResult, mean_of, spread_of


def publish_crossval(result: CrossvalResult, console: Console) -> None:
    """Writes crossval.json, the figures and report.html."""
    from handshape.reporting import plots

    run, title = result.run, result.run.folder.resolve().name
    write_json(run.results / "crossval.json", result.as_dict())
    run.record(versions=versions())
    console.status("chart", f"Drawing figures into {run.results}")
    drawings = {
        "fold_accuracies": lambda: plots.fold_accuracies(result.folds, result.random, title),
        "confusion_matrix_normalized": lambda: plots.normalised_confusion_matrix(result.metrics, title),
        "per_class_accuracy": lambda: plots.per_class_accuracy(result.metrics, title),
    }
    names = [title, *(each.name for each in (*result.folds, *result.per_class))]
    files = plots.write_figures(drawings, run.results, names, console)
    content = CrossvalContent(
        title=title,
        when=time.strftime("%d %B %Y, %H:%M"),
        grouping=f"Folds {result.grouping}.",
        corrections=result.corrections,
        folds=result.folds,
        mean=result.mean,
        spread=result.spread,
        worst_fold=result.worst_fold,
        confusion=result.metrics,
        per_class=result.per_class,
        worst_signer=result.worst_signer,
        random=(mean_of(result.random), spread_of(result.random)) if result.random else None,
        external={name: (mean_of(slices), spread_of(slices), slices[0].n) for name, slices in result.external.items()},
        figures=[file for file in files if file.suffix == ".png"],
    )
    write_crossval_page(run.report, content)
    console.status("chart", f"Report: {run.report}")
