"""What may be recognised: a file, its bytes, or a picture that is already in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.errors import ImageError
from handshape.files import why
from handshape.hands.inputs import Photograph, load_photograph
from handshape.images import decode

# arrays: [H, W], [H, W, 3] or [H, W, 4] uint8, RGB order
Picture = str | Path | bytes | bytearray | memoryview | Image.Image | NDArray[Any]


def photograph_of(picture: Picture, side: int) -> Photograph:
    """A picture in memory; of a large file, a whole number of times smaller where both sides keep ``side`` pixels.

    Raises:
        ImageError: it cannot be read.
    """
    encoded = _encoded(picture)
    if encoded is not None:
        return load_photograph(encoded, side)
    return Photograph(np.asarray(_in_memory(picture)))


def _encoded(picture: Picture) -> Path | bytes | None:
    """What has to be read and decoded; None of pictures in memory."""
    if isinstance(picture, str):
        return Path(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    return picture if isinstance(picture, Path) else None


def _in_memory(picture: Picture) -> Image.Image:
    """A picture in memory as upright RGB; the caller's own is left as it is."""
    if isinstance(picture, Image.Image) and all(picture.size):
        return decode(_own(picture))
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.size and _is_picture(picture.shape):
        return decode(Image.fromarray(picture))
    kind, fix = _described(picture)
    raise ImageError(
        f"A picture cannot be made of this {kind}.",
        "a path, bytes, a Pillow image, or an array [H, W, 3] of uint8 in RGB order",
        fix,
    )


def _described(picture: Any) -> tuple[str, str]:
    """What was given instead of a picture, and how it becomes one."""
    if isinstance(picture, np.ndarray):
        is_float = picture.dtype.kind == "f"
        fix = "Convert it, for example with (255 * array).astype(numpy.uint8)." if is_float else ""
        return f"{picture.dtype} array {picture.shape}", fix
    if isinstance(picture, Image.Image):
        return f"image of {picture.width} x {picture.height} pixels", ""
    return type(picture).__name__, "Give what is in it: picture.read()." if hasattr(picture, "read") else ""


def _own(picture: Image.Image) -> Image.Image:
    try:
        return picture.copy()
    except Exception as error:  # opened without being read yet, and damaged: that fails in many ways
        cause = "its file is closed" if isinstance(error, AssertionError) else why(error)
        raise ImageError(
            f"The picture cannot be read: {cause}.", "a whole image", "Load it while its file is open: image.load()."
        ) from None


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
