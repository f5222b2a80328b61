"""Views of training images: before another background, in another light, turned, zoomed and shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.config import AugmentationSettings
from handshape.training.augment.affine import draw_affines, warp
from handshape.training.augment.background import augment_background
from handshape.training.augment.light import augment_light

Drawn = tuple[NDArray[np.uint8], NDArray[np.float32]]

MANY_VIEWS = 60_000  # of all images together; of more, each has fewer


def stored_views(settings: AugmentationSettings, images: int) -> int:
    """How many views of each of so many images are kept; 0 keeps none.

    Of many images each is shown but a few times, and where two views are asked for, one of them is another.
    """
    return min(settings.views, max(2, MANY_VIEWS // max(1, images)))


@dataclass(frozen=True, eq=False)
class Augmenter:
    """Images and how they may be varied.

    Attributes:
        images: [N, S, S, 3] uint8.
        points: [N, 21, 2], their landmarks in pixels; not numbers where there is no hand.
    """

    images: NDArray[np.uint8]
    points: NDArray[np.float32]
    settings: AugmentationSettings

    def __len__(self) -> int:
        return len(self.images)

    def vary(self, rows: NDArray[np.integer], rng: np.random.Generator) -> Drawn:
        """One view of each of these images, [n, S, S, 3] uint8, and by what it is still to be moved, [n, 8].

        Only hands get other backgrounds and lights.
        """
        images, points = self.images[rows], self.points[rows]
        has_hand = np.isfinite(points[:, 0, 0])
        if has_hand.any():
            if self.settings.background:
                images = augment_background(images, points, images, rng)
            if self.settings.light:
                images = np.where(has_hand[:, None, None, None], augment_light(images, rng), images)
        return images, draw_affines(rng, len(rows), images.shape[1], self.settings, has_hand)

    def draw(self, rows: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.uint8]:
        """The same, moved."""
        return warp(*self.vary(rows, rng))
