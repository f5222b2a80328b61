"""The top of the report: the verdict, the three accuracies, what to do next."""

from __future__ import annotations

from handshape.reporting.page.content import Accuracies, Level, Measured, ReportContent
from handshape.reporting.page.markup import Content, Markup, bar, count, join, percent, tag

LEVELS: dict[Level, str] = {"good": "Good", "fair": "Fair", "poor": "Poor"}


def verdict(content: ReportContent) -> Markup | None:
    """What the numbers mean, in plain words."""
    if content.verdict is None:
        return None
    level, (first, *others) = content.verdict.level, content.verdict.sentences
    return tag(
        "section",
        tag("h2", "Verdict: ", tag("span", LEVELS[level], class_="level")),
        tag("p", first, class_="lead"),
        *(tag("p", sentence) for sentence in others),
        class_=f"verdict {level}",
    )


def accuracies(content: ReportContent) -> Markup:
    """The three accuracies side by side; what was not measured says how to."""
    three = content.accuracies
    return tag(
        "div",
        _card("Random split", "People in the test photographs are in the training photographs too.", _random(three)),
        _card("New people", "Nobody in the test photographs is in the training photographs.", _signers(three)),
        _card("Other photographs", "Other people, rooms and cameras: the number to believe.", _external(three)),
        class_="cards",
    )


def measures(content: ReportContent) -> Markup | None:
    """The other numbers of the test images, in one line."""
    if content.test is None:
        return None
    test = content.test
    pairs = (
        ("Right among the first three", percent(test.top3)),
        ("Macro F1", percent(test.macro_f1)),
        ("Calibration error", percent(test.ece)),
        ("Test images", f"{test.n:,}"),
    )
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")


def advice(content: ReportContent) -> Markup | None:
    """What to photograph next."""
    if not content.advice:
        return None
    return tag("ol", *(tag("li", sentence) for sentence in content.advice), class_="advice")


def _card(name: str, meaning: str, *body: Content) -> Markup:
    return tag("section", tag("h3", name), *body, tag("p", meaning, class_="quiet"))


def _random(three: Accuracies) -> Markup:
    return _number(three.random) if three.random else _not_measured(three.random_command)


def _signers(three: Accuracies) -> Markup:
    return _number(three.signers) if three.signers else _not_measured(three.signers_command)


def _external(three: Accuracies) -> Markup:
    if not three.external:
        return _not_measured(three.external_command)
    if len(three.external) == 1:
        [(name, measured)] = three.external.items()
        return join(_number(measured), tag("p", name, class_="source"))
    rows = (
        tag("li", tag("span", name), tag("strong", percent(measured.share)), bar(measured.share), _of(measured))
        for name, measured in three.external.items()
    )
    return tag("ul", *rows, class_="several")


def _number(measured: Measured) -> Markup:
    return join(tag("p", percent(measured.share), class_="number"), bar(measured.share), _of(measured))


def _of(measured: Measured) -> Markup:
    return tag("span", f"right of {count(measured.n, 'photograph')}", class_="quiet")


def _not_measured(command: str) -> Markup:
    """What to type instead; no word of it is broken at its hyphens."""
    words = (join(tag("span", word), " ") for word in command.split())
    return join(tag("p", "not measured", class_="number none"), tag("p", "To measure it: ", tag("code", *words)))
