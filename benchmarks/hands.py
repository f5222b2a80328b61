"""The hand finder against MediaPipe Hands' own answers, and its speed on one core.

usage: python benchmarks/hands.py DATA REFERENCE [--every 5]
DATA holds the photographs, REFERENCE the .npz files (`path`, `landmarks` as shares of width and height, NaN where
MediaPipe found no hand). Prints a row for each reference file, how many photographs without a hand get one, what
following a hand through the frames of films differs from finding it anew, and milliseconds beside those of the bare
networks: their ratio holds on any machine. Run it on an idle one.
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from handshape.console import Console
from handshape.hands.finder import HandFinder
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels, hand_models
from handshape.images import read_image

WITHOUT_HANDS = ("no_hand", "not_hands")
LIMITS_MS = {"fresh": 11.0, "tracked": 6.5}
BARE_MS = {"fresh": 4.8 + 4.4, "tracked": 4.4}  # of the networks alone, where those limits were set
ROUNDS = 60
FILMS, FRAMES = "asl29_one_signer_video", 7  # so many neighbouring frames by the numbers in their names, then a jump


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--every", type=int, default=1, help="look at every n-th photograph only")
    options = parser.parse_args()
    models = hand_models(Console())
    finder = HandFinder(models)
    print("photographs              n   found  MediaPipe found  of those found  distance (median, p90)  mean ms")
    for file in sorted(options.reference.glob("*.npz")):
        print(agreement(finder, options.data, file, options.every), flush=True)
    for name in WITHOUT_HANDS:
        print(false_hands(finder, options.data / name, options.every), flush=True)
    print(films(finder, options.data / FILMS, options.every))
    sample = np.load(sorted(options.reference.glob("*.npz"))[0])
    found = np.isfinite(sample["landmarks"][:, 0, 0])
    print(speed(finder, models, options.data / str(sample["path"][found][0])))


def agreement(finder: HandFinder, data: Path, file: Path, every: int) -> str:
    reference = np.load(file)
    ours, theirs, distances, seconds = [], [], [], []
    for path, landmarks in zip(reference["path"][::every], reference["landmarks"][::every], strict=True):
        image = np.asarray(read_image(data / str(path)))
        start = time.thread_time()
        hands = finder.find(image)
        seconds.append(time.thread_time() - start)
        ours.append(bool(hands))
        theirs.append(bool(np.isfinite(landmarks[0, 0])))
        if ours[-1] and theirs[-1]:
            distances.append(distance(hands[0].landmarks[:, :2], landmarks[:, :2] * image.shape[1::-1]))
    both = np.mean([one for one, other in zip(ours, theirs, strict=True) if other])
    return (
        f"{file.stem:20s} {len(ours):5d}  {np.mean(ours):.4f}  {np.mean(theirs):15.4f}  {both:14.4f}"
        f"  {np.median(distances):.4f}, {np.quantile(distances, 0.9):.4f}"
        f"  {1000 * np.mean(seconds):6.1f}"
    )


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The mean distance of two hands' landmarks, as a share of the longer side of the second one's bounding box."""
    return float(np.linalg.norm(ours - theirs, axis=1).mean() / np.ptp(theirs, axis=0).max())


def false_hands(finder: HandFinder, folder: Path, every: int) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())[::every]
    found = [bool(finder.find(np.asarray(read_image(file)))) for file in files]
    return f"{folder.name:20s} {len(found):5d}  {np.mean(found):.4f}"


@dataclass
class Cost:
    """What searches took, in seconds of this thread, and what of it the bare networks did."""

    seconds: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)  # one a call of a network

    def of(self, search: Callable[[], Hand | None]) -> Hand | None:
        """A search's result, its cost added."""
        with timed_invokes(self.bare):
            start = time.thread_time()
            hand = search()
            self.seconds.append(time.thread_time() - start)
        return hand

    def __str__(self) -> str:
        count = len(self.seconds)
        return (
            f"{1000 * sum(self.seconds) / count:5.1f} ms, {len(self.bare) / count:.2f} calls of networks, "
            f"{sum(self.seconds) / sum(self.bare):.2f} times their bare {1000 * sum(self.bare) / count:.1f} ms"
        )


@contextmanager
def timed_invokes(seconds: list[float]) -> Iterator[None]:
    """Adds what each call of a network takes meanwhile, without its inputs and outputs."""
    from ai_edge_litert.interpreter import Interpreter

    invoke = Interpreter.invoke

    def timed(interpreter: Interpreter) -> None:
        start = time.thread_time()
        invoke(interpreter)
        seconds.append(time.thread_time() - start)

    Interpreter.invoke = timed
    try:
        yield
    finally:
        Interpreter.invoke = invoke


def films(finder: HandFinder, folder: Path, every: int) -> str:
    """Each frame found anew and followed from the frame before; the first ones of films are not counted."""
    fresh, followed = Cost(), Cost()
    same, distances = [], []
    for files in shots(folder)[::every]:
        hand = None
        for file in files:
            image = np.asarray(read_image(file))
            if hand is None:
                hand = finder.find_clearest(image)
                continue
            anew = fresh.of(lambda image=image: finder.find_clearest(image))
            hand = followed.of(lambda image=image, hand=hand: finder.follow(image, hand))
            same.append((hand is None) == (anew is None))
            if hand and anew:
                distances.append(distance(hand.landmarks[:, :2], anew.landmarks[:, :2]))
    return (
        f"films: {len(same)} frames, {np.mean(same):.4f} of them found alike, distance (median, p90) "
        f"{np.median(distances):.4f}, {np.quantile(distances, 0.9):.4f}\n  anew     {fresh}\n  followed {followed}"
    )


def shots(folder: Path) -> list[list[Path]]:
    """The films in class folders, their frames in order."""
    found = []
    for name in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(name.iterdir(), key=lambda file: int(re.findall(r"\d+", file.stem)[-1]))
        found += [files[start : start + FRAMES] for start in range(0, len(files), FRAMES)]
    return found


def speed(finder: HandFinder, models: HandModels, photograph: Path) -> str:
    image = np.asarray(read_image(photograph))
    hand = finder.find(image)[0]
    palm, landmarks = (bare(path) for path in (models.palm, models.landmarks))
    times = measured([palm, landmarks, lambda: finder.find(image), lambda: finder.track(image, hand)])
    lines = [f"one core, {image.shape[1]} x {image.shape[0]}: palm network {times[0]:.2f} ms, landmarks {times[1]:.2f}"]
    for name, whole, networks in (("fresh", times[2], times[0] + times[1]), ("tracked", times[3], times[1])):
        limit = LIMITS_MS[name] / BARE_MS[name]
        lines.append(
            f"{name}: {whole:.2f} ms, {whole / networks:.2f} times the bare networks (limit {LIMITS_MS[name]} ms, "
            f"{limit:.2f} times); {whole / networks * BARE_MS[name]:.1f} ms where the limit was set"
        )
    return "\n".join(lines)


def bare(model: Path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter.invoke


def measured(works: list) -> list[float]:
    """Median milliseconds of each, taken in turns, so that whatever else the machine does hits all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, row in zip(works, times, strict=True):
            start = time.thread_time()
            work()
            row.append((time.thread_time() - start) * 1000)
    return [statistics.median(row) for row in times]


if __name__ == "__main__":
    main()
