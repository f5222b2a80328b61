"""Which letters this machine can draw: class names come in every script."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

BROUGHT = "DejaVu Sans"  # comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more
FALLBACKS = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
)


def font(size: float | None = None) -> FontProperties:
    """The font of all figures, with what this machine has for scripts that it lacks."""
    installed = {entry.name for entry in fontManager.ttflist}
    return FontProperties(family=[BROUGHT, *(name for name in FALLBACKS if name in installed)], size=size)


def set_font(figure: Figure) -> None:
    """Give every text of the figure that font, whatever the user's matplotlib is set to."""
    families = font().get_family()
    for text in figure.findobj(Text):
        text.set_fontfamily(families)  # type: ignore[attr-defined]


def unwritable(texts: Iterable[str]) -> str:
    """The letters among ``texts`` that no font of the figures has; they would become boxes."""
    known: set[int] = set()
    for family in font().get_family():
        known.update(get_font(findfont(FontProperties(family=family))).get_charmap())
    letters = {letter for text in texts for letter in text if not letter.isspace()}
    return "".join(sorted(letter for letter in letters if ord(letter) not in known))
