"""HTML from Python values. Text is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Sequence

GOOD, FAIR = 0.9, 0.7  # where the colours of performance change, in the figures too
EMPTY = frozenset({"img", "meta", "br"})  # elements that have no end


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup | None  # None is nothing


def tag(element: str, /, *content: Content, **attributes: str | None) -> Markup:
    """An element; ``class_`` is the attribute class, an attribute that is None is left out."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{element}{words}>" if element in EMPTY else f"<{element}{words}>{join(*content)}</{element}>")


def join(*content: Content) -> Markup:
    """Pieces one after the other, text escaped."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(part) for part in content if part is not None)
    )


def label(name: str) -> Markup:
    """The name of a class, set apart from the words around it whatever script it is written in."""
    return tag("bdi", name, class_="label")


def table(caption: str, heads: Sequence[Content], rows: Sequence[Sequence[Content]], class_: str = "") -> Markup:
    """A table whose first column names its rows."""
    head = tag("tr", *(tag("th", words, scope="col") if words else tag("td") for words in heads))
    body = (tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows)
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=class_ or None)
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def percent(share: float) -> str:
    """A share in words: 0.975 is 97.5 %; only exactly all and nothing lose their decimal."""
    rounded = min(max(round(100 * share, 1), 0.1), 99.9) if 0 < share < 1 else 100 * share
    return f"{rounded:.{0 if share in (0, 1) else 1}f}\N{NO-BREAK SPACE}%"


def count(number: int, noun: str) -> str:
    """A number and what it counts: 1 image, 1,200 images."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def bar(share: float) -> Markup:
    """A share from 0 to 1 as a bar, coloured as good, fair or poor; the number stands beside it."""
    return length(share, "good" if share >= GOOD else "fair" if share >= FAIR else "poor")


def length(share: float, class_: str = "plain") -> Markup:
    """A bar from 0 to 1; the number stands beside it, so it says nothing to screen readers."""
    filled = tag("span", style=f"width:{100 * min(max(share, 0), 1):.1f}%", class_=class_)
    return tag("span", filled, class_="bar", aria_hidden="true")
