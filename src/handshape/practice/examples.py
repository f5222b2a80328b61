"""Drawn right hands to look at and to practise on, one picture at a time."""

from __future__ import annotations

import functools
from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image

from handshape.practice.handshapes import POSES
from handshape.practice.people import draw_signer
from handshape.practice.scene import photograph

EXAMPLES = 3  # pictures of a handshape, each of another drawn person
SIDE = 320  # pixels
QUALITY = 85  # of the JPEG
TONES = (0.3, 0.75, 0.05)  # of their skins, from 0, the lightest, to 1, the darkest


def can_draw(label: str) -> bool:
    """Whether there is a handshape of this name."""
    return label in POSES


@functools.lru_cache(maxsize=len(POSES) * EXAMPLES)
def example(label: str, number: int) -> bytes:
    """A right hand in a handshape, as a JPEG of 320 x 320 pixels; the same one whenever it is asked for.

    Args:
        label: of a handshape that can be drawn.
        number: 0 to ``EXAMPLES`` - 1.
    """
    person = replace(draw_signer(np.random.default_rng([2, number]), TONES[number]), left_share=0.0)
    rng = np.random.default_rng([3, *label.encode(), number])
    file = BytesIO()
    Image.fromarray(photograph(label, person, rng, SIDE)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
