"""J and Z, the letters that move, from the path of a fingertip. web/spelling/motion.js keeps the same rules.

The little finger of a hand in the shape of an I draws a J, a pointing index finger a Z, as the signer would write them:
a camera sees both in a mirror. A path is judged when the finger comes to rest, changes its shape or is lost: pieces of
it, resampled to equal steps, are compared with drawn templates, whatever their size (in the manner of Li's
"Protractor", 2010), and must have what makes the letter: a hook, three strokes. A still shows neither.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handshape.hands.landmarks import Hand
from handshape.serving.place import middle_and_size, size_of

STILLS = {"J": ("I",), "Z": ("D", "1", "G", "X")}  # what each looks like before, between and after, the first above all
FIRST_JOINTS = (5, 9, 13, 17)  # of index, middle, ring and little finger; two more joints and the tip follow
INDEX, LITTLE = 0, 3
THUMB_TIP = 4
STRAIGHT, BENT = 0.6, 0.4  # cosines between a finger's first bone and the rest: over and under
TUCKED = 0.85  # from the thumb's tip to the ring finger's knuckle, in hand sizes: an I's at most, a Y's and an L's more
STEADY = 1.6  # times as large as at least may a hand look while it draws; one that comes nearer draws nothing

POINTS = 32  # of a resampled path
TURN = math.radians(15)  # by which a path may be turned
STEEP = 1.5  # times as far down as aside does a J begin
HOOK = (math.radians(60), math.radians(230))  # by which the end of a J has turned from its beginning
REST, REST_SPAN = 200.0, 0.2  # ms in which a tip at rest moves no further, in hand sizes
LOST = 250.0  # ms for which the shape, or the hand, may be lost on the way
WINDOW = 3000.0  # ms that are remembered
STARTS, ENDS = 12, 5  # where the pieces that are judged begin and end

Path = NDArray[np.complex128]  # [N], x + iy: x to the right as a camera sees a right hand, y down


class Sample(NamedTuple):
    """A frame with a hand: ms, where the tip is and how large the hand, in pixels, which hand, whether in its shape."""

    time: float
    tip: complex
    size: float
    is_left: bool
    is_shaped: bool


@dataclass(frozen=True)
class Letter:
    """A letter that moves.

    Attributes:
        finger: that draws it.
        templates: [T, POINTS] as :func:`_normal` gives them.
        likeness: with one of them, at least; 1 is the same.
        milliseconds: the least and the most that it may take.
        height: in hand sizes, at least.
        has_its_parts: whether a path has what makes this letter.
    """

    finger: int
    templates: NDArray[np.complex128]
    likeness: float
    milliseconds: tuple[float, float]
    height: float
    has_its_parts: Callable[[Path], bool]


class Drawn(NamedTuple):
    """A letter that was drawn: when that began, in ms, and how much like the letter it looks, at most 1."""

    start: float
    likeness: float


class Motion:
    """Watches the frames of one film or camera for letters that move.

    Args:
        letters: those that are watched for, of ``STILLS``.

    Attributes:
        last: about the letter that the last frame ended; None where it ended none.
    """

    def __init__(self, letters: Collection[str] = tuple(STILLS)) -> None:
        self._tracks = {letter: _Track(LETTERS[letter]) for letter in letters}
        self.last: Drawn | None = None

    def see(self, milliseconds: float, hand: Hand | None) -> str:
        """The letter that this frame ends, "" for none."""
        found, self.last = "", None
        for letter, track in self._tracks.items():
            if drawn := track.see(milliseconds, hand):
                found, self.last = letter, drawn
        if found:
            for track in self._tracks.values():
                track.forget()
        return found


class _Track:
    """The way of one fingertip."""

    def __init__(self, letter: Letter) -> None:
        self._letter = letter
        self.forget()

    def forget(self) -> None:
        self._way: deque[Sample] = deque()
        self._shaped_at = -math.inf

    def see(self, milliseconds: float, hand: Hand | None) -> Drawn | None:
        """The letter, where it was drawn and now is whole."""
        if not (math.isfinite(milliseconds) and (not self._way or milliseconds >= self._way[-1].time)):
            self.forget()
            return None
        is_shaped = hand is not None and is_pointing(hand, self._letter.finger)
        if is_shaped:
            self._shaped_at = milliseconds
        elif milliseconds - self._shaped_at > LOST:
            return self._end()
        if hand is not None:
            size, tip = middle_and_size(hand)[2], hand.landmarks[FIRST_JOINTS[self._letter.finger] + 3]
            place = complex(float(tip[0]), float(tip[1]))
            if self._way and milliseconds - self._way[-1].time > LOST:
                self._way.clear()  # no frames came; where the finger has been meanwhile nobody knows
            self._way.append(Sample(milliseconds, place, size, hand.handedness == "Left", is_shaped))
            while milliseconds - self._way[0].time > WINDOW:
                self._way.popleft()
        return self._end(REST) if self._is_at_rest() else None

    def _is_at_rest(self) -> bool:
        """Three frames at least say so: of two, one may be before a corner and one behind it."""
        if len(self._way) < 3 or self._way[-1].time - self._way[0].time < REST:
            return False
        since = min(self._way[-1].time - REST, self._way[-3].time)
        return _span([sample.tip for sample in self._way if sample.time >= since]) <= REST_SPAN * self._way[-1].size

    def _end(self, keep: float = -1.0) -> Drawn | None:
        """Judges the way up to here, of which the last ms are kept."""
        way = list(self._way)
        while self._way and way[-1].time - self._way[0].time > keep:
            self._way.popleft()
        while way and not way[-1].is_shaped:
            way.pop()
        drawn = [Drawn(piece[0].time, _likeness_of(piece, self._letter)) for piece in _pieces(way)]
        best = max(drawn, key=lambda each: each.likeness, default=Drawn(0.0, 0.0))
        return best if best.likeness >= self._letter.likeness else None


def is_pointing(hand: Hand, finger: int) -> bool:
    """Whether one finger, 0 for the index to 3 for the little one, is straight, and all others bent."""
    points = [[float(value) for value in point] for point in hand.world]
    if math.dist(points[THUMB_TIP], points[FIRST_JOINTS[2]]) > TUCKED * size_of(points):
        return False
    straightness = [_straightness(points, first) for first in FIRST_JOINTS]
    own = straightness.pop(finger)
    return own >= STRAIGHT and max(straightness) <= BENT


def _straightness(points: Sequence[Sequence[float]], first: int) -> float:
    """The cosine between a finger's first bone and the way from its end to the tip."""
    knuckle, joint, tip = points[first], points[first + 1], points[first + 3]
    bone = [end - start for start, end in zip(knuckle, joint, strict=True)]
    rest = [end - start for start, end in zip(joint, tip, strict=True)]
    lengths = math.hypot(*bone) * math.hypot(*rest)
    return sum(one * other for one, other in zip(bone, rest, strict=True)) / lengths if lengths > 0 else 0.0


