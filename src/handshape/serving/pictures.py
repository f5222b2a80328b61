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

LEAST_BRIGHT = 16.0  # of 255: a photograph whose brightest pixel is darker shows nothing

# arrays: [H, W], or [H, W, C] with C of 1, 3 or 4, RGB order; uint8, or floating point from 0 to 1 or from 0 to 255
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
    if isinstance(picture, np.ndarray) and picture.size and _is_picture(picture.shape):
        values = picture[..., 0] if picture.shape[2:] == (1,) else picture
        if values.dtype.kind == "f":
            values = _in_eight_bits(values)
        if values.dtype == np.uint8:
            return decode(Image.fromarray(values))
    kind, fix = _described(picture)
    raise ImageError(
        f"A picture cannot be made of this {kind}.",
        "a path, bytes, a Pillow image, or an array [H, W, 3] in RGB order: uint8, or floating point from 0 to 1",
        fix,
    )


def _in_eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Floating point values as uint8. They run to 1, as most libraries have them, or to 255, as Keras' do.

    Raises:
        ImageError: some are negative, over 255 or no numbers, or the largest could be of either range.
    """
    low, high = float(values.min()), float(values.max())
    if low >= 0 and (high <= 1 or LEAST_BRIGHT <= high <= 255):
        return np.rint(values * (255 if high <= 1 else 1)).astype(np.uint8)
    raise ImageError(
        f"A picture cannot be made of a {values.dtype} array with values from {low:g} to {high:g}.",
        f"values from 0 to 1, or from 0 to 255 with one of at least {LEAST_BRIGHT:g}",
        "Undo what scaled it, or clip it: numpy.clip(array, 0, 1).",
    )


def _described(picture: Any) -> tuple[str, str]:
    """What was given instead of a picture, and how it becomes one."""
    if isinstance(picture, np.ndarray):
        return f"{picture.dtype} array {picture.shape}", _array_fix(picture)
    if isinstance(picture, Image.Image):
        return f"image of {picture.width} x {picture.height} pixels", ""
    kind = type(picture).__name__
    if hasattr(picture, "read"):
        return kind, "Give what is in it: picture.read()."
    return kind, "Make it an array: numpy.asarray(picture)." if hasattr(picture, "__array__") else ""


def _array_fix(array: NDArray[Any]) -> str:
    if array.size and _is_picture(array.shape):
        return "Bring its values to 0 to 255, then: array.astype(numpy.uint8)."
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return "Put the channels last: array.transpose(1, 2, 0)."
    return "Give them one by one: recognizer.recognize_all(array)." if array.ndim == 4 else ""


def _own(picture: Image.Image) -> Image.Image:
    try:
        return picture.copy()
    except Exception as error:  # opened without being read yet, and damaged: that fails in many ways
        cause = "its file is closed" if isinstance(error, AssertionError) else why(error)
        raise ImageError(
            f"The picture cannot be read: {cause}.", "a whole image", "Load it while its file is open: image.load()."
        ) from None


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
