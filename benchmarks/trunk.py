"""The frozen trunk on this machine, by how many images go through it in a call: the same answers, at what speed.

usage: python benchmarks/trunk.py [1 2 4 8]
Takes turns, so that whatever else the machine does hits all alike. Prints a line a number. Run it on an idle machine.
"""

import statistics
import sys
import time

import numpy as np

from handshape.config import ModelSettings
from handshape.console import Console
from handshape.litert import LiteRtModel, convert
from handshape.model.streams import build_pixel_stream
from handshape.model.weights import find_weights
from handshape.training.trunks import CHUNK

ROUNDS = 15


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] or ("1", "2", "4", "8")]
    settings = ModelSettings()
    trunk = build_pixel_stream(2, settings, find_weights("own", settings.img_size, Console(quiet=True))).trunk
    networks = {number: LiteRtModel(convert(trunk, number)) for number in numbers}
    shape = (CHUNK, settings.img_size, settings.img_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    answers = {number: network(images) for number, network in networks.items()}
    seconds: dict[int, list[float]] = {number: [] for number in numbers}
    for _ in range(ROUNDS):
        for number, network in networks.items():
            start = time.perf_counter()
            network(images)
            seconds[number].append(time.perf_counter() - start)
    first = numbers[0]
    for number, taken in seconds.items():
        is_same = all(map(np.array_equal, answers[first], answers[number]))
        print(
            f"{number} in a call: {CHUNK / statistics.median(taken):,.0f} images a second, "
            f"{statistics.median(taken) / statistics.median(seconds[first]):.2f} of the time of {first}, "
            f"{'the same' if is_same else 'other'} answers"
        )


if __name__ == "__main__":
    main()
