"""The report of a run: one HTML file that needs nothing else, to read, to print and to pass on."""

from handshape.evaluation.report.content import ReportContent
from handshape.evaluation.report.page import write_report
from handshape.evaluation.report.pairs import choose_pairs

__all__ = ["ReportContent", "choose_pairs", "write_report"]
