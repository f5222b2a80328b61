"""What a film shows and when, and what it spells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handshape.api import html
from handshape.api.results import Shown
from handshape.console import Console
from handshape.data.messages import counted
from handshape.errors import RunError, SettingsError
from handshape.files import write_text
from handshape.serving.film_reading import SUBTITLES, read_film
from handshape.serving.recognizer import Recognizer
from handshape.serving.segments import Segment, subtitles


@dataclass(frozen=True, eq=False, repr=False)
class FilmResult(Shown):
    """A film as a model reads it.

    Attributes:
        film: the file.
        segments: what was seen from when to when, in milliseconds from the start, in order.
        text: what that spells; "" for nothing.
        seconds: up to its last frame.
        frames: that were read.
        is_cut_short: whether it has far fewer frames than it says, because it is cut short or damaged.
    """

    film: Path
    segments: tuple[Segment, ...]
    text: str
    seconds: float
    frames: int
    is_cut_short: bool

    def save_subtitles(self, file: str | Path) -> Path:
        """Writes a cue a segment, as ``.srt`` or ``.vtt``.

        Raises:
            SettingsError: the name ends otherwise.
            RunError: there is such a file already, or the place cannot be written.
        """
        path = Path(file)
        if path.suffix.lower() not in SUBTITLES:
            raise SettingsError(f"Subtitles cannot be {path}.", f"a file that ends in {' or '.join(SUBTITLES)}")
        if path.exists():
            raise RunError(f"There is already a {path}.", "a new file, so that nothing is overwritten", "Name another.")
        write_text(path, subtitles(self.segments, path.suffix.lower()[1:]))
        return path

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        said = f"spells {self.text}" if self.text else "spells nothing"
        short = ", cut short or damaged" if self.is_cut_short else ""
        return f"{self.film}, {self.seconds:.1f} s, {counted(self.frames, 'frame', 'frames')}{short}: {said}"

    def _parts(self) -> Iterator[str]:
        rows = [
            (f"{each.start / 1000:.2f}", f"{each.end / 1000:.2f}", each.label, f"{each.confidence:.1%}")
            for each in self.segments
        ]
        if rows:
            yield html.table(("from, s", "to, s", "seen", "sure"), rows)


def watched(recognizer: Recognizer, path: Path, console: Console) -> FilmResult:
    """See :func:`handshape.watch`."""
    found = read_film(path, recognizer, console)
    return FilmResult(path, found.segments, found.text, found.seconds, found.frames, found.is_cut_short)
