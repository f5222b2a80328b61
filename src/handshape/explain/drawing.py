"""One photograph explained: the hand's landmarks, where the classifier looked, and what it decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from handshape.explain.saliency import Heat, onto_photograph, overlay, whole_box
from handshape.hands.boxes import Box
from handshape.hands.crops import crop_box
from handshape.hands.landmarks import Hand
from handshape.images import Pixels

MIN_SIDE, MAX_SIDE = 480, 1200  # pixels of a panel's longer side: enough for crisp lines, and for any screen
SUPERSAMPLING = 3  # Pillow draws lines without antialiasing
GAP = 12  # pixels between and around the panels
SHOWN = 4  # runners-up

INK, QUIET, PAPER, TRACK, BLUE = "#1b1d21", "#5b6068", "#ffffff", "#e6e8ec", "#0b62a8"
HALO = (0, 0, 0, 150)
PALM = ("#ffffff", (0, 1), (0, 5, 9, 13, 17, 0))
FINGERS = (  # colours from Okabe and Ito, told apart with every kind of colour blindness
    ("#e69f00", (1, 2, 3, 4)),
    ("#56b4e9", (5, 6, 7, 8)),
    ("#00b084", (9, 10, 11, 12)),
    ("#f0e442", (13, 14, 15, 16)),
    ("#e58bbd", (17, 18, 19, 20)),
)
BUILT_IN = "built in"  # Pillow's own font, the same everywhere, has ASCII alone
FONTS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arialuni.ttf", "Arial.ttf", "arial.ttf")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Panel = tuple[Pixels, str]  # a picture and its title


@dataclass(frozen=True)
class Caption:
    """What stands below an explained photograph.

    Attributes:
        decision: a label, ``unknown`` or ``no hand``.
        confidence: of the most probable class, 0 to 1.
        top: the most probable classes with their probabilities, best first.
    """

    decision: str
    confidence: float
    top: tuple[tuple[str, float], ...] = ()


def draw_explanation(photograph: Pixels, hand: Hand | None, heat: Heat | None, caption: Caption) -> Pixels:
    """The hand that was found, beside it where the classifier looked, below both what it decided; [H', W', 3] uint8.

    Args:
        photograph: [H, W, 3] uint8, of any size.
        hand: in the photograph's pixels, what the classifier saw a crop of; None where it saw the whole photograph.
        heat: [h, w], from :func:`~handshape.explain.saliency.where_it_looked`; None leaves its panel out.
        caption: what was decided.
    """
    view = _comfortable(photograph)
    hand = hand.scaled(max(view.shape[:2]) / max(photograph.shape[:2])) if hand else None
    panels: list[_Panel] = []
    if hand is not None:
        panels.append((draw_landmarks(view, hand), f"the hand found ({hand.handedness.lower()})"))
    if heat is not None:
        seen = crop_box(hand) if hand else None
        what = "what on the hand spoke for" if hand else "what spoke for"
        panels.append((draw_heat(view, heat, seen), f"{what} {_top_label(caption)}"))
    return _page(panels or [(view, "no hand was found")], caption)


def draw_landmarks(photograph: Pixels, hand: Hand) -> Pixels:
    """The photograph [H, W, 3] uint8 with a hand's 21 landmarks and its bones, a colour a finger."""
    points = hand.landmarks[:, :2]
    size = float(np.ptp(points, axis=0).max())
    width = float(np.clip(size / 45, 1.5, max(photograph.shape) / 150))
    drawing = _Layer(photograph)
    for color, *chains in (PALM, *FINGERS):
        for chain in chains:
            drawing.line(points[list(chain)], color, width)
    for color, chain in ((PALM[0], (0,)), *FINGERS):
        for x, y in points[list(chain)]:
            drawing.dot(x, y, color, 1.35 * width)
    return drawing.over(photograph)


def draw_heat(photograph: Pixels, heat: Heat, box: Box | None) -> Pixels:
    """The photograph [H, W, 3] uint8 under the heat [h, w] of what the classifier saw of it, a turned box or all."""
    height, width = photograph.shape[:2]
    warm = overlay(photograph, onto_photograph(heat, box or whole_box(photograph), height, width))
    if box is None:
        return warm
    drawing = _Layer(photograph)
    corners = box.to_image(np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], np.float32))
    drawing.line(corners, PAPER, max(1.5, max(height, width) / 400))
    return drawing.over(warm)


