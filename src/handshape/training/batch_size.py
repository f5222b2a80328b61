"""The batch size found by trying: powers of two, until memory runs out or images a second stop growing.

Tried on the network that is trained, with numbers in the place of images; what it came to is kept for each machine.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from handshape.errors import HandshapeError
from handshape.files import write_text
from handshape.model.streams import PixelStream
from handshape.precision import set_precision
from handshape.runtime import Runtime, is_out_of_memory
from handshape.training.phases import Phase

USUAL = 64  # images a step; what the learning rates are meant for
MOST = 4096
GAIN = 1.05  # times as many images a second; a step up that brings less ends the search
MIN_STEPS = 30  # an epoch: with fewer there is little learning in it, however fast
WARM_UP, SECONDS, STEPS = 2, 0.5, 20  # steps before the clock runs; then so long, or so many steps

Trial = Callable[[int], float]  # batch size → images a second; raises what the backend raises where memory runs out


@dataclass(frozen=True)
class Tried:
    """What came of the sizes that were tried.

    Attributes:
        speeds: batch size → images a second.
        too_large: the size at which memory ran out; 0 where it did not.
    """

    speeds: dict[int, float] = field(default_factory=dict)
    too_large: int = 0

    def best(self, most: int) -> int:
        """The size to use, at most ``most``: the one after which there was little to gain."""
        sizes = sorted(size for size in self.speeds if size <= most) or [USUAL]
        chosen = sizes[0]
        for size in sizes[1:]:
            if not self.pays(size):
                break
            chosen = size
        return chosen

    def pays(self, size: int) -> bool:
        """Whether a size brings enough over half of it; so it is taken where half of it was not tried."""
        return self.speeds[size] >= GAIN * self.speeds.get(size // 2, 0)

    def summary(self, most: int) -> str:
        """One line: what was chosen, and why."""
        told = ", ".join(f"{size}: {speed:,.0f}" for size, speed in sorted(self.speeds.items()))
        ended = f"; at {self.too_large} memory ran out" if self.too_large else ""
        return f"Batch size {self.best(most)}; images a second by batch size: {told or 'none'}{ended}"


def sensible_most(images: int) -> int:
    """The largest power of two, and not less than the usual size, that leaves an epoch enough steps."""
    most = USUAL
    while most * 2 <= min(MOST, images // MIN_STEPS):
        most *= 2
    return most


def find_batch_size(trial: Trial, most: int, file: Path) -> Tried:
    """Tries what has not been tried on this machine, and keeps it in ``file``.

    Starts at the usual size, and goes down from there where even that is too large.
    """
    known = _read(file)
    tried = known
    size = USUAL
    while size <= most and size != tried.too_large:
        tried = _with(tried, trial, size)
        if size not in tried.speeds or not tried.pays(size):
            break
        size *= 2
    smaller = USUAL // 2
    while not tried.speeds and smaller:
        tried = _with(tried, trial, smaller)
        smaller //= 2
    if tried != known:
        with suppress(HandshapeError, OSError):  # a cache that cannot be written
            write_text(file, json.dumps({"speeds": tried.speeds, "too_large": tried.too_large}))
    return tried


def rate_factor(batch_size: int) -> float:
    """What learning rates are multiplied by: the square root of how many times the usual size.

    So for optimizers that adapt their steps, as Adam and Lion do (Malladi et al. 2022, "On the SDEs and Scaling Rules
    for Adaptive Gradient Algorithms"); in proportion is for plain gradient descent (Goyal et al. 2017).
    """
    return float((batch_size / USUAL) ** 0.5)


def trial_of(stream: PixelStream, phase: Phase, runtime: Runtime) -> Trial:
    """Trains copies of what a phase trains, on as many made-up images a step as it is asked."""
    trained = phase.model(stream)

    def images_a_second(size: int) -> float:
        model = keras.models.clone_model(trained)
        set_precision(model, runtime.policy)
        model.compile(phase.new_optimizer(), "categorical_crossentropy", jit_compile=runtime.xla)
        rng = np.random.default_rng(0)
        inputs = rng.standard_normal((size, *trained.input.shape[1:]), np.float32)
        targets = np.eye(stream.classes, dtype=np.float32)[rng.integers(stream.classes, size=size)]
        return _speed(lambda: model.train_on_batch(inputs, targets), size)

    return images_a_second


def _with(tried: Tried, trial: Trial, size: int) -> Tried:
    if size in tried.speeds:
        return tried
    gc.collect()  # what was tried before holds memory of the card
    try:
        return Tried(tried.speeds | {size: round(trial(size), 1)}, tried.too_large)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return Tried(tried.speeds, size)


def _speed(step: Callable[[], Any], size: int) -> float:
    for _ in range(WARM_UP):
        step()
    begun, steps = time.perf_counter(), 0
    while steps < STEPS and (steps < 2 or time.perf_counter() - begun < SECONDS):
        step()
        steps += 1
    return size * steps / (time.perf_counter() - begun)


def _read(file: Path) -> Tried:
    """What was kept; nothing where the file is not there or not whole."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Tried({int(size): float(speed) for size, speed in kept["speeds"].items()}, int(kept["too_large"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Tried()
