"""The report of a run: one HTML file that needs nothing else, to read, to print and to pass on."""

from handshape.reporting.page.content import ReportContent
from handshape.reporting.page.page import write_report
from handshape.reporting.page.pairs import choose_pairs

__all__ = ["ReportContent", "choose_pairs", "write_report"]
