"""A film as what is seen in it and when: segments with times, subtitles, and the text that was spelled."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from handshape.hands.landmarks import Hand
from handshape.images import Pixels
from handshape.model.decisions import NO_HAND, UNKNOWN
from handshape.serving.motion import STILLS, Drawn
from handshape.serving.recognizer import Recognition, Recognizer
from handshape.serving.spelling import Speller, State

PAUSE = 300.0  # ms between a still and the letter that moves which it begins
SHORTEST = 100.0  # ms; what was seen for less is flicker
LINE = 42  # characters of a subtitle's line, as broadcasters have it


class Look(NamedTuple):
    """One frame: when it was, in ms, its pixels, what was recognised, and what became of the text."""

    milliseconds: float
    pixels: Pixels
    recognition: Recognition
    state: State
    seen: str  # of late; "" where the last frames say different things
    drawn: Drawn | None  # where the frame ends a letter that moves


@dataclass(frozen=True)
class Segment:
    """For how long one thing was seen: ms from the start, a label or a letter that moves, and the mean confidence."""

    start: float
    end: float
    label: str
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in seconds."""
        return {
            "start": round(self.start / 1000, 3),
            "end": round(self.end / 1000, 3),
            "label": self.label,
            "confidence": round(self.confidence, 4),
        }


def watch(frames: Iterable[tuple[float, Pixels]], recognizer: Recognizer, speller: Speller) -> Iterator[Look]:
    """Looks at one frame after the other, following the hand from each to the next."""
    previous: Hand | None = None
    for milliseconds, pixels in frames:
        recognition = recognizer.follow(pixels, previous)
        previous = recognition.hand
        state = speller.see(milliseconds, recognition)
        yield Look(milliseconds, pixels, recognition, state, speller.seen, speller.drawn)


class Segments:
    """Gathers what is seen into segments, with what was seen for too short a time left out."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._open: Segment | None = None
        self._weight = 0
        self._after: tuple[str, ...] = ()  # stills that are still the letter before, which moved

    def see(self, look: Look) -> None:
        """Takes one frame."""
        label = "" if look.seen in (UNKNOWN, NO_HAND) else look.seen
        if look.drawn and look.state.event:
            self._draw(look.state.event.value, look.drawn, look.milliseconds)
            return
        if label.upper() in self._after:
            self._segments[-1] = replace(self._segments[-1], end=look.milliseconds)
            return
        self._after = self._after if look.seen == "" else ()
        if self._open and self._open.label != label:
            self._close(look.milliseconds)
        if not label:
            return
        confidence = look.recognition.confidence
        if self._open is None:
            self._open, self._weight = Segment(look.milliseconds, look.milliseconds, label, confidence), 1
            return
        self._weight += 1
        mean = self._open.confidence + (confidence - self._open.confidence) / self._weight
        self._open = replace(self._open, end=look.milliseconds, confidence=mean)

    def finished(self) -> list[Segment]:
        """All of them, in order."""
        self._close(self._open.end if self._open else 0.0)
        return list(self._segments)

    def _close(self, end: float) -> None:
        done, self._open = self._open, None
        if done and end - done.start >= SHORTEST:
            self._segments.append(replace(done, end=end))

    def _draw(self, letter: str, drawn: Drawn, end: float) -> None:
        """A letter that moves takes the place of what was seen meanwhile, and of the still that it began with."""
        self._close(end)
        before = [segment for segment in self._segments if segment.start < drawn.start]
        start = drawn.start
        if before and before[-1].label.upper() in STILLS[letter] and start - before[-1].end < PAUSE:
            start = before.pop().start
        elif before and before[-1].end > start:
            before[-1] = replace(before[-1], end=start)
        self._segments = [*before, Segment(start, end, letter, drawn.likeness)]
        self._after = STILLS[letter]


def subtitles(segments: Sequence[Segment], kind: str) -> str:
    """One cue a segment.

    Args:
        segments: in order.
        kind: "srt" or "vtt".
    """
    cues = []
    for number, segment in enumerate(segments, 1):
        text = "\n".join(textwrap.wrap(_escaped(segment.label, kind), LINE)) or segment.label
        times = " --> ".join(_clock(time, "," if kind == "srt" else ".") for time in (segment.start, segment.end))
        cues.append(f"{number}\n{times}\n{text}\n")
    return "\n".join((["WEBVTT\n"] if kind == "vtt" else []) + cues)


def _escaped(text: str, kind: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if kind == "vtt" else text


def _clock(milliseconds: float, point: str) -> str:
    seconds, rest = divmod(round(milliseconds), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"
