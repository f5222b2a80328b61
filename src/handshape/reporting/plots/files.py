"""A figure becomes files: drawn once, then written as PNG and JPEG from the same pixels."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from handshape.errors import RunError
from handshape.reporting.plots.fonts import set_font
from handshape.reporting.plots.style import DPI

# zlib's level 1 is as fast as no compression at all here, and these flat pictures grow by a quarter at most.
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "compress_level": 1},
    ".jpg": {"format": "JPEG", "quality": 92, "subsampling": "4:4:4"},
}


def render(figure: Figure) -> Image.Image:
    """The figure's pixels, RGB."""
    canvas = FigureCanvasAgg(figure)
    set_font(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return Image.frombuffer("RGBA", canvas.get_width_height(), pixels, "raw", "RGBA", 0, 1).convert("RGB")


def write(image: Image.Image, folder: Path, stem: str) -> list[Path]:
    """The picture as ``stem.png`` and ``stem.jpg``, each whole or not there at all.

    Raises:
        RunError: the folder cannot be written.
    """
    return [_write(image, folder / f"{stem}{suffix}", options) for suffix, options in FORMATS.items()]


def _write(image: Image.Image, path: Path, options: dict[str, Any]) -> Path:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(unfinished, dpi=(DPI, DPI), **options)
        unfinished.replace(path)
    except OSError as error:
        raise RunError(
            f"Cannot write the figure {path}: {error.strerror or error}.",
            "a folder that can be written, with some 10 MB free",
            "Free some space or choose another --out folder.",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return path
