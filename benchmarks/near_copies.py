"""How long near-copies are looked for among the frames of films, and in how much memory.

usage: python benchmarks/near_copies.py [10000 40000 87000]
Frames are made: films of 3,000, each a picture that moves a little and has fresh noise. Prints a line a number.
"""

import resource
import sys
import time

import numpy as np

from handshape.data.near_duplicates import SIDE, similarity

FILM, STEP, NOISE = 3000, 500, 6.0  # frames; frames until the picture moves by a pixel; grey levels


def main() -> None:
    for count in map(int, sys.argv[1:] or ["10000", "40000", "87000"]):
        looks = frames(count, np.random.default_rng(0))
        start = time.perf_counter()
        found = len(np.unique(similarity(looks).near_duplicates))
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count} frames: {seconds:.2f} s, {found} clusters, peak {peak:.0f} MiB", flush=True)


def frames(count: int, rng: np.random.Generator) -> list[bytes]:
    """Thumbnails of so many frames."""
    pictures = rng.integers(0, 256, (-(-count // FILM), SIDE, SIDE)).astype(np.float32)
    moved = (np.roll(pictures[frame // FILM], frame % FILM // STEP, 0) for frame in range(count))
    return [(each + rng.normal(0, NOISE, each.shape)).clip(0, 255).astype(np.uint8).tobytes() for each in moved]


if __name__ == "__main__":
    main()
