"""Pages for people, of a run, an evaluation, folds or a search: one HTML file each, to read, print and pass on."""

from handshape.reporting.page.content import (
    CrossvalContent,
    EvaluationContent,
    Example,
    Listed,
    ReportContent,
    TuneContent,
    TunedTrial,
)
from handshape.reporting.page.page import (
    write_crossval_page,
    write_evaluation_page,
    write_evaluations_page,
    write_report,
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
    "TuneContent",
    "TunedTrial",
    "choose_pairs",
    "typical_image",
    "write_crossval_page",
    "write_evaluation_page",
    "write_evaluations_page",
    "write_report",
    "write_tune_page",
]
