"""Parts of a page for a notebook's cell: all text escaped, pictures inline, no script, no style of its own colours."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

SIDE = 1300  # pixels of a picture's longer side; shown at half as many
JPEG_QUALITY = 80
STYLE = "display: inline-block; max-width: 100%; height: auto; vertical-align: top"


def page(headline: str, parts: Iterable[str]) -> str:
    """The parts below a headline."""
    return f"<div><p><b>{escape(headline[:1].upper() + headline[1:])}</b></p>{''.join(parts)}</div>"


def sentences(texts: Iterable[str]) -> str:
    """A paragraph each."""
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; figures are formatted already."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(image: Image.Image | Path, title: str, side: int = SIDE) -> str:
    """A picture, shown ``side / 2`` CSS pixels large, crisp on dense screens; nothing where its file cannot be read."""
    try:
        opened = Image.open(image) if isinstance(image, Path) else image
        opened.draft("RGB", (side, side))  # does nothing but for JPEG
        small = opened.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    data, text = base64.b64encode(buffer.getvalue()).decode(), escape(title)
    size = f'width="{small.width // 2}" height="{small.height // 2}"'
    return f'<img src="data:image/jpeg;base64,{data}" alt="{text}" title="{text}" {size} style="{STYLE}"> '


def links(files: Mapping[str, Path]) -> str:
    """Links to the files that are there, by their texts."""
    found = [f'<a href="{_address(file)}">{escape(text)}</a>' for text, file in files.items() if file.exists()]
    return f"<p>{' · '.join(found)}</p>"


def _address(file: Path) -> str:
    """Relative below the working folder, which is mostly the notebook's, so that its server can show the file."""
    path, here = file.resolve(), Path.cwd()
    return escape(quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri())