class _Layer:
    """A transparent drawing as large as an image, in its pixels, antialiased."""

    def __init__(self, image: Pixels) -> None:
        height, width = image.shape[:2]
        self._image = Image.new("RGBA", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: NDArray[Any], color: str, width: float) -> None:
        """A line through points [N, 2], with a dark rim that keeps it visible on skin."""
        path = [(float(x), float(y)) for x, y in points * SUPERSAMPLING]
        for fill, extra in ((HALO, 0.5 * width + 1), (color, 0.0)):
            self._draw.line(path, fill, max(1, round((width + extra) * SUPERSAMPLING)), joint="curve")

    def dot(self, x: float, y: float, color: str, radius: float) -> None:
        """A disc with a white rim in a dark one."""
        for fill, extra in ((HALO, 0.45 * radius), (PAPER, 0.15 * radius), (color, -0.3 * radius)):
            reach = (radius + extra) * SUPERSAMPLING
            place = (x * SUPERSAMPLING, y * SUPERSAMPLING)
            self._draw.ellipse([place[0] - reach, place[1] - reach, place[0] + reach, place[1] + reach], fill)

    def over(self, image: Pixels) -> Pixels:
        """The image [H, W, 3] below the drawing."""
        layer = self._image.reduce(SUPERSAMPLING)
        return np.asarray(Image.alpha_composite(Image.fromarray(image).convert("RGBA"), layer).convert("RGB"))


def _comfortable(photograph: Pixels) -> Pixels:
    """The photograph at a size at which lines and letters are crisp and the picture fits a screen."""
    height, width = photograph.shape[:2]
    longest = max(height, width)
    factor = min(max(longest, MIN_SIDE), MAX_SIDE) / longest
    if factor == 1:
        return photograph
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(photograph).resize(size, Image.Resampling.LANCZOS))


def _top_label(caption: Caption) -> str:
    return caption.top[0][0] if caption.top else caption.decision


def _page(panels: Sequence[_Panel], caption: Caption) -> Pixels:
    """Panels side by side, their titles below them, the caption below all."""
    height = panels[0][0].shape[0]
    wide = sum(picture.shape[1] + GAP for picture, _ in panels) + GAP
    width = max(wide, MIN_SIDE)
    unit = float(np.clip(width / 40, 14, 44))  # letter height of the titles; the rest follows from it
    below = height + 2 * GAP + 1.8 * unit
    page = Image.new("RGB", (width, round(below + 4.7 * unit)), PAPER)
    draw = ImageDraw.Draw(page)
    left = (width - wide) // 2 + GAP
    for picture, title in panels:
        page.paste(Image.fromarray(picture), (left, GAP))
        room = max(picture.shape[1], width - 2 * GAP if len(panels) == 1 else 0)
        _write(draw, (left, height + GAP + 0.4 * unit), title, unit, QUIET, room)
        left += picture.shape[1] + GAP
    _write_caption(draw, caption, below, width, unit)
    return np.asarray(page)


def _write_caption(draw: ImageDraw.ImageDraw, caption: Caption, top: float, width: int, unit: float) -> None:
    """The decision in large letters on the left, the most probable classes as bars on the right."""
    middle = width * 0.5
    _write(draw, (GAP, top), caption.decision, 2.2 * unit, INK, middle - 2 * GAP)
    _write(draw, (GAP, top + 2.7 * unit), _certainty(caption), unit, QUIET, middle - 2 * GAP)
    names, share_room = 0.3 * (width - middle), 3.4 * unit
    for row, (label, share) in enumerate(caption.top[:SHOWN]):
        y = top + row * unit
        bar = (middle + names, y + 0.25 * unit, width - GAP - share_room, y + 0.75 * unit)
        _write(draw, (middle, y), label, 0.9 * unit, INK, names - GAP)
        draw.rectangle(bar, TRACK)
        if share > 0.005:
            draw.rectangle((bar[0], bar[1], bar[0] + share * (bar[2] - bar[0]), bar[3]), BLUE)
        _write(draw, (bar[2] + 0.5 * unit, y), _percent(share), 0.9 * unit, QUIET, share_room)


def _certainty(caption: Caption) -> str:
    label = _top_label(caption)
    return f"{_percent(caption.confidence)} " + ("sure" if label == caption.decision else f"for {label}, the closest")


def _percent(share: float) -> str:
    return f"{min(100 * share, 99.9 if share < 1 else 100):.1f} %"


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: float, color: str, room: float
) -> None:
    """Text from its upper left corner; smaller where it is too long, then cut."""
    text = " ".join(text.split())
    font = _font(text, size)
    if draw.textlength(text, font) > room:
        font = _font(text, max(0.6 * size, 10))
    while len(text) > 1 and draw.textlength(text, font) > room:
        text = text.rstrip(".")[:-1] + "..."
        if len(text) <= 4:
            break
    draw.text(place, text, color, font)


def _font(text: str, size: float) -> Font:
    """A font that has the letters of the text, where this machine has one."""
    for name in (BUILT_IN,) if text.isascii() else FONTS:
        try:
            return ImageFont.load_default(size) if name == BUILT_IN else ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
