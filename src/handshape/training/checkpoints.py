"""The state of an unfinished training, so that a stopped run goes on to the same weights as an unbroken one."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # Python's own is not what pydantic takes before 3.12

from handshape.distributed import from_chief
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
    precision: str = ""  # that it went back to when the loss was no number; "" as the runtime says
    best: Arrays = field(default_factory=list)  # the classifier's weights at the best epoch
    weights: Arrays = field(default_factory=list)  # the phase model's variables
    optimizer: Arrays = field(default_factory=list)

    ARRAYS = ("best", "weights", "optimizer")

    def save(self, path: Path) -> None:
        """Writes the state in one step: the file is the old state or the new one, never half of either."""
        with atomic_write(path) as partial, partial.open("wb") as file:
            self._write(file)

    def _write(self, file: IO[bytes]) -> None:
        plain = {name: value for name, value in vars(self).items() if name not in self.ARRAYS}
        arrays = {
            f"{name}_{index:04d}": value for name in self.ARRAYS for index, value in enumerate(getattr(self, name))
        }
        np.savez(file, plain=np.array(json.dumps(plain)), **arrays)

    @classmethod
    def found(cls, path: Path | None) -> TrainingState:
        """What a checkpoint holds, or a new state where there is none; what the chief found, for all workers.

        Raises:
            RunError: as :meth:`load`.
        """

        def found_here() -> bytes:
            state, file = cls.load(path) if path is not None and path.exists() else cls(), io.BytesIO()
            state._write(file)
            return file.getvalue()

        return cls._read(io.BytesIO(from_chief("checkpoint", found_here)))

    @classmethod
    def load(cls, path: Path) -> TrainingState:
        """Reads what :meth:`save` wrote.

        Raises:
            RunError: the file is not such a state.
        """
        try:
            return cls._read(path)
        except Exception as error:  # zip, header and JSON fail in many ways
            raise unfit(path, f"{type(error).__name__}: {error}".partition("\n")[0]) from None

    @classmethod
    def _read(cls, source: Path | IO[bytes]) -> TrainingState:
        with np.load(source, allow_pickle=False) as file:
            plain: Any = TypeAdapter(_Plain).validate_python(json.loads(str(file["plain"])))
            state = cls(**plain)
            for name in cls.ARRAYS:
                setattr(state, name, [file[key] for key in sorted(file.files) if key.startswith(f"{name}_")])
        return state


@with_config(ConfigDict(extra="forbid", strict=True))
class _Plain(TypedDict, total=False):
    """What a state holds beside arrays."""

    phase: Annotated[int, Field(ge=1, le=2)]
    epoch: Annotated[int, Field(ge=0)]
    finished: bool
    history: dict[str, list[float]]
    phase_epochs: dict[str, int]
    counters: dict[str, dict[str, float]]
    best_loss: float
    best_epoch: Annotated[int, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=0)]
    precision: str


def require_fit(path: Path | None, kept: Sequence[NDArray[Any]], wanted: Sequence[Any]) -> None:
    """Passes where arrays have the shapes of the variables that they are for.

    Args:
        path: of the checkpoint.
        kept: what it holds.
        wanted: variables, or arrays.

    Raises:
        RunError: they have others, or hold what is no number.
    """
    if [each.shape for each in kept] != [tuple(each.shape) for each in wanted]:
        raise unfit(path, "it is of another network")
    if not all(np.isfinite(each).all() for each in kept if each.dtype.kind == "f"):
        raise unfit(path, "it holds what is no number")


def unfit(path: Path | None, why: str) -> RunError:
    """What to tell a user whose checkpoint is none."""
    return RunError(f"The checkpoint {path} cannot be used: {why}.", fix="Delete that file to train from the start.")
