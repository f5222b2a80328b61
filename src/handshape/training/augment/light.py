"""Other rooms and cameras: exposure, colour of the light, noise, and hands so far away that few pixels show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAMMA = 0.6  # exponents from exp(-.6) to exp(.6)
GAIN = (0.6, 1.25)
CAST = 0.15  # of each colour, to either side
GREY_SHARE = 0.15
FAR_SHARE = 0.4  # of the images are shown as from far away
FAR = (0.16, 0.7)  # of the side, in pixels that are left of it
NOISE = 8.0  # of 255, at most, one standard deviation
NOISES = 8  # patterns drawn for a call; each image takes one, shifted


def augment_light(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The images [N, S, S, 3] as other cameras in other rooms would show them."""
    size = images.shape[1]
    grain = rng.standard_normal((NOISES, size, size, 3), np.float32)
    return np.stack([_augmented(image, grain, rng) for image in images]) if len(images) else images


def _augmented(image: NDArray[np.uint8], grain: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    if rng.random() < FAR_SHARE:
        image = _from_far(image, rng)
    exposed = (np.arange(256) / 255) ** np.exp(rng.uniform(-GAMMA, GAMMA)) * 255 * rng.uniform(*GAIN)
    table = exposed[:, None] * rng.uniform(1 - CAST, 1 + CAST, 3)
    lit = table.astype(np.float32)[image, np.arange(3)]
    if rng.random() < GREY_SHARE:
        lit = np.repeat(lit.mean(axis=2, keepdims=True), 3, axis=2)
    noise = np.roll(grain[rng.integers(NOISES)], rng.integers(image.shape[0]), axis=0)
    return (lit + noise * np.float32(rng.uniform(0, NOISE))).clip(0, 255).astype(np.uint8)


def _from_far(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    size = image.shape[0]
    small = max(1, round(size * rng.uniform(*FAR)))
    how = Image.Resampling.BOX if rng.random() < 0.5 else Image.Resampling.BILINEAR
    shrunk = Image.fromarray(image).resize((small, small), how)
    return np.asarray(shrunk.resize((size, size), Image.Resampling.BILINEAR))
