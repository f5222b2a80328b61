"""Other rooms behind the hand: its landmarks say where it is, and what lies around it is replaced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from handshape.hands.mask import hand_mask

SHARE = 0.7  # of the images get another background
MAX_PATCHES = 7  # of colour, along a side

Pixels = NDArray[np.uint8]


def augment_background(images: Pixels, points: NDArray[np.float32], others: Pixels, rng: np.random.Generator) -> Pixels:
    """Crops of hands before other backgrounds: a plain one, patches of colour, or another photograph, soft or sharp.

    Args:
        images: [N, S, S, 3] uint8.
        points: [N, 21, 2], the landmarks in pixels of the crop; not numbers where there is no hand, whose image stays.
        others: [M, S, S, 3] uint8, photographs to take backgrounds from.
        rng: decides which, and what for.
    """
    changed = images.copy()
    for row in np.flatnonzero((rng.random(len(images)) < SHARE) & np.isfinite(points[:, 0, 0])):
        mask = hand_mask(points[row], images.shape[1])[..., None] / np.float32(255)
        behind = _background(others[rng.integers(len(others))], rng)
        changed[row] = images[row] * mask + behind * (1 - mask)
    return changed


def _background(other: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    size = other.shape[0]
    kind = rng.integers(4)
    if kind == 0:
        return np.broadcast_to(rng.uniform(0, 255, 3).astype(np.float32), (size, size, 3))
    if kind == 1:
        patches = rng.integers(0, 256, (*rng.integers(2, MAX_PATCHES, 2), 3)).astype(np.uint8)
        image = Image.fromarray(patches).resize((size, size), Image.Resampling.BICUBIC)
    else:
        image = Image.fromarray(np.ascontiguousarray(np.rot90(other, int(rng.integers(4)))))
        image = image.filter(ImageFilter.GaussianBlur(8)) if kind == 2 else _corner(image, rng)
    return np.asarray(image, np.float32)


def _corner(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A half of the image's side, enlarged: seldom the hand in its middle."""
    size = image.width
    left, top = (int(place) for place in rng.integers(0, size // 2 + 1, 2))
    return image.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + size // 2, top + size // 2))
