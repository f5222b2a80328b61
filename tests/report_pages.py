"""Pages with everything in them, and what a browser makes of a page."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from handshape.data.check_report import LabelIssue
from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.metrics import measure
from handshape.evaluation.mirror import Collision, MirrorTest
from handshape.evaluation.slices import Coverage, Slice, Slices
from handshape.hands.boxes import Box
from handshape.model.decisions import Thresholds
from handshape.reporting.advice import Advice
from handshape.reporting.page import (
    CrossvalContent,
    EvaluationContent,
    Example,
    Listed,
    Pair,
    ReportContent,
)
from handshape.reporting.page.content import EvaluationsContent, PageContent
from handshape.reporting.verdict import Verdict

EMPTY = frozenset({"img", "meta", "br"})  # elements that have no end
NASTY = """<b>"A" & 'É'</b>"""
LABELS = (NASTY, "B", "안녕")
HEAT = np.eye(4, dtype=np.float32)
BARE = ReportContent("run", "today")
DECISIONS = DecisionReport(0.97, 0.9, None, 0.06, 0.04, 0.95, Slice("negatives", 230, 7))
PAGES = ("report.html", "evaluation.html", "evaluations.html", "crossval.html")
MEASURES = measure(np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.3, 0.6, 0.1]]), np.array([0, 1, 1]), LABELS)


class Page(HTMLParser):
    """What a browser makes of a report: its elements in order, and the text of each kind of element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        """All that is read, blanks as a browser shows them, non-breaking ones as others."""
        return " ".join("".join(data for element, data in self.texts if element != "style").split())

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name in names]

    def headings(self) -> list[str]:
        return [data for element, data in self.texts if element == "h2"]

    def rows(self) -> dict[str, list[str]]:
        """The cells behind each row's heading, of the first row with that heading."""
        rows: dict[str, list[str]] = {}
        for row in re.findall(r"<tr>(.*?)</tr>", self.html, re.DOTALL):
            cells = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
            head, *others = (" ".join(unescape(cell).split()) for cell in cells)
            rows.setdefault(head, others)
        return rows


def photograph(folder: Path, name: str = "photo.jpg", size: tuple[int, int] = (60, 40), noise: bool = False) -> Path:
    path = folder / name
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8) if noise else None
    (Image.fromarray(pixels) if noise else Image.new("RGB", size, "#aa8866")).save(path)
    return path


def full(folder: Path, photo: Path | None = None, figure: Path | None = None, many: int = 1) -> ReportContent:
    """A report with everything in it."""
    photo = photo or photograph(folder)
    example = Example(photo, NASTY, "B", 0.93, "unknown", HEAT, Box(20, 20, 30, 30, 0.4))
    signers = (Slice("kim", 3, 0), Slice("ana", 30, 21), Slice(NASTY, 400, 360))
    return ReportContent(
        title=f"run {NASTY}",
        when="23 November 2026",
        random=Slice("test", 100, 99),
        signers=Slice("test", 1200, 960),
        external={"two rooms": Slice("two rooms", 20, 10)},
        verdict=Verdict("poor", ("It fails in other rooms.", "Do not ship it.")),
        advice=[Advice(f"Photograph {NASTY} again.", 0.1)],
        test=MEASURES,
        pairs=[Pair(example, replace(example, label="B")), Pair(example, None)] * many,
        examples=[replace(example, box=None), replace(example, heat=None)] * many,
        slices=Slices(by_signer=signers, coverage=Coverage(Slice("all", 1200, 1170), ())),
        mirror=MirrorTest(1200, 0.8, 0.7, 0.75, (Collision(NASTY, "B", 40, 0.4, 0.1),)),
        decisions=DECISIONS,
        thresholds=Thresholds(0.61),
        target=0.05,
        classes={NASTY: 30, "B": 20},
        parts={"train": 40},
        people={"kim": 50},
        near_duplicates=0.02,
        label_issues=[LabelIssue(photo.name, "B", NASTY, 0.9)] * many,
        photographs=photo.parent,
        figures=[figure or photograph(folder, "confusion_matrix.png", (300, 200))],
        settings={"data": {"groups": NASTY, "augment": True, "path": None}},
        versions={"keras": "3.15"},
    )


def evaluation(folder: Path) -> EvaluationContent:
    """The page of a later evaluation with everything in it."""
    report = full(folder)
    return EvaluationContent(
        title=f"office {NASTY}",
        when="24 November 2026",
        verdict=report.verdict,
        advice=report.advice,
        test=MEASURES,
        pairs=report.pairs,
        examples=report.examples,
        slices=Slices(by_size=(Slice("under 60 px", 40, 20),), coverage=report.slices.coverage),
        decisions=DECISIONS,
        thresholds=report.thresholds,
        figures=report.figures,
        model=NASTY,
        right=Slice("office", 3, 2),
        is_external=True,
        left_out={"A/1.jpg": "cannot be used: it is empty"} | {f"B/{NASTY}{i}.jpg": "seen" for i in range(20)},
        unknown_classes=["Zebra"],
    )


def listed() -> EvaluationsContent:
    """The list of a run's evaluations, one with a page."""
    return EvaluationsContent(
        NASTY,
        [
            Listed(Slice(NASTY, 960, 644), "2026-11-25T10:00:00", 0.77, 0.75, "../dark room/report.html"),
            Listed(Slice("office", 3, 2), "2026-11-24T10:00:00", 0.0, None, None),
        ],
    )


def page_of(template: str, folder: Path) -> PageContent:
    """Everything that a page of this kind may hold."""
    contents = {"report.html": full, "evaluation.html": evaluation, "crossval.html": crossval}
    return contents[template](folder) if template in contents else listed()


def crossval(folder: Path) -> CrossvalContent:
    """The page of a cross-validation with everything in it."""
    folds = [Slice("fold 1", 200, 160), Slice(NASTY, 50, 30)]
    return CrossvalContent(
        title=f"folds of {NASTY}",
        when="23 November 2026",
        grouping=f"Nobody of {NASTY} is on both sides.",
        folds=folds,
        mean=0.7,
        spread=0.1414,
        worst_fold=folds[1],
        confusion=MEASURES,
        per_class=[Slice(NASTY, 1, 1), Slice("B", 2, 1)],
        worst_signer=Slice(NASTY, 20, 9),
        random=(0.96, 0.01),
        external={"two rooms": (0.55, 0.02, 340), NASTY: (0.45, 0.03, 50)},
        figures=[photograph(folder, "fold_accuracies.png", (300, 200))],
    )
