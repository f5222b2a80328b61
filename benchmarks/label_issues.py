"""How long wrong labels are looked for among the frames of films of hands, and in how much memory.

usage: python benchmarks/label_issues.py [5000 20000 87000]
Films of 30 frames are made: each a known hand with fresh noise, and crops with a pattern of its class. Some labels are
wrong. Prints a line a number, each measured in a process of its own, then with which power of it the seconds grow.
Memory is what comes on top of the hands and of the crops, which lie in a file (1 GB for 87,000).
"""

import math
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from handshape.data.label_issues import LabelEvaluation, Signs
from handshape.data.out_of_fold import blocks
from handshape.data.picture_features import picture_features
from handshape.hands.boxes import Box
from handshape.hands.known_hands import load_known_hands
from handshape.hands.landmarks import Hand
from handshape.machine import peak_memory_mib, resident_memory_mib
from handshape.workflow.check import CROP
from handshape.workflow.label_signs import shapes_of

FILM, WRONG = 30, 0.03  # frames, share of labels
MOVED, NOISE = 0.03, 40  # a joint, of a hand's spread; a pixel, in grey levels
Crops = np.memmap[tuple[int, ...], np.dtype[np.uint8]]


def main() -> None:
    counts = [int(count) for count in sys.argv[1:]] or [5_000, 20_000, 87_000]
    seconds = []
    for count in counts:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            line, taken = alone.submit(measure, count).result()
        print(line, flush=True)
        seconds.append(taken)
    if len(counts) > 1:
        power = math.log(seconds[-1] / seconds[0]) / math.log(counts[-1] / counts[0])
        print(f"seconds grow with the power {power:.2f}")


def measure(count: int) -> tuple[str, float]:
    """What is told of so many, and the seconds."""
    rng = np.random.default_rng(0)
    hands, labels, films = filmed(count, rng)
    crops = cropped(labels, rng)
    wrong = np.flatnonzero(rng.random(count) < WRONG)
    targets, others = list(labels), rng.permutation(labels)
    for row in wrong:
        targets[row] = str(others[row])
    wrong = {row for row in wrong.tolist() if targets[row] != labels[row]}

    before, start = resident_memory_mib() or 0, time.perf_counter()
    signs = Signs(shapes_of(hands), picture_features(crops), np.array([hand.score for hand in hands]))
    seen, seen_peak = time.perf_counter(), peak_memory_mib() or 0
    evaluation = LabelEvaluation(signs, targets, films, 0)
    found = {issue.row for issue in evaluation.issues}
    evaluation.typical(3), evaluation.twins
    done, most = time.perf_counter(), peak_memory_mib() or 0
    line = (
        f"{count} frames: {done - start:.1f} s ({seen - start:.1f} of them features), {most - before:.0f} MiB on top "
        f"of {before:.0f} ({seen_peak - before:.0f} after features), found {len(found & wrong)} of {len(wrong)} wrong "
        f"labels and {len(found - wrong)} others"
    )
    return line, done - start


def filmed(count: int, rng: np.random.Generator) -> tuple[list[Hand], list[str], list[str]]:
    """Frames of hands, their labels and their films."""
    known, names = load_known_hands()
    rows = np.repeat(rng.permutation(len(known))[: -(-count // FILM)], FILM)[:count]
    spread = known.std(axis=1)
    hands = []
    for row in rows:
        joints = known[row] + (rng.normal(0, MOVED, known[row].shape) * spread[row]).astype(np.float32)
        hands.append(Hand(Box(0, 0, 1, 1, 0), joints[:, :3].copy(), joints[:, 3:].copy(), "Right", 1.0, 1.0))
    return hands, [names[row] for row in rows], [f"film {number // FILM}" for number in range(count)]


def cropped(labels: list[str], rng: np.random.Generator) -> Crops:
    """Crops [N, CROP, CROP, 3] in a file that goes with the program."""
    names, classes = np.unique(labels, return_inverse=True)
    coarse = rng.integers(0, 256, (len(names), 8, 8))
    patterns = coarse.repeat(CROP // 8, axis=1).repeat(CROP // 8, axis=2).astype(np.float32)[..., None]
    file = tempfile.TemporaryFile()  # noqa: SIM115  # as long as it is mapped
    for rows in blocks(len(labels), 200):
        noise = rng.normal(0, NOISE, (len(classes[rows]), CROP, CROP, 3))
        file.write((patterns[classes[rows]] + noise).clip(0, 255).astype(np.uint8).tobytes())
    file.flush()
    return np.memmap(file, np.uint8, "r", shape=(len(labels), CROP, CROP, 3))


if __name__ == "__main__":
    main()
