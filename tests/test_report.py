"""The report as a reader, a browser and a screen reader find it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.data.check_report import LabelIssue
from handshape.errors import RunError
from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.metrics import measure
from handshape.evaluation.mirror import Collision, MirrorTest
from handshape.evaluation.slices import Coverage, Slice, Slices
from handshape.evaluation.thresholds import Tuning
from handshape.hands.boxes import Box
from handshape.model.decisions import Thresholds
from handshape.reporting.advice import Advice
from handshape.reporting.page import (
    CrossvalContent,
    Example,
    Pair,
    ReportContent,
    write_crossval_page,
    write_report,
)
from handshape.reporting.page.page import FIGURES, render
from handshape.reporting.verdict import Verdict

EMPTY = frozenset({"img", "meta", "br"})  # elements that have no end
NASTY = """<b>"A" & 'É'</b>"""
LABELS = (NASTY, "B", "안녕")
HEAT = np.eye(4, dtype=np.float32)
BARE = ReportContent("run", "today")
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


def photograph(folder: Path, name: str = "photo.jpg", size: tuple[int, int] = (60, 40), noise: bool = False) -> Path:
    path = folder / name
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8) if noise else None
    (Image.fromarray(pixels) if noise else Image.new("RGB", size, "#aa8866")).save(path)
    return path


def full(folder: Path, photo: Path | None = None, figure: Path | None = None, many: int = 1) -> ReportContent:
    """A report with everything in it."""
    photo = photo or photograph(folder)
    example = Example(photo, NASTY, "B", 0.93, HEAT, Box(20, 20, 30, 30, 0.4))
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
        decisions=DecisionReport(0.97, 0.9, None, 0.06, 0.04, 0.95, 0.03),
        tuning=Tuning(Thresholds(0.61), 0.05, "negatives", 230, 19, 0.03, 0.95, 0.03),
        negatives=Slice("negatives", 230, 7),
        temperature=1.25,
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


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(render("report.html", full(tmp_path)))


@pytest.fixture(params=["report.html", "crossval.html"])
def any_page(request: pytest.FixtureRequest, tmp_path: Path) -> Page:
    content = full(tmp_path) if request.param == "report.html" else crossval(tmp_path)
    return Page(render(request.param, content))


def test_what_was_not_measured_says_how_to_measure_it():
    page = Page(render("report.html", BARE))
    assert page.headings() == ["Accuracy"]
    assert page.text.count("not measured") == 3
    assert "--external NAME=OTHER_DATA" in page.text and "--set data.groups=none" in page.text


def test_everything_measured_has_its_section(page: Page):
    assert page.headings() == [
        *("Verdict: ", "Accuracy", "What to do next", "Confusions", "Where it looked", "Classes", "Where it is weak"),
        *("Hands found", "Mirror test", "Decisions", "Photographs", "Figures", "Settings"),
    ]
    assert "not measured" not in page.text
    for part in (
        *("Poor", "It fails in other rooms.", "two rooms", "Worst: ana", "1 label in doubt", "Temperature 1.25"),
        *("Of 230 photographs without a sign, 3.0 % were taken for one; the thresholds aim at 5.0 % at most.", "none"),
        *("with a hand from a confidence of 61.0 %; without one never", "yes", "Without test images: 안녕."),
    ):
        assert part in page.text


def test_shares_of_few_images_say_how_far_chance_goes(page: Page):
    assert "right of 20 photographs (so few that it may be 30 to 70 %)" in page.text
    assert "right of 1,200 photographs" in page.text and "1,200 photographs (so few" not in page.text
    cells = [data for element, data in page.texts if element == "td"]
    assert "52 to 83\N{NO-BREAK SPACE}%" in cells  # ana, 21 of 30
    assert sum(" to " in cell for cell in cells) == len(["kim", "ana", NASTY, "B"]) + len(
        ["right", "no hand", "unknown"]
    )


def test_a_cross_validation_is_told_with_what_a_random_one_hides(tmp_path: Path):
    content = crossval(tmp_path)
    page = Page(render("crossval.html", content))
    assert page.headings() == ["2 folds", "Accuracy", "Folds", "Classes", "Confusions", "Figures"]
    for part in (
        "On average 70.0 % are right, give or take 14.1 points from fold to fold.",
        "show 96.0 %: 26.0 points of that are recognition of people and places",
        f"{NASTY}, 60.0 % 46 to 72 %",
        f"{NASTY}, 45.0 % 26 to 66 %",
        "50 photographs (so few that it may be",
        "± 2.0 points over the folds, 340 photographs",
    ):
        assert part in page.text
    bare = Page(render("crossval.html", replace(content, random=None, external={}, worst_signer=None, figures=())))
    assert bare.text.count("not measured") == 2 and "Worst signer" not in bare.text
    no_leak = Page(render("crossval.html", replace(content, random=(0.69, 0.01))))
    assert "nothing leaks" in no_leak.text


def test_it_needs_nothing_but_itself(any_page: Page, tmp_path: Path):
    assert any_page.all("img")
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in any_page.all("img"))
    assert not any_page.all("script", "link", "iframe")
    [policy] = [meta["content"] for meta in any_page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "://" not in any_page.html and "url(" not in any_page.html
    assert str(tmp_path) not in any_page.html  # a page that is passed on tells nothing about the machine


def test_names_are_text_never_markup(any_page: Page):
    assert not any_page.all("b")
    assert any_page.text.count(NASTY) >= 7
    assert len([data for element, data in any_page.texts if element == "bdi" and NASTY in data]) >= 5
    assert "{{" not in any_page.html and "{%" not in any_page.html


def test_what_is_in_a_picture_is_said_with_names_as_text(page: Page):
    assert [image["alt"] for image in page.all("img") if NASTY in (image["alt"] or "")]


def test_a_screen_reader_finds_its_way(any_page: Page):
    assert not any_page.open
    assert [html["lang"] for html in any_page.all("html")] == ["en"]
    levels = [int(name[1]) for name, _ in any_page.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels.count(1) == 1 and max(np.diff(levels)) == 1
    assert all(image.get("alt") for image in any_page.all("img"))
    assert all(cell.get("scope") in ("col", "row") for cell in any_page.all("th"))
    assert len(any_page.all("caption")) == len(any_page.all("table")) >= 3
    regions = [attributes for attributes in any_page.all("div") if attributes.get("role") == "region"]
    assert len(regions) == len(any_page.all("table"))
    assert all(region.get("tabindex") == "0" and region.get("aria-label") for region in regions)
    names = [attributes["id"] for _, attributes in any_page.elements if attributes.get("id")]
    assert len(set(names)) == len(names)
    assert {f"#{name}" for name in names} >= {link["href"] for link in any_page.all("a")}


def test_figures_come_once_each_in_a_sensible_order(tmp_path: Path):
    stems = ["zebra", "loss_plot", "confusion_matrix_normalized"]
    figures = [photograph(tmp_path, f"{stem}{suffix}") for stem in stems for suffix in (".png", ".jpg")]
    page = Page(render("report.html", replace(BARE, figures=figures)))
    assert [image["alt"] for image in page.all("img")] == [
        FIGURES["confusion_matrix_normalized"],
        FIGURES["loss_plot"],
        "Zebra",
    ]


def test_the_file_stays_small_whatever_the_photographs(tmp_path: Path):
    photo = photograph(tmp_path, "noise.png", (600, 400), noise=True)
    content = full(tmp_path, photo, many=50)
    figure = photograph(tmp_path, "figure.png", (1600, 1000), noise=True)
    figures = [figure.with_name(f"{stem}.png") for stem in FIGURES]
    for copy in figures:
        copy.write_bytes(figure.read_bytes())
    write_report(tmp_path / "report.html", replace(content, figures=figures))
    assert 1e6 < (tmp_path / "report.html").stat().st_size < 3e6


def test_photographs_that_are_gone_are_named(tmp_path: Path):
    content = full(tmp_path)
    (tmp_path / "photo.jpg").unlink()
    page = Page(render("report.html", content))
    assert "photo.jpg can no longer be read." in page.text
    assert len(page.all("img")) == 1  # the figure


def test_it_is_written_whole_or_not_at_all(tmp_path: Path):
    write_report(tmp_path / "deep" / "report.html", BARE)
    assert (tmp_path / "deep" / "report.html").read_text("utf-8") == render("report.html", BARE)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError):
        write_report(tmp_path / "file" / "report.html", BARE)
    with pytest.raises(RunError):
        write_crossval_page(tmp_path / "file" / "crossval.html", crossval(tmp_path))


@pytest.mark.parametrize("query", ["", "prefers-color-scheme: dark", "@media print"])
def test_words_stand_out_from_the_page_in_every_mode(query: str):
    """WCAG 2.2 AA asks for a contrast of 4.5 for text, 3 for graphics."""
    css = resources.files("handshape.reporting.page").joinpath("templates", "style.css").read_text("utf-8")
    colors = dict(
        re.findall(r"--([\w-]+): (#\w{6})", css[css.index(query) :].split("\n  }\n" if query else "\n}\n")[0])
    )
    for ground in ("page", "paper"):
        for ink in ("ink", "quiet", "accent", "good", "fair", "poor"):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)
    for fill in ("good", "fill-fair", "poor", "plain"):
        assert contrast(colors[fill], colors["paper"]) >= 3, fill


def contrast(one: str, other: str) -> float:
    dark, light = sorted(luminance(color) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    shares = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    light = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(light @ [0.2126, 0.7152, 0.0722])
