"""The one pixel path: bytes → checked RGB → square uint8. Whatever reads an image reads it here."""

from __future__ import annotations

import functools
import io
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from handshape.errors import ImageError
from handshape.files import read_regular, why

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif", ".heics", ".heifs"),
}
EXTENSIONS = frozenset(extension for extensions in FORMATS.values() for extension in extensions)
MAX_PIXELS = 120_000_000  # a 108-megapixel phone passes; decoded to RGB this is 360 MB
MAX_BYTES = 1_000_000_000  # as many pixels of 16 bits, uncompressed, with transparency, take 960 MB
MANY_PIXELS = 8_000_000  # an image of more is made smaller before its pixels, 4 bytes each, are copied again and again
REDUCIBLE = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr")  # modes whose pixels can be averaged
WHITE = (1 << 16) - 1  # the largest value of 16 bits
NARROW = 1 / 4  # of the range of 16 bits: what depth cameras and sensors of 10 to 14 bits use of it
MIN_VALUES = 16  # masks and empty frames have fewer
OUTLIERS = 0.5  # per cent at either end
GREY = 127  # behind transparent pixels and beside images that are not square
UNNAMED = "The image"  # the subject of messages about bytes that have no path

Pixels = npt.NDArray[np.uint8]

_EXPECTED = f"a whole image: {', '.join(FORMATS)}"
_STRETCHED = "handshape stretched from"  # in what Pillow knows of an image
_SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"BM", b"RIFF", b"GIF8", b"II*\0", b"MM\0*")
_FOREIGN = {  # what else people find under the name of an image, by the bytes it starts with
    b"%PDF": "a PDF document",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000 image",
    b"\x00\x00\x00\x0cJXL": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"II*\x00\x10\x00\x00\x00CR": "a raw photograph",
    b"FUJIFILMCCD-RAW": "a raw photograph",
    b"P5\n": "a Netpbm picture",
    b"P6\n": "a Netpbm picture",
    b"8BPS": "a Photoshop document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x1aE\xdf\xa3": "a video",
    b"version https://git-lfs": "a Git LFS pointer ('git lfs pull' fetches the image)",
}
_BRANDS = {  # of files that say "ftyp"; what RIFF holds
    b"crx ": "a raw photograph",
    b"AVI ": "a video",
    b"WAVE": "a sound",
    **dict.fromkeys((b"isom", b"mp41", b"mp42", b"avc1", b"qt  ", b"3gp4", b"3gp5", b"M4V ", b"M4VH"), "a video"),
}
_READABLE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read_image(source: Path | bytes) -> Image.Image:
    """The image as upright RGB, fully decoded.

    The EXIF orientation is applied, transparency is laid over neutral grey, 16-bit grey is scaled to 8 bits, or
    stretched where it uses a small part of its range, and of an animation the first frame is taken. The same bytes
    always give the same pixels.

    Args:
        source: a file, or its bytes.

    Raises:
        ImageError: missing, empty, cut short, damaged, not an image, over ``MAX_PIXELS``, or 32-bit and floating
            point pixels, whose range nobody knows.
    """
    return decode(open_image(source), name_of(source))


def to_square(image: Image.Image, size: int) -> Pixels:
    """An RGB image as ``[size, size, 3]`` uint8: aspect kept, centred on neutral grey, antialiased bilinear."""
    return _padded(image, _fitted(image.size, size))


def as_network_input(image: Pixels, into: npt.NDArray[np.float32]) -> None:
    """Writes an image [H, W, 3] as a batch of one, [1, H, W, 3] float32, 0 to 1, where a network reads it."""
    np.multiply(image[None], np.float32(1 / 255), out=into, dtype=np.float32)


def open_image(source: Path | bytes, name: str = "") -> Image.Image:
    """The image with its header read and judged, its pixels not yet decoded; ``format`` is a key of ``FORMATS``.

    Args:
        source: a file, or its bytes.
        name: the subject of messages; that of the file where it is empty.

    Raises:
        ImageError: missing, unreadable, empty, not an image, or over ``MAX_PIXELS``.
    """
    _prepare_pillow()
    data = source if isinstance(source, bytes) else read_bytes(source)
    name = name or name_of(source)
    if not data:
        raise ImageError(f"{name} is empty (0 bytes).", _EXPECTED, "Copy it from its source again, or remove it.")
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
    except Image.DecompressionBombError:
        raise _too_large(name, "more than 178 million") from None
    except Exception:  # broken headers fail in as many ways as there are formats
        raise _not_an_image(name, data) from None
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width} x {image.height}")
    if image.format == "MPO":  # a JPEG with a second picture behind it, as many phones write it
        image.format = "JPEG"
    return image


