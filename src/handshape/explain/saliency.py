"""Where a classifier looked: class activation maps, and how they lie over the photograph.

Source: Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016.
With global average pooling and one dense layer behind the last feature map, the map needs no gradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.hands.boxes import Box
from handshape.hands.crops import crop_box, points_in_crops
from handshape.hands.landmarks import Hand
from handshape.hands.mask import hand_mask
from handshape.images import Pixels
from handshape.model.streams import HAND_UNITS

Floats = NDArray[np.floating[Any]]
Heat = NDArray[np.float32]  # [h, w], 0 to 1

# MobileNetV2's strided convolutions pad below and on the right alone, so a cell of its last map sees what lies further
# there: 7 of its 32 pixels, measured by gradients on photographs.
CELL_OFFSET = 0.22
SMOOTH_SIDE = 256  # pixels of the heat map before it is laid over a photograph
HAND_EDGE = 6.0  # of them, over which the heat of a hand fades out beside it
EVERYWHERE = 40  # per cent of a hand that are shown as if nothing spoke there
TINY = 1e-6
FAINT = 0.5  # of the strongest heat: a hand with less was not what spoke; of 85 photographs all had .89 or more
STRONGEST = 0.68  # opacity of full heat: the fingers stay visible below it
DULLNESS = 0.55  # by how much the photograph loses its own colours, which would be read as heat

DARKEST, LIGHTEST = 0.28, 0.93  # OKLab lightness of the colours' ends
HUES = (290.0, 460.0)  # degrees, violet over red to yellow-green
VIVIDNESS = 0.155  # OKLab chroma in the middle of the scale; more leaves sRGB


def where_it_looked(features: Floats, weights: Floats, number: int, hand: Hand | None) -> Heat | None:
    """What speaks for one class, [h, w] float32, 0 to 1, as it lies in the photograph; None where nothing does.

    Of a hand, in the square that :func:`~handshape.hands.crops.crop_box` gives, only what lies on it, the strongest
    place being 1: a map of a few cells is so coarse that it spills over the hand's edge, and shows nothing of what lies
    around. Of a whole photograph, all of it; the hand stream sees nothing there.

    Each class's weights are taken less what all classes have in common: a softmax does not see that part, but left in
    it hides the hand. On photographs the heat then lay beside it, where taking pixels away changes nothing.

    Args:
        features: [h, w, F], the last feature map, of the hand stream or of the pixel stream.
        weights: [F, C], the dense layer's weights.
        number: of the class.
        hand: whose upright crop it was, that of a left hand in a mirror; None for a whole photograph.
    """
    of_hand_stream = features.shape[2] == HAND_UNITS[-1]  # it shows what the landmark network saw
    heat = class_activation(features, weights[:, number] - weights.mean(axis=1))
    if hand is None:
        return heat if heat.any() and not of_hand_stream else None
    smooth = enlarge(heat, SMOOTH_SIDE)  # before it is mirrored: cells see more to their right
    if hand.handedness == "Left":
        smooth = smooth[:, ::-1]
    if of_hand_stream:
        smooth = _moved(smooth, hand.box, crop_box(hand))
    points = points_in_crops(hand.landmarks[None], SMOOTH_SIDE)[0]
    mask = hand_mask(points, SMOOTH_SIDE, HAND_EDGE) / np.float32(255)
    if of_hand_stream:  # each of its cells sees the whole hand, so what counts is where it is more than elsewhere
        least = float(np.percentile(smooth[mask > 0.5], EVERYWHERE)) if (mask > 0.5).any() else 0.0
        smooth = np.clip(smooth - least, 0, None) / max(float(smooth.max()) - least, TINY)
    on_hand = smooth * mask
    strongest = float(on_hand.max())
    return np.asarray(on_hand / strongest, np.float32) if strongest >= FAINT else None


def class_activation(features: Floats, weights: Floats) -> Heat:
    """How much each place speaks for a class, [h, w] float32, 1 at the strongest; all 0 where nothing does.

    Args:
        features: [h, w, C], the last feature map of one image.
        weights: [C], the dense layer's weights of the class.

    Raises:
        ValueError: shapes that do not fit.
    """
    if features.ndim != 3 or weights.shape != features.shape[2:]:
        raise ValueError(f"Need features [h, w, C] and weights [C]; got {features.shape} and {weights.shape}.")
    evidence = np.maximum(features.astype(np.float32) @ weights.astype(np.float32), 0)
    return np.asarray(evidence / max(evidence.max(), np.finfo(np.float32).tiny), np.float32)


def enlarge(heat: Heat, side: int) -> Heat:
    """The heat [h, w] of each cell over the network's input square, smooth, [side, side] float32, 0 to 1.

    Cubic B-splines: a map of 4 x 4 cells knows no edges, so none may appear. The strongest place stays as strong.
    """
    height, width = heat.shape
    smooth = _spline(height, side) @ np.asarray(heat, np.float32) @ _spline(width, side).T
    strongest = float(smooth.max())
    return np.asarray(smooth * (heat.max() / strongest) if strongest > 0 else smooth, np.float32)


def _moved(heat: Heat, seen: Box, shown: Box) -> Heat:
    """The heat [S, S] of one turned square, as it lies in another one of the same photograph; 0 beside it."""
    side = heat.shape[0]
    scale, turn = shown.width / seen.width, shown.angle - seen.angle
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    across, down = shown.x - seen.x, shown.y - seen.y
    back, half = (math.cos(seen.angle), math.sin(seen.angle)), side / 2
    x = (across * back[0] + down * back[1]) * side / seen.width + half * (1 - cos + sin)
    y = (down * back[0] - across * back[1]) * side / seen.width + half * (1 - sin - cos)
    square = Image.fromarray(np.ascontiguousarray(heat, np.float32))
    moved = square.transform(
        (side, side), Image.Transform.AFFINE, (cos, -sin, x, sin, cos, y), Image.Resampling.BILINEAR
    )
    return np.asarray(moved, np.float32)


def _spline(cells: int, side: int) -> Heat:
    """What each cell gives to each pixel of a row of them, [side, cells]; rows sum to 1."""
    places = (np.arange(side, dtype=np.float32) + 0.5) * cells / side - 0.5 - CELL_OFFSET
    distance = np.abs(places[:, None] - np.arange(cells, dtype=np.float32))
    near = 4 - 6 * distance**2 + 3 * distance**3
    weights = np.where(distance < 1, near, np.clip(2 - distance, 0, None) ** 3)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def whole_box(photograph: Pixels) -> Box:
    """The square around a whole photograph [H, W, 3]: what the network sees where no hand was cut out."""
    height, width = photograph.shape[:2]
    return Box(width / 2, height / 2, max(width, height), max(width, height), 0.0)


def onto_photograph(heat: Heat, box: Box, height: int, width: int) -> Heat:
    """The heat of a crop, where the crop lies in the photograph, [height, width] float32; 0 beside it.

    Args:
        heat: [h, w] over the crop.
        box: the turned square in the photograph, in its pixels, that the crop shows.
        height: of the photograph in pixels.
        width: of the photograph in pixels.
    """
    cos, sin = (turn * SMOOTH_SIDE / box.width for turn in (math.cos(box.angle), math.sin(box.angle)))
    half = SMOOTH_SIDE / 2
    affine = (cos, sin, half - box.x * cos - box.y * sin, -sin, cos, half + box.x * sin - box.y * cos)
    square = Image.fromarray(enlarge(heat, SMOOTH_SIDE))
    laid = square.transform((width, height), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(laid, np.float32)


def overlay(photograph: Pixels, heat: Heat) -> Pixels:
    """The photograph with heat over it: the stronger, the more opaque, and the brighter.

    Args:
        photograph: [H, W, 3] uint8.
        heat: [H, W], as :func:`onto_photograph` returns it.
    """
    strength = heat[..., None]
    grey = photograph @ np.array([0.299, 0.587, 0.114], np.float32)
    dull = photograph + (grey[..., None] - photograph) * np.float32(DULLNESS)
    opacity = STRONGEST * strength * (2 - strength)
    mixed = dull + (heat_colors()[np.rint(heat * 255).astype(np.uint8)] - dull) * opacity
    return np.rint(mixed).astype(np.uint8)


def heat_colors() -> Pixels:
    """256 colours from weak to strong, [256, 3] uint8, violet over red to yellow.

    Lightness rises in even steps of OKLab (Ottosson 2020), so the order is seen with every kind of colour blindness
    and in grey print.
    """
    share = np.linspace(0, 1, 256)
    lightness = DARKEST + (LIGHTEST - DARKEST) * share
    hue = np.radians(HUES[0] + (HUES[1] - HUES[0]) * share)
    chroma = VIVIDNESS * np.sin(np.pi * (0.12 + 0.76 * share)) ** 0.5
    return _from_oklab(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1))


def _from_oklab(colors: NDArray[np.float64]) -> Pixels:
    """OKLab [N, 3] as sRGB [N, 3] uint8; matrices from Ottosson, "A perceptual color space for image processing"."""
    to_cones = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_light = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    light = np.clip((colors @ to_cones.T) ** 3 @ to_light.T, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)
