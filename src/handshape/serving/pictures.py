"""What may be recognised: a file, its bytes, or a picture that is already in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.errors import ImageError
from handshape.hands.inputs import load_photograph
from handshape.images import Pixels, decode, load_square, to_square

Picture = str | Path | bytes | Image.Image | NDArray[Any]  # arrays: [H, W], [H, W, 3] or [H, W, 4] uint8, RGB order


def photograph_of(picture: Picture) -> tuple[Pixels, float]:
    """Pixels to find hands in, [H, W, 3] uint8, and how much larger the picture itself is.

    Raises:
        ImageError: it cannot be read.
    """
    encoded = _encoded(picture)
    return load_photograph(encoded) if encoded is not None else (np.asarray(_in_memory(picture)), 1.0)


def square_of(picture: Picture, size: int) -> Pixels:
    """The whole picture as [size, size, 3] uint8, upright and padded.

    Raises:
        ImageError: it cannot be read.
    """
    encoded = _encoded(picture)
    return load_square(encoded, size) if encoded is not None else to_square(_in_memory(picture), size)


def _encoded(picture: Picture) -> Path | bytes | None:
    """What has to be read and decoded; None of pictures in memory."""
    if isinstance(picture, str):
        return Path(picture)
    return picture if isinstance(picture, Path | bytes) else None


def _in_memory(picture: Picture) -> Image.Image:
    """A picture in memory as upright RGB; the caller's own is left as it is."""
    if isinstance(picture, Image.Image):
        return decode(_own(picture))
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.size and _is_picture(picture.shape):
        return decode(Image.fromarray(picture))
    kind = f"{picture.dtype} array {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
    raise ImageError(
        f"A picture cannot be made of this {kind}.",
        "a path, bytes, a Pillow image, or an array [H, W, 3] of uint8 in RGB order",
        "Convert it, for example with (255 * array).astype(numpy.uint8).",
    )


def _own(picture: Image.Image) -> Image.Image:
    try:
        return picture.copy()
    except Exception as error:  # opened without being read yet, and damaged: that fails in many ways
        raise ImageError(f"The picture cannot be read: {error}.", "a whole image") from None


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