def _pieces(way: list[Sample]) -> list[list[Sample]]:
    """Parts of a way: before a letter, a hand comes into its place, and after it, it may go on."""
    last = len(way) - 1
    if last < 3 or _span([sample.tip for sample in way]) < min(letter.height for letter in LETTERS.values()) * max(
        sample.size for sample in way
    ):
        return []
    starts = sorted({last * number // STARTS for number in range(STARTS)})
    ends = sorted({last - last * number // (2 * ENDS) for number in range(ENDS)})
    return [way[start : end + 1] for start, end in itertools.product(starts, ends) if end - start >= 3]


def _likeness_of(piece: Sequence[Sample], letter: Letter) -> float:
    """How much a piece of a way looks like a letter; 0 where it has not what makes it."""
    least, most = letter.milliseconds
    if not least <= piece[-1].time - piece[0].time <= most or 2 * sum(each.is_shaped for each in piece) < len(piece):
        return 0.0
    is_left = 2 * sum(sample.is_left for sample in piece) > len(piece)
    sizes = [sample.size for sample in piece]
    size = max(sizes)
    if size > STEADY * min(sizes):
        return 0.0
    tips: Path = np.array([sample.tip for sample in piece], np.complex128) / size
    path = _resampled(-tips.conj() if is_left else tips)
    if np.ptp(path.imag) < letter.height or not letter.has_its_parts(path):
        return 0.0
    return _likeness(path, letter.templates)


def _likeness(path: Path, templates: NDArray[np.complex128]) -> float:
    """The cosine between a path and the template most like it, the path turned a little where that helps."""
    product = templates.conj() @ _normal(path)
    angles = np.angle(product)
    return float((np.abs(product) * np.cos(angles - np.clip(angles, -TURN, TURN))).max())


def _resampled(path: Path) -> Path:
    """POINTS points at equal steps along it."""
    lengths = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(path)))])
    steps = np.linspace(0, lengths[-1], POINTS)
    return np.interp(steps, lengths, path.real) + 1j * np.interp(steps, lengths, path.imag)


