"""A whole film: what it shows from when to when, and what that spells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.serving.film import open_film
from handshape.serving.recognizer import Recognizer
from handshape.serving.segments import Segment, Segments, watch
from handshape.serving.spelling import Speller, options_for

HOLD = 300.0  # ms: whoever is filmed spells faster than somebody who waits for a screen
SUBTITLES = (".srt", ".vtt")
SHOWN = 20  # of what is spelled, beside the bar


@dataclass(frozen=True)
class FilmReading:
    """What came of a film.

    Attributes:
        segments: what was seen, in milliseconds from the start, in order.
        text: what that spells; "" for nothing.
        seconds: up to its last frame.
        frames: that were read.
        announced: frames that the film says it has.
        milliseconds: that recognising took, in all.
        is_cut_short: whether it has far fewer frames than it says.
    """

    segments: tuple[Segment, ...]
    text: str
    seconds: float
    frames: int
    announced: int
    milliseconds: float
    is_cut_short: bool


def read_film(path: Path, recognizer: Recognizer, console: Console) -> FilmReading:
    """Reads a film frame by frame, with progress.

    Raises:
        ImageError: it cannot be read.
    """
    speller, segments = Speller(options_for(recognizer.class_names, hold=HOLD)), Segments()
    last = milliseconds = 0.0
    with open_film(path) as film, console.progress(f"Watching {path.name}", film.count) as bar:
        for look in watch(film, recognizer, speller):
            segments.see(look)
            last, milliseconds = look.milliseconds, milliseconds + look.recognition.milliseconds
            bar.advance(note=speller.text[-SHOWN:])
    found, text = tuple(segments.finished()), speller.text.strip()
    return FilmReading(found, text, last / 1000, film.read, film.count, milliseconds, film.is_cut_short)
