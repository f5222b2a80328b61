"""Varied crops of hands, and what the landmark network sees of them: turned, moved, small, blurred, in other light."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from handshape.hands.boxes import Box, cut
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import Hand, LandmarkReader
from handshape.images import Pixels

SCALE, SHIFT, TURN = (0.85, 1.25), 0.05, 0.17  # of the box's side, share of it, radians
SMALL, SMALLEST, LARGEST = 0.6, 28, 150  # share of crops shown from afar; the pixels that these have
JPEG, BLUR, GREY, NOISE = 0.5, 0.5, 0.15, 0.4  # shares of crops
GAMMA, CONTRAST, BRIGHTNESS, TINT = 0.35, (0.6, 1.3), 0.08, 0.08


def features_of_views(shown: Sequence[tuple[Path, Hand]], seed: int, views: int, model: Path) -> NDArray[np.float16]:
    """Feature maps [N, views, 7, 7, 192] of varied crops of hands in photographs, as right hands."""
    rng, reader = np.random.default_rng(seed), _reader(model)
    made = []
    for file, hand in shown:
        photograph = load_photograph(file)
        box = hand.box.scaled(1 / photograph.scale)
        crops = (varied(photograph.pixels, box, reader.size, rng) for _ in range(views))
        made.append([reader.features(crop[:, ::-1] if hand.handedness == "Left" else crop) for crop in crops])
    return np.array(made, np.float16)


@functools.cache
def _reader(model: Path) -> LandmarkReader:
    return LandmarkReader(model)


def varied(photograph: Pixels, box: Box, size: int, rng: np.random.Generator) -> Pixels:
    """A crop [size, size, 3] of about a box, as another camera might show it."""
    side = box.width * rng.uniform(*SCALE)
    across, down = rng.normal(0, SHIFT, 2) * box.width
    near = Box(box.x + across, box.y + down, side, side, box.angle + rng.normal(0, TURN))
    return in_other_light(from_afar(Image.fromarray(cut(photograph, near, size)), rng), rng)


def from_afar(crop: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The crop with fewer pixels, or blurred, or as it is."""
    size = crop.size
    if rng.random() < SMALL:
        pixels = round(math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST))))
        resampling = Image.Resampling.BOX if rng.random() < 0.5 else Image.Resampling.BILINEAR
        small = crop.resize((pixels, pixels), resampling)
        if rng.random() < JPEG:
            stream = io.BytesIO()
            small.save(stream, "JPEG", quality=int(rng.integers(40, 90)))
            small = Image.open(stream).convert("RGB")
        return small.resize(size, Image.Resampling.BILINEAR)
    return crop.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4))) if rng.random() < BLUR else crop


def in_other_light(crop: Image.Image, rng: np.random.Generator) -> Pixels:
    """Darker or brighter, of other contrast and tint, some grey, some with a sensor's noise."""
    light = np.clip(np.asarray(crop, np.float32) / 255, 1e-4, 1) ** math.exp(rng.normal(0, GAMMA))
    light = (light - 0.5) * rng.uniform(*CONTRAST) + 0.5 + rng.normal(0, BRIGHTNESS)
    light = light * np.exp(rng.normal(0, TINT, 3))
    if rng.random() < GREY:
        light = np.repeat(light.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < NOISE:
        light = light + rng.normal(0, rng.uniform(0.005, 0.06), light.shape)
    return (np.clip(light, 0, 1) * 255).astype(np.uint8)
