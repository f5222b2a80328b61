"""Tasks for the tests of executors: workers import them by name."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.errors import DataError
from handshape.workflow.context import Context


def add(array: NDArray[np.float64], number: float) -> NDArray[np.float64]:
    return array + number


def told(context: Context, what: str) -> int:
    """Says something, and which process it was in."""
    with context.watch.stage("told"):
        context.console.status("train", f"at {what}")
        context.console.warn(f"mind {what}")
    return os.getpid()


def refuse(path: str) -> None:
    raise DataError(f"{path} is no photograph.", "a photograph", "Remove it.")


def divide(number: float) -> float:
    return number / 0


class OddError(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def be_odd() -> None:
    raise OddError("this", "that")


def unpicklable() -> object:
    return lambda: None


def once_killed(folder: Path, number: int) -> int:
    """Kills its own process when it is first done; notes each time that it was begun."""
    begun = len(list(folder.glob(f"{number}_*")))
    (folder / f"{number}_{os.getpid()}").touch()
    if number == 1 and not begun:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def address_of(value: NDArray[np.float64]) -> tuple[int, int]:
    """Which process it is in, and which object it was given there."""
    time.sleep(0.05)  # so that every worker gets some
    return os.getpid(), id(value)


def sleep(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)
