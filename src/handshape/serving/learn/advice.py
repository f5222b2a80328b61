"""What is said of frames while they are recorded, from what the hand networks see in them.

Each hand is looked for exactly as training does, and kept in the same cache, so that training finds it there.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.console import Console
from handshape.hands import search
from handshape.hands.inputs import Photograph, enough_pixels, load_photograph
from handshape.hands.landmarks import Hand

DARK = 50.0  # of 255, the mean brightness of the square around a hand
OUTSIDE = 0.01  # of the image's side: a joint farther outside is not seen
SMALL = 0.12  # of the image's shorter side, which a hand's longer side should have
STEADY = 0.03  # of a hand's size: joints that move less in a burst say the same again and again
LEAST_OF_BURST = 5  # frames with a hand, from which on a burst can be called steady
MOSTLY = 0.5  # share of a burst's frames from which on their advice is its own

NO_HAND, TOO_DARK, CUT_OFF, TOO_SMALL = "no_hand", "too_dark", "cut_off", "too_small"
OTHER_HAND, TOO_ALIKE = "other_hand", "too_alike"


@dataclass(frozen=True)
class Seen:
    """One frame, as the hand networks see it.

    Attributes:
        hand: in pixels of the frame; None where there is none.
        brightness: 0 to 255, around the hand; of the whole frame without one.
        width, height: of the frame in pixels.
    """

    hand: Hand | None
    brightness: float
    width: int
    height: int

    def advice(self, usual: str | None) -> list[str]:
        """What could be better; ``usual`` is the hand that was used before, where there was one."""
        if self.hand is None:
            return [NO_HAND, *([TOO_DARK] if self.brightness < DARK else [])]
        low, high = self.hand.landmarks[:, :2].min(axis=0), self.hand.landmarks[:, :2].max(axis=0)
        sides = np.array([self.width, self.height])
        is_cut = bool((low < -OUTSIDE * sides).any() or (high > (1 + OUTSIDE) * sides).any())
        checks = {
            TOO_DARK: self.brightness < DARK,
            CUT_OFF: is_cut,
            TOO_SMALL: float((high - low).max()) < SMALL * min(self.width, self.height),
            OTHER_HAND: usual is not None and self.hand.handedness != usual,
        }
        return [code for code, applies in checks.items() if applies]


class Watcher:
    """Looks at frames as they come.

    Args:
        console: is told where the hand networks cannot be had.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()  # one search at a time: the networks belong to one thread
        self._search: search.HandSearch | None = None
        self._used: dict[str, Counter[str]] = {}  # hands, by class

    def look(self, label: str, frames: Sequence[bytes], size: int) -> dict[str, Any]:
        """Advice on a burst of a class, and on each of its frames.

        Args:
            label: the class.
            frames: JPEG, each readable.
            size: side of the network's input in pixels, as training will have it.
        """
        photographs = [load_photograph(frame, enough_pixels(size, True)) for frame in frames]
        with self._lock:
            self._search = self._search or search.hand_search(self._console)
            if self._search is None:
                return {"frames": [{"hand": False, "advice": []} for _ in frames], "advice": []}
            seen = [_seen(photograph, hand) for photograph, hand in self._search(photographs)]
            used = self._used.setdefault(label, Counter())
            usual = used.most_common(1)[0][0] if used else None
            used.update(each.hand.handedness for each in seen if each.hand)
        told = [each.advice(usual) for each in seen]
        frames_told = [{"hand": each.hand is not None, "advice": codes} for each, codes in zip(seen, told, strict=True)]
        return {"frames": frames_told, "advice": of_burst(seen, told)}

    def forget(self, label: str) -> None:
        """Which hand a class was shown with."""
        self._used.pop(label, None)


def of_burst(seen: Sequence[Seen], told: Iterable[Sequence[str]]) -> list[str]:
    """What most frames of a burst could do better, and whether they all show the same."""
    counts = Counter(code for codes in told for code in codes)
    common = [code for code, count in counts.items() if count >= MOSTLY * len(seen)]
    return [*common, *([TOO_ALIKE] if is_steady([each.hand for each in seen if each.hand]) else [])]


def is_steady(hands: Sequence[Hand]) -> bool:
    """Whether a hand hardly moves, neither from place to place nor turning: then one frame says as much as all."""
    if len(hands) < LEAST_OF_BURST:
        return False
    joints = np.stack([hand.landmarks[:, :2] for hand in hands])
    size = float(np.median([hand.box.width for hand in hands]))
    strayed = np.linalg.norm(joints - joints.mean(axis=0), axis=2).mean()
    return bool(strayed < STEADY * size)


def _seen(photograph: Photograph, hand: Hand | None) -> Seen:
    pixels, scale = photograph.pixels, photograph.scale
    height, width = pixels.shape[:2]
    part = pixels
    if hand is not None:
        points = hand.landmarks[:, :2] / scale
        left, top = np.clip(points.min(axis=0), 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(points.max(axis=0), [left + 1, top + 1], [width, height]).astype(int)
        part = pixels[top:bottom, left:right]
    return Seen(hand, float(part.mean()), round(width * scale), round(height * scale))
