"""The report of a run: what was measured, what it means, and the photographs that show it."""

from __future__ import annotations

import time
from collections import Counter

from handshape.evaluation.slices import Slice
from handshape.machine import versions
from handshape.reporting.page import ReportContent, write_report
from handshape.workflow.examples import Gallery
from handshape.workflow.external_report import list_evaluations
from handshape.workflow.robustness import Findings, slices_of
from handshape.workflow.run import Run
from handshape.workflow.trained import Trained


def write_report_of(trained: Trained, findings: Findings, run: Run) -> None:
    """Writes report.html, one self-contained page, and beside it the list of later evaluations, still empty."""
    dataset, results, measured = trained.dataset, trained.results, trained.measured
    own = Slice.of("test images", results.test.predictions.correct)
    gallery = Gallery(results.test, dataset, results.tuning.thresholds, measured.network.features, measured.activation)
    content = ReportContent(
        title=run.folder.resolve().name,
        when=time.strftime("%d %B %Y, %H:%M"),
        random=None if dataset.groups.are_signers else own,
        signers=own if dataset.groups.are_signers else None,
        external={each.name: each for each in slices_of(findings.external)},
        verdict=findings.verdict,
        advice=findings.advice,
        test=results.test.metrics,
        pairs=gallery.mistakes(),
        examples=gallery.typical(),
        slices=findings.slices,
        mirror=findings.mirror,
        decisions=results.decisions,
        thresholds=results.tuning.thresholds,
        target=results.tuning.target,
        classes=Counter(sample.label for sample in dataset.samples),
        parts={part: len(rows) for part, rows in trained.split.parts.items()},
        people=Counter(dataset.group_names(dataset.rows)) if dataset.groups.are_signers else {},
        near_duplicates=findings.near_duplicates,
        label_issues=dataset.report.label_issues,
        photographs=dataset.folder.root,
        corrections=dataset.folder.corrections,
        figures=sorted(run.results.glob("*.png")),
        settings=trained.settings.model_dump(),
        ensemble=trained.ensemble,
        versions=versions(),
    )
    write_report(run.report, content)
    list_evaluations(run.folder)
