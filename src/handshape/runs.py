"""A run folder: where everything that one training leaves behind is kept, under the specification's names."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.errors import RunError
from handshape.files import cannot_write, write_json

RECORD = "run.json"


@dataclass(frozen=True)
class Run:
    """The paths of one run.

    Attributes:
        folder: the run folder.
        timestamp: when it began, in every file name.
    """

    folder: Path
    timestamp: str

    @property
    def best_model(self) -> Path:
        """The model with the lowest validation loss so far."""
        return self.folder / "models" / f"best_model_{self.timestamp}.h5"

    @property
    def final_model(self) -> Path:
        """The finished, calibrated model."""
        return self.folder / "models" / f"final_sign_model_{self.timestamp}.keras"

    @property
    def label_map(self) -> Path:
        """Class numbers and names."""
        return self.folder / "models" / f"label_map_{self.timestamp}.json"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "models" / f"config_{self.timestamp}.yaml"

    @property
    def results(self) -> Path:
        """Figures and measures."""
        return self.folder / "results"

    @property
    def board(self) -> Path:
        """TensorBoard's event files."""
        return self.folder / "logs" / self.timestamp

    @property
    def log(self) -> Path:
        """Everything that was said, with time and level."""
        return self.folder / "training.log"

    @property
    def splits(self) -> Path:
        """Which image is in which part."""
        return self.folder / "splits.csv"

    @property
    def bundle(self) -> Path:
        """What is passed on."""
        return self.folder / "bundle"

    @property
    def work(self) -> Path:
        """Scratch files; gone when the run is complete."""
        return self.folder / "work"

    @property
    def checkpoint(self) -> Path:
        """The state of an unfinished training."""
        return self.work / "training_state.npz"

    def record(self, **changes: Any) -> dict[str, Any]:
        """Updates run.json and returns what it holds."""
        path = self.folder / RECORD
        known = read_record(self.folder) if path.exists() else {"format": 1, "timestamp": self.timestamp}
        known.update(changes)
        write_json(path, known)
        return known

    def create_folders(self) -> None:
        """Makes the folders a training writes into.

        Raises:
            RunError: the place cannot be written.
        """
        for folder in (self.final_model.parent, self.results, self.board, self.work):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot_write(folder, error) from None

    def clean(self) -> None:
        """Removes the scratch files."""
        shutil.rmtree(self.work, ignore_errors=True)


def new_run(out: Path, name: str | None) -> Run:
    """A run folder that does not exist yet; nothing is made until :meth:`Run.create_folders`.

    Raises:
        RunError: the name is taken or is a path.
    """
    timestamp = time.strftime("%Y%m%d_%H%M%S")
    if name is None:
        name = next(free for free in _candidates(timestamp) if not (out / free).exists())
    if Path(name).name != name or name in (".", ".."):
        raise RunError(f"'{name}' cannot be the name of a run.", "a plain name; --out says where it goes")
    folder = out / name
    if folder.exists():
        raise RunError(
            f"There is already a run {folder}.",
            "a new name, so that nothing is overwritten",
            f"Choose another --name, or go on with it: handshape train --resume {folder}",
        )
    return Run(folder, timestamp)


def open_run(folder: Path) -> Run:
    """A run that was begun before.

    Raises:
        RunError: the folder is not a run.
    """
    return Run(folder, str(read_record(folder)["timestamp"]))


def read_record(folder: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        record["timestamp"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            f"{folder} is not a run folder.",
            f"a folder that handshape train made, with a {RECORD} in it",
            "Look below runs/ for its name.",
        ) from None
    return dict(record)


def _candidates(timestamp: str) -> Any:
    yield timestamp
    yield from (f"{timestamp}_{number}" for number in range(2, 1000))
