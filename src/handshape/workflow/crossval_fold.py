"""One fold of a cross-validation, as a task that runs wherever, and the file of what its model said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.files import atomic_write
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import evaluate
from handshape.workflow.fit import fit


@dataclass(frozen=True, eq=False)
class FoldAnswers:
    """What one fold's model said.

    Attributes:
        rows: of the data set, those it was tested on, [n].
        probabilities: about them, [n, C].
        external: right answers on other photographs, [m] each, by name.
        seconds: that it took.
    """

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    external: Mapping[str, NDArray[np.bool_]]
    seconds: float

    def save(self, path: Path) -> None:
        """Writes them whole or not at all."""
        arrays: dict[str, Any] = {f"external_{name}": right for name, right in self.external.items()}
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file, rows=self.rows, probabilities=self.probabilities, seconds=np.array(self.seconds), **arrays
            )

    @classmethod
    def load(cls, path: Path) -> FoldAnswers:
        """Reads what :meth:`save` wrote.

        Raises:
            RunError: it is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                names = [name for name in file.files if name.startswith("external_")]
                external = {name.removeprefix("external_"): file[name] for name in names}
                return cls(file["rows"], file["probabilities"], external, float(file["seconds"]))
        except Exception as error:  # zip and header fail in many ways
            raise RunError(
                f"What a fold came to cannot be read from {path} ({type(error).__name__}).",
                fix="Remove that file, and the fold is done again.",
            ) from None


@dataclass(frozen=True, eq=False)
class FoldWork:
    """What all folds share.

    Attributes:
        settings: of every fold's training, the seed of the first round.
        dataset: whose rows they train on and test.
        external: photographs from elsewhere that every fold's model is measured on, by name.
    """

    settings: Settings
    dataset: Dataset
    external: Mapping[str, Dataset]


@dataclass(frozen=True, eq=False)
class Fold:
    """One of them.

    Attributes:
        place: its name and number, in words.
        split: rows of the data set.
        repeat: the round it belongs to, from 0; each has a seed of its own.
    """

    place: str
    split: Split
    repeat: int


def answer_fold(work: FoldWork, fold: Fold, context: Context) -> FoldAnswers:
    """Trains on a fold's training rows and answers its test rows, and all other photographs."""
    start, split = time.perf_counter(), fold.split
    sizes = f"on {len(split.train):,} images, tested on {len(split.test):,}"
    context.console.status("train", f"{fold.place}: training {sizes}")
    data = work.settings.data
    data = data.model_copy(update={"seed": data.seed + fold.repeat})
    settings = work.settings.model_copy(update={"data": data})
    with context.console.only_bars():
        fitted = fit(work.dataset, split, settings, context)
        tested = evaluate(fitted, work.dataset, split.test, context.console)
        external = {
            name: evaluate(fitted, each, each.rows, context.console).predictions.correct
            for name, each in work.external.items()
        }
    return FoldAnswers(split.test, tested.predictions.probabilities, external, time.perf_counter() - start)
