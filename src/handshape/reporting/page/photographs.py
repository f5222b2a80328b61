"""The sections that show photographs: confusions, where the model looked, labels in doubt."""

from __future__ import annotations

from collections.abc import Sequence

from handshape.reporting.page.content import Pair, ReportContent, Shot, SuspectedLabel
from handshape.reporting.page.markup import Content, Markup, join, label, percent, tag
from handshape.reporting.page.pictures import heat_thumbnail, thumbnail

MAX_PAIRS, MAX_EXAMPLES, MAX_LABEL_ISSUES = 12, 36, 18  # what fits into the page's size


def confusions(content: ReportContent) -> Markup | None:
    """The photographs most confidently wrong, each beside a typical one of what it was taken for."""
    if not content.pairs:
        return None
    return join(
        tag("p", "The photographs that were most surely wrong, and what they were taken for. ", _heat_words(content)),
        tag("div", *map(_pair, content.pairs[:MAX_PAIRS]), class_="pairs"),
    )


def looks(content: ReportContent) -> Markup | None:
    """Heat maps of photographs that were answered right."""
    if not content.looks:
        return None
    words = (
        "Photographs answered right, and the places that spoke for the answer: bright most, violet little. "
        "Heat on the fingers is what you want; heat on a face, a sleeve or a wall means that the model learned the "
        "scene, and will fail in another."
    )
    shots = (
        tag("figure", heat_thumbnail(shot) or thumbnail(shot.file, _alt(shot)), tag("figcaption", label(shot.label)))
        for shot in content.looks[:MAX_EXAMPLES]
    )
    return join(tag("p", words), tag("div", *shots, class_="gallery"))


def label_issues(found: Sequence[SuspectedLabel]) -> Markup:
    """Photographs whose label is in doubt, with a suggestion."""
    shown = (
        tag(
            "figure",
            thumbnail(issue.file, f"{issue.file.name}, labelled {issue.label}"),
            tag(
                "figcaption",
                tag("span", "in ", label(issue.label), ", looks like ", label(issue.suggestion)),
                _quiet(f"{percent(issue.confidence)} sure"),
                _file(issue.file.name),
            ),
        )
        for issue in found[:MAX_LABEL_ISSUES]
    )
    more = len(found) - MAX_LABEL_ISSUES
    return join(
        tag("div", *shown, class_="gallery wide"),
        _quiet(f"and {more:,} more: handshape check lists them all.") if more > 0 else None,
    )


def _heat_words(content: ReportContent) -> str:
    has_heat = any(pair.wrong.heat is not None for pair in content.pairs)
    return "The heat shows where the model looked: bright most, violet little." if has_heat else ""


def _pair(pair: Pair) -> Markup:
    wrong, typical = pair.wrong, pair.typical
    return tag(
        "article",
        tag("h3", label(wrong.label), " taken for ", label(wrong.answer)),
        tag(
            "div",
            _shot(wrong, "is ", label(wrong.label), _quiet(f"{percent(wrong.confidence)} sure it is {wrong.answer}")),
            _shot(typical, "a typical ", label(typical.label)) if typical is not None else None,
            class_="sides",
        ),
    )


def _shot(shot: Shot, *words: Content) -> Markup:
    return tag(
        "figure",
        thumbnail(shot.file, _alt(shot)),
        heat_thumbnail(shot),
        tag("figcaption", tag("span", *(part for part in words[:2])), *words[2:], _file(shot.file.name)),
    )


def _alt(shot: Shot) -> str:
    return f"{shot.file.name}: the sign {shot.label}, answered {shot.answer} with {percent(shot.confidence)}"


def _file(name: str) -> Markup:
    return tag("span", name, class_="file")


def _quiet(words: str) -> Markup:
    return tag("span", words, class_="quiet")
