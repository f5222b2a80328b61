"""Pages for people, of runs, evaluations, folds and searches: one HTML file each, to read, print and pass on."""

from handshape.reporting.page.content import (
    CrossvalContent,
    EvaluationContent,
    Example,
    Listed,
    ReportContent,
    RunsContent,
    TuneContent,
    TunedTrial,
)
from handshape.reporting.page.page import (
    write_crossval_page,
    write_evaluation_page,
    write_evaluations_page,
    write_report,
    write_runs_page,
    write_tune_page,
)
from handshape.reporting.page.pairs import Pair, choose_pairs, typical_image

__all__ = [
    "CrossvalContent",
    "EvaluationContent",
    "Example",
    "Listed",
    "Pair",
    "ReportContent",
    "RunsContent",
    "TuneContent",
    "TunedTrial",
    "choose_pairs",
    "typical_image",
    "write_crossval_page",
    "write_evaluation_page",
    "write_evaluations_page",
    "write_report",
    "write_runs_page",
    "write_tune_page",
]