def decode(image: Image.Image, name: str = UNNAMED, least: tuple[int, int] | None = None) -> Image.Image:
    """What :func:`open_image` returned, as upright RGB.

    Args:
        image: the image; a large one is best given whole, before anything was decoded.
        name: the subject of messages.
        least: width and height, as stored, that are enough: a JPEG, and any image of more than ``MANY_PIXELS``, comes
            out a whole number of times smaller where it can.

    Raises:
        ImageError: cut short, damaged, or pixels of an unknown range; ``name`` is the subject of the message.
    """
    try:
        if least:
            image.draft(None, least)  # does nothing but for JPEG
        image.load()
        factor = _times_too_large(image.size, least) if least else 1
        return _to_rgb(_reduced(_in_eight_bits(_upright(image)), factor))
    except _UnknownRangeError:
        raise ImageError(
            f"{name} stores its pixels as {'floating point' if image.mode == 'F' else '32-bit'} numbers.",
            "8 bits a channel, or 16-bit grey",
            "Save it again as an 8-bit PNG or JPEG.",
        ) from None
    except MemoryError:
        raise ImageError(
            f"{name} needs more memory than this machine has free.", fix="Make it smaller, or close other programs."
        ) from None
    except Exception as error:  # damaged pixels, too, fail in as many ways as there are formats
        cause = str(error).split("(")[0].strip() or type(error).__name__
        raise _damaged(name, cause) from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ImageError: missing, no regular file, of more than ``MAX_BYTES``, or not readable.
    """
    try:
        return read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: no file of any system is called so
        raise ImageError(
            f"{path} cannot be opened: {why(error)}.", "a file that you may read", "Check the path and its permissions."
        ) from None


def has_several_frames(image: Image.Image) -> bool:
    """Whether what :func:`open_image` returned is an animation, or has pages."""
    if image.format in ("JPEG", "HEIF"):  # phones keep a preview or a depth map behind the picture
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame may be damaged in any way; the first is what counts
        return False


def stretched_from(image: Image.Image) -> int:
    """How many of 256 grey levels the 16 bits of what :func:`decode` returned would have used; 0 if not stretched."""
    return int(image.info.get(_STRETCHED, 0))


@functools.cache
def _prepare_pillow() -> None:
    """It learns HEIF, and is silent: its remarks on single files would break up the progress bars.

    What matters in them is an ImageError.
    """
    import pi_heif  # takes 70 ms, and light verbs read no image

    pi_heif.register_heif_opener(thumbnails=False)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def name_of(source: Path | bytes) -> str:
    """The subject of a message about it."""
    return UNNAMED if isinstance(source, bytes) else str(source)


def _too_large(name: str, pixels: str) -> ImageError:
    limit = MAX_PIXELS // 1_000_000
    return ImageError(
        f"{name} is too large: {pixels} pixels, and {limit} million are the most.",
        f"at most {limit} megapixels",
        "Make it smaller, or remove it.",
    )


def _not_an_image(name: str, data: bytes) -> ImageError:
    start = data[:64].lstrip().lower()
    brand = data[8:12] if data[4:8] == b"ftyp" or data.startswith(b"RIFF") else b""
    kind = next((words for begin, words in _FOREIGN.items() if start.startswith(begin.lower())), _BRANDS.get(brand))
    if kind:
        return ImageError(f"{name} is {kind}.", _EXPECTED, "Convert it to JPEG or PNG, or remove it.")
    if data.startswith(_SIGNATURES) or brand in _READABLE_BRANDS:
        return _damaged(name, "its header cannot be read")
    return ImageError(f"{name} is not an image.", _EXPECTED, "Replace it, or remove it.")


def _damaged(name: str, cause: str) -> ImageError:
    return ImageError(
        f"{name} is cut short or damaged ({cause}).", _EXPECTED, "Copy it from its source again, or remove it."
    )


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height scaled so that the longer one is ``side``."""
    longest = max(size)
    width, height = (max(1, math.floor(length * side / longest + 0.5)) for length in size)
    return width, height


def _padded(image: Image.Image, fitted: tuple[int, int]) -> Pixels:
    if image.size != fitted:
        image = image.resize(fitted, Image.Resampling.BILINEAR)
    (width, height), size = fitted, max(fitted)
    left, top = (size - width) // 2, (size - height) // 2
    square = np.full((size, size, 3), GREY, np.uint8)
    square[top : top + height, left : left + width] = np.asarray(image)
    return square


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # damaged EXIF says nothing about the orientation; the pixels are whole
        return image
    return image


class _UnknownRangeError(Exception):
    pass


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise _UnknownRangeError
    if not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    low, high = _used_range(values)
    levels = np.arange(1 << 16, dtype=np.int64)
    nearest = ((levels.clip(low, high) - low) * 255 + (high - low) // 2) // (high - low)
    grey = Image.fromarray(nearest.astype(np.uint8)[values])
    if high < WHITE:
        seen = values[values > 0]
        grey.info[_STRETCHED] = round(int(seen.max()) * 255 / WHITE) - round(int(seen.min()) * 255 / WHITE) + 1
    return grey


def _used_range(values: npt.NDArray[np.uint16]) -> tuple[int, int]:
    """The values that become black and white: all that 16 bits hold, or what is used of them, where that is little.

    Depth cameras write 0, some also the largest value, where they see nothing.
    """
    step = max(1, math.isqrt(values.size) // 512)
    seen = values[::step, ::step]
    seen = seen[(seen > 0) & (seen < WHITE)]
    if len(seen) and len(np.unique(seen)) >= MIN_VALUES:
        low, high = (int(value) for value in np.percentile(seen, (OUTLIERS, 100 - OUTLIERS)))
        if high < NARROW * WHITE and high - low >= MIN_VALUES:
            return low, high
    return 0, WHITE


def _times_too_large(size: tuple[int, int], least: tuple[int, int]) -> int:
    return min(have // enough for have, enough in zip(size, least, strict=True)) if math.prod(size) > MANY_PIXELS else 1


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 and image.mode in REDUCIBLE else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (GREY, GREY, GREY, 255)), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
