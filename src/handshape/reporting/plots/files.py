"""A figure becomes files: drawn once, then written as PNG and JPEG from the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from handshape.files import atomic_write
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
    paths = {folder / f"{stem}{suffix}": options for suffix, options in FORMATS.items()}
    for path, options in paths.items():
        with atomic_write(path) as partial:
            image.save(partial, dpi=(DPI, DPI), **options)
    return list(paths)
