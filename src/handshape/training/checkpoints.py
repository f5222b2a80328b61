"""The state of an unfinished training, so that a stopped run goes on to the same weights as an unbroken one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from handshape.errors import RunError
from handshape.files import atomic_write

Arrays = list[NDArray[Any]]


@dataclass
class TrainingState:
    """Everything that changes while training, between two epochs."""

    phase: int = 1
    epoch: int = 0  # epochs of this phase that are done
    finished: bool = False  # this phase
    history: dict[str, list[float]] = field(default_factory=dict)
    phase_epochs: dict[str, int] = field(default_factory=dict)  # phase number → epochs it ran
    counters: dict[str, dict[str, float]] = field(default_factory=dict)  # callback → its counters
    best_loss: float = float("inf")
    best_epoch: int = 0  # counted over both phases, from 1
    batch_size: int = 0
    best: Arrays = field(default_factory=list)  # the classifier's weights at the best epoch
    weights: Arrays = field(default_factory=list)  # the phase model's variables
    optimizer: Arrays = field(default_factory=list)

    ARRAYS = ("best", "weights", "optimizer")

    def save(self, path: Path) -> None:
        """Writes the state in one step: the file is the old state or the new one, never half of either."""
        plain = {name: value for name, value in vars(self).items() if name not in self.ARRAYS}
        arrays = {
            f"{name}_{index:04d}": value for name in self.ARRAYS for index, value in enumerate(getattr(self, name))
        }
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, plain=np.array(json.dumps(plain)), **arrays)

    @classmethod
    def load(cls, path: Path) -> TrainingState:
        """Reads what :meth:`save` wrote.

        Raises:
            RunError: the file is not such a state.
        """
        try:
            with np.load(path) as file:
                state = cls(**json.loads(str(file["plain"])))
                for name in cls.ARRAYS:
                    setattr(state, name, [file[key] for key in sorted(file.files) if key.startswith(f"{name}_")])
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise RunError(
                f"The checkpoint {path} cannot be read: {error}.", fix="Delete that file to train from the start."
            ) from None
        return state
