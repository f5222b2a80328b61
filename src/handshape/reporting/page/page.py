"""The page: its head, its sections in order, its style. No scripts, no requests; the browser is told to make none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from handshape.files import write_text
from handshape.reporting.page import headline, photographs, tables
from handshape.reporting.page.content import ReportContent
from handshape.reporting.page.markup import Markup, join, tag
from handshape.reporting.page.pictures import figure_image

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
FIGURES = {  # the titles of the figures, in the order in which they help most
    "confusion_matrix_normalized": "Confusion matrix in shares",
    "confusion_matrix": "Confusion matrix in images",
    "per_class_accuracy": "Accuracy of each class",
    "confidence_distribution": "Confidence of right and wrong answers",
    "performance_metrics": "Performance at a glance",
    "accuracy_plot": "Accuracy over the epochs",
    "loss_plot": "Loss over the epochs",
    "training_summary": "The training at a glance",
}


def write_report(path: Path, content: ReportContent) -> None:
    """Writes the report as one self-contained HTML file, below about 3 MB.

    Photographs and figures that can no longer be read are named instead of shown.

    Raises:
        RunError: the folder cannot be written.
    """
    write_text(path, render(content))


def render(content: ReportContent) -> str:
    """The whole page as HTML."""
    shown = [(title, body) for title, make in _SECTIONS.items() if (body := make(content)) is not None]
    main = tag("main", headline.verdict(content), *(_section(title, body) for title, body in shown))
    words = "Handshape recognises static handshapes. It does not translate a sign language."
    body = tag("body", _header(content, [title for title, _ in shown]), main, tag("footer", tag("p", words)))
    return f"<!doctype html>\n{tag('html', _head(content), body, lang='en')}\n"


def _head(content: ReportContent) -> Markup:
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{content.title} · Handshape report"),
        tag("style", Markup(style)),
    )


def _header(content: ReportContent, titles: Sequence[str]) -> Markup:
    links = (tag("li", tag("a", title, href=f"#{_anchor(title)}")) for title in titles)
    return tag(
        "header",
        tag("p", "Handshape report", class_="kicker"),
        tag("h1", content.title),
        tag("p", content.when, class_="quiet"),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )


def _section(title: str, body: Markup) -> Markup:
    return tag("section", tag("h2", title), body, id=_anchor(title))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _accuracy(content: ReportContent) -> Markup:
    return join(headline.accuracies(content), headline.measures(content))


def _figures(content: ReportContent) -> Markup | None:
    """The figures that a run has drawn, one picture each whatever formats there are."""
    by_stem = {file.stem: file for file in sorted(content.figures)}
    order = sorted(by_stem, key=lambda stem: (list(FIGURES).index(stem) if stem in FIGURES else len(FIGURES), stem))
    shown = (_figure(stem, by_stem[stem]) for stem in order)
    return tag("div", *shown, class_="figures") if by_stem else None


def _figure(stem: str, file: Path) -> Markup:
    title = FIGURES.get(stem, stem.replace("_", " ").capitalize())
    picture = tag("a", figure_image(file, title), href=f"#figure-{stem}", title="Enlarge")
    return tag("figure", picture, tag("figcaption", title), id=f"figure-{stem}")


_SECTIONS: dict[str, Callable[[ReportContent], Markup | None]] = {
    "Accuracy": _accuracy,
    "What to do next": headline.advice,
    "Confusions": photographs.confusions,
    "Where it looked": photographs.looks,
    "Classes": tables.classes,
    "Where it is weak": tables.slices,
    "Hands found": tables.coverage,
    "Mirror test": tables.mirror,
    "Decisions": tables.decisions,
    "Photographs": tables.data,
    "Figures": _figures,
    "Settings": tables.settings,
}
