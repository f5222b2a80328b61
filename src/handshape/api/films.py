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
from handshape.serving.film import open_film
from handshape.serving.recognizer import Recognizer
from handshape.serving.segments import Segment, Segments, subtitles, watch
from handshape.serving.spelling import Speller, options_for

HOLD = 300.0  # ms: whoever is filmed spells faster than somebody who waits for a screen
SUBTITLES = (".srt", ".vtt")


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
    speller, segments, last = Speller(options_for(recognizer.class_names, hold=HOLD)), Segments(), 0.0
    with open_film(path) as film, console.progress(f"Watching {path.name}", film.count) as bar:
        for look in watch(film, recognizer, speller):
            segments.see(look)
            last = look.milliseconds
            bar.advance(note=speller.text[-20:])
    found = tuple(segments.finished())
    return FilmResult(path, found, speller.text.strip(), last / 1000, film.read, film.is_cut_short)