def _normal(path: Path) -> Path:
    """About its middle, and of length 1 as a vector."""
    path = path - path.mean()
    return path / max(float(np.linalg.norm(path)), 1e-9)


def _span(places: Sequence[complex]) -> float:
    """The longer side of the upright box around them."""
    across, down = [place.real for place in places], [place.imag for place in places]
    return max(max(across) - min(across), max(down) - min(down))


def _has_hook(path: Path) -> bool:
    """Down first, and at the end inwards, or back up."""
    begins, ends = path[POINTS // 4] - path[0], path[-1] - path[-1 - POINTS // 8]
    lowest = int(path.imag.argmax())
    inwards = path.real.max() - path[: lowest + 1].real.min()
    turned = -np.angle(ends * begins.conjugate()) % (2 * math.pi)
    return bool(
        begins.imag > STEEP * abs(begins.real)
        and lowest >= 0.4 * POINTS
        and inwards >= 0.2 * (path[lowest].imag - path[0].imag)
        and HOOK[0] <= turned <= HOOK[1]
    )


def _has_three_strokes(path: Path) -> bool:
    """Outwards, back, outwards, each about as wide as the others, and lower with the second."""
    width = float(np.ptp(path.real))
    if width <= 0:
        return False
    first = int(path[: POINTS // 2].real.argmin())
    second = first + int(path[first:].real.argmax())
    strokes = np.array([path[0] - path[first], path[second] - path[first], path[second] - path[-1]])
    falls = path[second].imag - path[first].imag
    is_level = max(abs(strokes[0].imag), abs(strokes[2].imag)) <= 0.7 * abs(falls)
    return bool(strokes.real.min() >= 0.5 * width and falls >= 0.3 * width and is_level)


def _templates(lines: Sequence[Any]) -> NDArray[np.complex128]:
    return np.stack([_normal(_resampled(np.asarray(line, np.complex128))) for line in lines])


def _j(width: float, share: float) -> list[complex]:
    """A line down, and a share of half an ellipse inwards and up: x to the signer's middle."""
    angles = np.linspace(0, math.pi * share, 12)
    return [0j, *(complex(width / 2 * (1 - math.cos(a)), 1 + 0.6 * width * math.sin(a)) for a in angles)]


def _z(height: float, slant: float) -> list[complex]:
    return [1 + 0j, complex(0, slant), complex(1, height), complex(0, height + slant)]


LETTERS = {
    "J": Letter(
        finger=LITTLE,
        templates=_templates([_j(width, share) for width in (0.3, 0.6, 1.0) for share in (0.6, 0.8, 1.0)]),
        likeness=0.97,
        milliseconds=(250, 2000),
        height=0.6,
        has_its_parts=_has_hook,
    ),
    "Z": Letter(
        finger=INDEX,
        templates=_templates([_z(height, slant) for height in (0.6, 0.9, 1.3) for slant in (0.0, 0.2)]),
        likeness=0.95,
        milliseconds=(400, 2800),
        height=0.4,
        has_its_parts=_has_three_strokes,
    ),
}
