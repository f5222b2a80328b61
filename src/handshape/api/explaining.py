"""Where a model looked, as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from handshape.api import html
from handshape.api.results import Shown
from handshape.errors import RunError
from handshape.files import write_bytes
from handshape.hands.inputs import LARGE
from handshape.serving.explaining import explain_photograph
from handshape.serving.pictures import Picture, photograph_of
from handshape.serving.recognizer import Recognition, Recognizer


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Shown):
    """A picture, the hand that was found in it, and the places that spoke for the answer.

    Attributes:
        answer: what was recognised.
        png: that drawn over the picture, as the bytes of a PNG file.
    """

    answer: Recognition
    png: bytes = field(repr=False)

    @property
    def image(self) -> Image.Image:
        """The drawing, to look at or to go on with."""
        return Image.open(io.BytesIO(self.png))

    def save(self, file: str | Path) -> Path:
        """Writes the drawing as PNG.

        Raises:
            RunError: there is such a file already, or the place cannot be written.
        """
        path = Path(file)
        if path.exists():
            raise RunError(f"There is already a {path}.", "a new file, so that nothing is overwritten", "Name another.")
        write_bytes(path, self.png)
        return path

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        runners_up = ", ".join(f"{label} {share:.1%}" for label, share in self.answer.top[:3])
        return f"{self.answer.decision} ({runners_up})"

    def _parts(self) -> Iterator[str]:
        yield html.picture(self.image, self.answer.decision)


def explained(recognizer: Recognizer, picture: Picture) -> Explanation:
    """See :func:`handshape.explain`."""
    return Explanation(*explain_photograph(_readable(picture), recognizer))


def _readable(picture: Picture) -> Path | bytes:
    """A file or its bytes, which is what is drawn on."""
    if isinstance(picture, str | Path | bytes):
        return Path(picture) if isinstance(picture, str) else picture
    stream = io.BytesIO()
    Image.fromarray(photograph_of(picture, LARGE).pixels).save(stream, "PNG")
    return stream.getvalue()
