"""J and Z in drawn films: how many are seen, and what else is taken for one.

usage: python benchmarks/moving_letters.py [--people 4] [--fps 30]
Draws a hand that draws letters, scribbles, moves and rests, follows it with the hand finder, and prints how often a
letter that moves was seen. The rules were set on films drawn in the same way: the figures say whether the rules do what
they are meant to, not how well they read people.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from drawn_films import Pose, along, draw_film, letter_j, letter_z, still

from handshape.console import Console
from handshape.hands.finder import HandFinder
from handshape.hands.models import hand_models
from handshape.serving.motion import Motion

SIZE, DRAWN_FPS = 224, 30
OTHERS = "ABCSUVWY"  # handshapes that draw no letter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--fps", type=int, default=DRAWN_FPS, help="frames a second that are looked at, at most 30")
    options = parser.parse_args()
    finder = HandFinder(hand_models(Console()))
    seen: dict[str, list[str]] = defaultdict(list)
    for person in range(options.people):
        for name, poses, left in films(person):
            seen[name].append(letters(finder, poses, person, left, options.fps))
    for name, found in seen.items():
        counts = {letter or "none": found.count(letter) for letter in sorted(set(found))}
        print(f"{name:34} {len(found):4} films: {counts}")


def films(person: int) -> Iterator[tuple[str, list[Pose], bool]]:
    left = person % 3 == 0
    for scale, frames in ((0.7, 18), (1.0, 24), (1.3, 36)):
        yield "J", rested(letter_j(frames, scale, left)), left
        yield "Z", rested(letter_z(frames * 3 // 2, scale, left)), left
    for label in "I1":
        yield f"{label}, held", still(label, 40), left
        yield f"{label}, shaken, waved, nodded", shaken(label, 0.03, 0.02, 4), left
        yield f"{label}, shaken, waved, nodded", shaken(label, 0.12, 0.01, 1.5), left
        yield f"{label}, shaken, waved, nodded", shaken(label, 0.01, 0.1, 1.5), left
        for corners in ([(0.5, 0.35), (0.5, 0.62)], [(0.35, 0.4), (0.62, 0.62)], [(0.35, 0.5), (0.65, 0.5)]):
            yield f"{label}, from one place to another", rested(along(label, corners, 12)), left
        yield f"{label}, nearer and farther", [Pose(label, larger=1 + 0.5 * np.sin(i / 6)) for i in range(40)], left
        for corners in ([(0.4, 0.38), (0.4, 0.6), (0.65, 0.6)], [(0.62, 0.4), (0.38, 0.4), (0.55, 0.65)]):
            yield f"{label}, an L and a 7 in the air", rested(along(label, corners, 24)), left
        circle = [(0.5 + 0.1 * np.sin(angle), 0.5 - 0.1 * np.cos(angle)) for angle in np.linspace(0, 2 * np.pi, 30)]
        yield f"{label}, a circle in the air", rested(along(label, circle, 30)), left
    label = OTHERS[person % len(OTHERS)]
    yield "other handshapes, on the paths", [p._replace(label=label) for p in rested(letter_j(24, 1, left))], left
    yield "other handshapes, on the paths", [p._replace(label=label) for p in rested(letter_z(36, 1, left))], left


def rested(poses: list[Pose]) -> list[Pose]:
    return [*poses[:1] * 10, *poses, *poses[-1:] * 12]


def shaken(label: str, across: float, down: float, hertz: float) -> list[Pose]:
    angles = 2 * np.pi * hertz * np.arange(60) / DRAWN_FPS
    return [Pose(label, 0.5 + across * np.sin(a), 0.48 + down * np.sin(a + 1)) for a in angles.tolist()]


def letters(finder: HandFinder, poses: list[Pose], person: int, left: bool, fps: int) -> str:
    hand, motion, found, due = None, Motion(), "", 0.0
    for number, frame in enumerate(draw_film(poses, seed=person, size=SIZE, left=left)):
        if number >= due:
            due += DRAWN_FPS / fps
            hand = finder.track(frame, hand) if hand else next(iter(finder.find(frame, harder=False)), None)
            found += motion.see(1000 * number / DRAWN_FPS, hand)
    return found


if __name__ == "__main__":
    main()
