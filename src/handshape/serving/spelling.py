"""From answers about frames to letters and text. Pure Python; web/spelling/spelling.js keeps the same rules.

Answers flicker, frames are dropped, and a film has 5 to 60 of them a second. So a handshape counts by the time for
which it was seen, never by the number of frames: what is seen is what most of the last tenth of a second showed, and
what was seen long enough, on a hand that is not on its way, is taken, and taken once. ``docs/live.md`` has the rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from handshape.hands.landmarks import Hand
from handshape.model.decisions import NO_HAND, UNKNOWN, is_negative_name
from handshape.serving.motion import STILLS, Drawn, Motion
from handshape.serving.place import Place

SPACES = ("space", "blank space", "leerzeichen")
DELETES = ("del", "delete", "backspace")
LONGEST_STEP = 250.0  # ms for which one frame vouches, however late the next one comes
JUMP = 1500.0  # ms without a frame after which what was seen before says nothing
SURE, UNSURE = 0.6, 0.4  # share of what was seen of late at which a handshape is believed, and no longer
GRACE = 200.0  # ms for which a handshape may be lost while it is being held
MOST_UNDONE = 100
SUGGESTED = 3
WORDS = Path(__file__).parent / "web" / "spelling" / "words.json"

Kind = Literal["letter", "space", "delete", "word", "clear", "undo"]


class Answer(Protocol):
    """What is needed of a :class:`handshape.serving.recognizer.Recognition`."""

    @property
    def decision(self) -> str:
        """A label, "unknown" or "no hand"."""

    @property
    def hand(self) -> Hand | None:
        """The hand that was recognised."""


@dataclass(frozen=True)
class SpellingOptions:
    """How handshapes become text; times in milliseconds.

    Attributes:
        hold: how long a handshape must be seen before it is taken.
        smoothing: time constant of the average over answers.
        release: how long a handshape that was taken must be gone before it is taken again.
        repeat: after how long a delete that is still held deletes once more.
        pause: how long no hand must be seen for a space; 0 for never.
        slide: how far a hand that is still held must move aside for the same letter again, in hand sizes; 0 for never.
        speed: of a hand that is on its way and not holding, in hand sizes a second.
        moving: letters that are taken from a fingertip's path and never from a still.
    """

    hold: float = 600.0
    smoothing: float = 120.0
    release: float = 250.0
    repeat: float = 700.0
    pause: float = 2000.0
    slide: float = 0.5
    speed: float = 2.0
    moving: tuple[str, ...] = tuple(STILLS)


@dataclass(frozen=True)
class Event:
    """What became of the text: ``value`` was added or deleted; of an undo, it is the text as it was before."""

    kind: Kind
    value: str


@dataclass(frozen=True)
class State:
    """After a frame: the text, the label being held ("" for none), how far, 0 to 1, and what just happened."""

    text: str
    holding: str
    progress: float
    event: Event | None


def options_for(labels: Collection[str], **changes: Any) -> SpellingOptions:
    """What suits a model: a pause makes no space where a sign does, and J and Z are those of its I and D."""
    known = {label.casefold() for label in labels}
    moving = tuple(letter for letter, stills in STILLS.items() if stills[0].casefold() in known)
    pause = 0.0 if known.intersection(SPACES) else SpellingOptions.pause
    return replace(SpellingOptions(pause=pause, moving=moving), **changes)


class Speller:
    """Spells what the frames of one film or camera show; times may be irregular, but belong to one clock."""

    def __init__(self, options: SpellingOptions | None = None) -> None:
        self.options = options or SpellingOptions()
        self.text = ""
        self._before: list[str] = []  # the text before each change
        self.forget()

    def forget(self) -> None:
        """What was seen, not the text: for another camera, or the start of another film."""
        self._motion = Motion(self.options.moving)
        self._time: float | None = None
        self._taken: tuple[str, ...] = ()  # labels that are not taken again before they were released
        self._base = ""  # the text before they were taken
        self._may_repeat = False  # though they were not: the hand slid aside
        self._released = 0.0  # ms for which none of them was seen
        self._since_delete = 0.0
        self._unsee()

    def _unsee(self) -> None:
        self._shares: dict[str, float] = {}
        self._seen = ""
        self._place = Place(self.options.smoothing)
        self._holding, self._held, self._away = "", 0.0, 0.0
        self._gone = 0.0  # ms without a hand

    @property
    def seen(self) -> str:
        """What the last frames show: a label, "unknown", "no hand", or "" where they say different things."""
        return self._seen

    @property
    def drawn(self) -> Drawn | None:
        """When the letter that moves began which the last frame has ended, and how well it was drawn; else None."""
        return self._motion.last

    def see(self, milliseconds: float, answer: Answer) -> State:
        """Takes one frame.

        Args:
            milliseconds: when it was taken; frames of a time before the last one's, or of no time, last no time.
            answer: what was recognised in it.
        """
        step = self._step(milliseconds)
        self._see(_kind_of(answer.decision, self.options.moving), step)
        self._place.see(answer.hand, step)
        moved = self._motion.see(milliseconds, answer.hand)
        event = self._take_moved(moved) if moved else self._hold(step) or self._pause(step)
        progress = 1.0 if self._is_taken(self._holding) else min(1.0, self._held / max(self.options.hold, 1.0))
        return State(self.text, self._holding, progress if self._holding else 0.0, event)

    def space(self) -> Event | None:
        """Ends the word, where one was begun."""
        return self._change("space", " ", self.text + " ") if self.text and not self.text.endswith(" ") else None

    def backspace(self) -> Event | None:
        """Deletes the last character."""
        return self._change("delete", self.text[-1], self.text[:-1]) if self.text else None

    def clear(self) -> Event | None:
        """Deletes all."""
        return self._change("clear", self.text, "") if self.text else None

    def accept(self, word: str) -> Event | None:
        """Puts a suggestion in the place of the word that was begun."""
        return self._change("word", word, self.text[: self.text.rfind(" ") + 1] + word + " ")

    def undo(self) -> Event | None:
        """Takes the last change back, an earlier one with each call."""
        if not self._before:
            return None
        event = Event("undo", self.text)
        self.text = self._before.pop()
        return event

    def suggestions(self, words: Sequence[str] = ()) -> list[str]:
        """Those for its text."""
        return suggestions(self.text, words)

    def _step(self, milliseconds: float) -> float:
        """For how many ms the frame counts."""
        if not math.isfinite(milliseconds):
            return 0.0
        last, self._time = self._time, milliseconds
        if last is None or not 0 <= milliseconds - last <= JUMP:
            self._unsee()
            return 0.0
        return min(milliseconds - last, LONGEST_STEP)

    def _see(self, kind: str, step: float) -> None:
        keep = math.exp(-step / self.options.smoothing)
        self._shares = {label: share * keep for label, share in self._shares.items()}
        self._shares[kind] = self._shares.get(kind, 0.0) + 1 - keep
        if self._shares.get(self._seen, 0.0) < UNSURE:
            self._seen = ""
        self._seen = next((label for label, share in self._shares.items() if share >= SURE), self._seen)

    def _hold(self, step: float) -> Event | None:
        seen = self._seen
        self._release(step)
        if seen in ("", UNKNOWN, NO_HAND):
            self._away += step
            if self._away >= GRACE:
                self._holding, self._held = "", 0.0
            return None
        if seen != self._holding:
            self._holding, self._held = seen, 0.0
        self._away = 0.0
        if self._is_taken(seen):
            return self._hold_on(step)
        if self._place.speed <= self.options.speed:
            self._held += step
        return self._take() if self._held >= self.options.hold else None

    def _is_taken(self, label: str) -> bool:
        return label in self._taken and not self._may_repeat

    def _release(self, step: float) -> None:
        self._released = 0.0 if self._seen in self._taken else self._released + step
        if self._released >= self.options.release:
            self._taken = ()

    def _hold_on(self, step: float) -> Event | None:
        """What was taken is still held: it may slide aside, to be taken again, and a delete repeats."""
        if 0 < self.options.slide < self._place.slid:
            self._may_repeat, self._held = True, 0.0
            self._place.settle()
        elif _is_one_of(self._holding, DELETES):
            self._since_delete += step
            if self._since_delete >= self.options.repeat:
                self._since_delete = 0.0
                return self.backspace()
        return None

    def _take(self) -> Event | None:
        label = self._holding
        self._base = self._base if label in self._taken else self.text
        self._taken, self._may_repeat = (label,), False
        self._released = self._held = self._since_delete = 0.0
        self._place.settle()
        if _is_one_of(label, SPACES):
            return self.space()
        return self.backspace() if _is_one_of(label, DELETES) else self._write(label, self.text)

    def _take_moved(self, letter: str) -> Event | None:
        """A letter that moves; the still that it began with goes, where that was taken and never released."""
        stills, text = STILLS[letter], self.text
        if text.startswith(self._base) and set(text[len(self._base) :].upper()).issubset(stills) and self._taken:
            text = self._base
        self._taken, self._may_repeat = (*stills, *(label.lower() for label in stills)), False
        self._holding, self._held, self._released, self._base = "", 0.0, 0.0, text
        self._place.settle()
        return self._write(letter, text)

    def _pause(self, step: float) -> Event | None:
        if self._seen:
            self._gone = self._gone + step if self._seen == NO_HAND else 0.0
        if not 0 < self.options.pause <= self._gone:
            return None
        self._gone = -math.inf  # once a pause: who deletes that space does not want it
        return self.space()

    def _write(self, label: str, text: str) -> Event | None:
        """A letter is added to the word, a whole word stands by itself."""
        is_word = len(label) > 1
        gap = " " if is_word and text and not text.endswith(" ") else ""
        return self._change("letter", label, text + gap + label + " " * is_word)

    def _change(self, kind: Kind, value: str, text: str) -> Event:
        self._before = [*self._before, self.text][-MOST_UNDONE:]
        self.text = text
        return Event(kind, value)


def suggestions(text: str, words: Sequence[str] = ()) -> list[str]:
    """At most 3 words that begin like the last one of a text: its own earlier words, the latest first, then ``words``.

    Fingers spell names above all, which no list has; so nothing is ever put in by itself.
    """
    *earlier, start = text.split(" ")
    if not start:
        return []
    in_case = str.upper if start == start.upper() else str.lower
    known = dict.fromkeys(in_case(word) for word in (*reversed(earlier), *words))
    return [word for word in known if word.startswith(in_case(start)) and len(word) > len(start)][:SUGGESTED]


def common_words() -> list[str]:
    """First names and everyday English words, the likelier ones first."""
    return list(json.loads(WORDS.read_text(encoding="utf-8")))


def _kind_of(decision: str, moving: Collection[str]) -> str:
    """A decision as the speller counts it: classes that show no sign, and stills of letters that move, are unknown."""
    if decision == NO_HAND:
        return NO_HAND
    return UNKNOWN if is_negative_name(decision) or decision.upper() in moving else decision


def _is_one_of(label: str, names: Sequence[str]) -> bool:
    return label.casefold() in names
