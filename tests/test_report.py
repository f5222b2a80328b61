"""The report as a reader, a browser and a screen reader find it."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from importlib import resources
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_pages import BARE, DECISIONS, NASTY, PAGES, Page, crossval, evaluation, full, listed, page_of, photograph

from handshape.errors import RunError
from handshape.evaluation.metrics import measure
from handshape.hands.boxes import Box
from handshape.reporting.page import (
    Example,
    pictures,
    write_crossval_page,
    write_report,
)
from handshape.reporting.page.content import EvaluationsContent
from handshape.reporting.page.page import FIGURES, render


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(render("report.html", full(tmp_path)))


@pytest.fixture(params=PAGES)
def any_page(request: pytest.FixtureRequest, tmp_path: Path) -> Page:
    return Page(render(request.param, page_of(request.param, tmp_path)))


@pytest.fixture(params=[name for name in PAGES if name != "evaluations.html"])
def page_with_pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Page:
    return Page(render(request.param, page_of(request.param, tmp_path)))


def test_what_was_not_measured_says_how_to_measure_it():
    page = Page(render("report.html", BARE))
    assert page.headings() == ["How often it is right"]
    assert page.text.count("not measured") == 2
    assert "handshape evaluate RUN PHOTOS" in page.text and "--set data.groups=SIGNERS.csv" in page.text


def test_a_report_always_leads_to_later_evaluations(page: Page):
    for each in (page, Page(render("report.html", BARE))):
        assert "evaluations.html" in {link["href"] for link in each.all("a")}
        assert "handshape evaluate RUN PHOTOS" in each.text
    empty, some = (
        Page(render("evaluations.html", EvaluationsContent("run", []))),
        Page(render("evaluations.html", listed())),
    )
    assert "handshape evaluate RUN PHOTOS --out FOLDER" in empty.text and "report.html" in {
        link["href"] for link in empty.all("a")
    }
    assert "../dark%20room/report.html" in {link["href"] for link in some.all("a")}
    assert some.rows()["office"][0:3:2] == ["66.7 %", "21 % to 94 %"]


def test_everything_measured_has_its_section(page: Page):
    assert page.headings() == [
        *("Verdict: ", "What to do next", "How often it is right", "What it gets wrong", "Where it looked", "Classes"),
        *("Where it is weak", "What it answers", "Photographs", "Figures", "Settings"),
    ]
    assert "not measured" not in page.text
    for part in (
        *(
            "Poor",
            "It fails in other rooms.",
            "two rooms",
            "Worst: ana",
            "1 photograph that may lie in the wrong class",
        ),
        "Of 230 photographs without a sign that it was not tuned on, 3.0 % were taken for a sign "
        "(95 % interval 1 to 6 %; the aim is 5.0 % at most).",
        *("It names a sign when it is at least 61.0 % sure; without a hand in sight, never.", "yes"),
        *(
            "Without a photograph here: 안녕.",
            "93.0 % sure of B, so it says “unknown”",
            "Look at the 1 photograph that may",
        ),
    ):
        assert part in page.text
    assert "warning" not in [attributes.get("class") for attributes in page.all("p")]


def test_too_many_photographs_without_a_sign_that_pass_are_a_warning(tmp_path: Path):
    page = Page(render("report.html", replace(full(tmp_path), target=0.02)))
    assert "warning" in [attributes.get("class") for attributes in page.all("p")]
    none = Page(render("report.html", replace(full(tmp_path), decisions=replace(DECISIONS, false_accepts=None))))
    assert "was not measured: none were given" in none.text


def test_shares_of_few_images_say_how_far_chance_goes(page: Page):
    assert "of 20 photographs are right (so few that it may be 30 to 70 %)" in page.text
    assert "of 1,200 photographs are right " in page.text and "1,200 photographs are right (so few" not in page.text
    rows = page.rows()
    assert "52 to 83 %" in rows["ana"]  # 21 of 30
    few = [name for name, cells in rows.items() if any(re.fullmatch(r"\d+ to \d+ %", cell) for cell in cells)]
    assert set(few) == {"kim", "ana", NASTY, "B", "names a sign", "“unknown”", "“no hand”"}


def test_an_evaluation_tells_what_was_left_out_and_whether_it_counts(tmp_path: Path):
    content = evaluation(tmp_path)
    page = Page(render("evaluation.html", content))
    assert page.headings() == [
        *("Verdict: ", "How often it is right", "What to do next", "What it gets wrong", "Where it looked", "Classes"),
        *("Where it is weak", "What it answers", "What was left out", "Figures"),
    ]
    for part in (
        "2 of 3 photographs; 95 % interval 21 % to 94 %",
        "Zebra",
        "21 photographs",
        "cannot be used: it is empty",
    ):
        assert part in page.text
    assert "learned from these very photographs" not in page.text
    seen = Page(render("evaluation.html", replace(content, is_external=False)))
    assert "learned from these very photographs" in seen.text


def test_pictures_are_enlarged_and_made_small_again_without_a_script(page_with_pictures: Page):
    assert (
        page_with_pictures.html.count('<details class="zoom"><summary><img ') == len(page_with_pictures.all("img")) > 0
    )
    css = resources.files("handshape.reporting.page").joinpath("templates", "style.css").read_text("utf-8")
    assert ".zoom[open] > summary { position: fixed" in css


def test_what_is_long_is_folded(tmp_path: Path):
    names = [f"sign {number}" for number in range(40)]
    right = measure(np.eye(40)[[1, *range(1, 40)]], np.arange(40), names)
    page = Page(render("report.html", replace(full(tmp_path, many=8), test=right, classes=dict.fromkeys(names, 30))))
    summaries = [data.strip() for element, data in page.texts if element == "summary" and data.strip()]
    assert "Show 28 more classes, all of them always right" in summaries
    assert "Images of each class: 40 classes" in summaries
    assert "Show 4 more confusions" in summaries


def test_a_picture_of_a_small_hand_shows_the_hand(tmp_path: Path):
    photo = tmp_path / "room.png"
    room = np.zeros((600, 800, 3), np.uint8)
    room[280:320, 380:420] = 255
    Image.fromarray(room).save(photo)
    whole = Example(photo, "A", "B", 0.9, "B")
    hand = replace(whole, box=Box(400, 300, 60, 60, 0.3))
    corner = replace(whole, box=Box(5, 5, 60, 60, 0.3), heat=np.ones((4, 4), np.float32))
    bright = [brightness(pictures.photograph(each)) for each in (whole, hand, corner)]
    assert bright[0] < 0.02 and bright[1] == pytest.approx(40 * 40 / 81**2, abs=0.03) and bright[2] < 0.02
    assert brightness(pictures.heat_map(corner)) > 0.2
    assert pictures.heat_map(hand) is None


def brightness(picture: pictures.Picture | None) -> float:
    assert picture is not None
    return float(np.asarray(Image.open(BytesIO(base64.b64decode(picture.data))).convert("L")).mean() / 255)


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
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in any_page.all("img"))
    assert not any_page.all("script", "link", "iframe")
    [policy] = [meta["content"] for meta in any_page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "://" not in any_page.html and "url(" not in any_page.html
    assert str(tmp_path) not in any_page.html  # a page that is passed on tells nothing about the machine


def test_names_are_text_never_markup(any_page: Page):
    assert not any_page.all("b")
    assert NASTY in any_page.text
    assert [data for element, data in any_page.texts if element == "bdi" and NASTY in data]
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
    assert len(any_page.all("caption")) == len(any_page.all("table")) >= 1
    regions = [attributes for attributes in any_page.all("div") if attributes.get("role") == "region"]
    assert len(regions) == len(any_page.all("table"))
    assert all(region.get("tabindex") == "0" and region.get("aria-label") for region in regions)
    names = [attributes["id"] for _, attributes in any_page.elements if attributes.get("id")]
    assert len(set(names)) == len(names)
    inside = {link["href"] for link in any_page.all("a") if (link["href"] or "").startswith("#")}
    assert {f"#{name}" for name in names} >= inside


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
