"""Reports for people, of a run or of a cross-validation: one HTML file each, to read, to print and to pass on."""

from handshape.reporting.page.content import CrossvalContent, Example, ReportContent
from handshape.reporting.page.page import write_crossval_page, write_report
from handshape.reporting.page.pairs import Pair, choose_pairs, typical_image

__all__ = [
    "CrossvalContent",
    "Example",
    "Pair",
    "ReportContent",
    "choose_pairs",
    "typical_image",
    "write_crossval_page",
    "write_report",
]
