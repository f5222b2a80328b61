"""The report as a reader, a browser and a screen reader find it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.errors import RunError
from handshape.evaluation.metrics import measure
from handshape.hands.boxes import Box
from handshape.reporting.page import ReportContent, write_report
from handshape.reporting.page.content import (
    Accuracies,
    DataFacts,
    Decisions,
    Measured,
    Mirror,
    Pair,
    Shot,
    Slices,
    SuspectedLabel,
    Verdict,
)
from handshape.reporting.page.markup import EMPTY, count, join, percent, tag
from handshape.reporting.page.page import FIGURES, render

NASTY = """<b>"A" & 'É'</b>"""
LABELS = (NASTY, "B", "안녕")
HEAT = np.eye(4, dtype=np.float32)
BARE = ReportContent("run", "today")


class Page(HTMLParser):
    """What a browser makes of a report: its elements in order, and the text of each kind of element."""

    def __init__(self, html: str) -> None:
        super().__init__()
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
        return "".join(data for element, data in self.texts if element != "style")

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
    figure = figure or photograph(folder, "confusion_matrix.png", (300, 200))
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.3, 0.6, 0.1]])
    shot = Shot(photo, NASTY, "B", 0.93, HEAT, Box(20, 20, 30, 30, 0.4))
    return ReportContent(
        title=f"run {NASTY}",
        when="23 November 2026",
        accuracies=Accuracies(Measured(0.99, 100), Measured(0.8, 1200), {"two rooms": Measured(0.5, 1)}),
        verdict=Verdict("poor", ["It fails in other rooms.", "Do not ship it."]),
        advice=[f"Photograph {NASTY} again."],
        test=measure(probabilities, np.array([0, 1, 1]), LABELS),
        pairs=[Pair(shot, replace(shot, label="B")), Pair(shot, None)] * many,
        looks=[replace(shot, box=None), replace(shot, heat=None)] * many,
        slices=[Slices("signer", {"kim": Measured(0.1, 3), "ana": Measured(0.7, 30), NASTY: Measured(0.9, 40)})],
        coverage=Measured(0.975, 1200),
        mirror=Mirror(0.8, 0.7, [(NASTY, "B", 0.4)]),
        decisions=Decisions(0.9, 0.97, 0.06, 0.04, 1200, Measured(0.03, 230), 0.05, {"confidence": 0.61}),
        temperature=1.25,
        data=DataFacts(
            {NASTY: 30, "B": 20},
            {"train": 40},
            {"kim": 50},
            Measured(0.02, 10),
            [SuspectedLabel(photo, "B", NASTY, 0.9)] * many,
        ),
        figures=[figure],
        settings={"data": {"groups": NASTY, "augment": True}},
        versions={"keras": "3.15"},
    )


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(render(full(tmp_path)))


def test_what_was_not_measured_says_how_to_measure_it():
    page = Page(render(BARE))
    assert page.headings() == ["Accuracy"]
    assert page.text.count("not measured") == 3
    assert " --external NAME=OTHER_DATA" in page.text and "--set data.groups=none" in page.text


def test_everything_measured_has_its_section(page: Page):
    assert page.headings() == [
        *("Verdict: ", "Accuracy", "What to do next", "Confusions", "Where it looked", "Classes", "Where it is weak"),
        *("Hands found", "Mirror test", "Decisions", "Photographs", "Figures", "Settings"),
    ]
    assert "not measured" not in page.text
    for words in (
        "Poor",
        "It fails in other rooms.",
        "1 label in doubt",
        "Temperature 1.25",
        "two rooms",
        "Worst: ana",
    ):
        assert words in page.text


def test_it_needs_nothing_but_itself(page: Page, tmp_path: Path):
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not page.all("script", "link", "iframe")
    [policy] = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "://" not in render(full(tmp_path)) and "url(" not in render(full(tmp_path))
    assert str(tmp_path) not in page.text  # a report that is passed on tells nothing about the machine


def test_names_are_text_never_markup(page: Page):
    assert not page.all("b")
    assert page.text.count(NASTY) >= 8
    assert [image["alt"] for image in page.all("img") if NASTY in (image["alt"] or "")]


def test_a_screen_reader_finds_its_way(page: Page):
    assert not page.open
    assert [html["lang"] for html in page.all("html")] == ["en"]
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels.count(1) == 1 and max(np.diff(levels)) == 1
    assert all(image.get("alt") for image in page.all("img"))
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    names = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(set(names)) == len(names)
    assert {f"#{name}" for name in names} >= {link["href"] for link in page.all("a")}


def test_figures_come_once_each_in_a_sensible_order(tmp_path: Path):
    stems = ["zebra", "loss_plot", "confusion_matrix_normalized"]
    figures = [photograph(tmp_path, f"{stem}{suffix}") for stem in stems for suffix in (".png", ".jpg")]
    page = Page(render(replace(BARE, figures=figures)))
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
    page = Page(render(content))
    assert "photo.jpg can no longer be read." in page.text
    assert len(page.all("img")) == 1  # the figure


def test_it_is_written_whole_or_not_at_all(tmp_path: Path):
    write_report(tmp_path / "deep" / "report.html", BARE)
    assert (tmp_path / "deep" / "report.html").read_text("utf-8") == render(BARE)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError):
        write_report(tmp_path / "file" / "report.html", BARE)


@pytest.mark.parametrize("query", ["", "prefers-color-scheme: dark", "@media print"])
def test_words_stand_out_from_the_page_in_every_mode(query: str):
    """WCAG 2.2 AA asks for a contrast of 4.5 for text, 3 for graphics."""
    css = resources.files("handshape.reporting.page").joinpath("style.css").read_text("utf-8")
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


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (1, "100 %"), (0.975, "97.5 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.5, "50.0 %")],
)
def test_shares_in_words(share: float, words: str):
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("make", "html"),
    [
        (lambda: tag("p", "a < b", None, class_="x"), '<p class="x">a &lt; b</p>'),
        (lambda: tag("img", alt='"', src=None), '<img alt="&quot;">'),
        (lambda: tag("p", tag("b", "&")), "<p><b>&amp;</b></p>"),
        (lambda: tag("meta", http_equiv="x", name="y"), '<meta http-equiv="x" name="y">'),
        (lambda: join("<", tag("i"), None), "&lt;<i></i>"),
        (lambda: count(1, "class") + count(1200, "class"), "1 class1,200 classes"),
    ],
)
def test_markup(make: Callable[[], str], html: str):
    assert make() == html
