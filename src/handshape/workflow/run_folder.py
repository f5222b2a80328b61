"""A run folder: where everything that one training leaves behind is kept, under the specification's names."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from handshape.errors import RunError
from handshape.files import PARTIAL, TEXT_LIMIT, cannot_write, discard, read_regular, sweep, write_json
from handshape.suggestions import did_you_mean_path

RECORD = "run.json"

Options = TypeVar("Options")


@dataclass(frozen=True)
class Run:
    """The paths of one run.

    Attributes:
        folder: the run folder.
        timestamp: when it began, in every file name.
        is_held: whether this process has locked it already.
    """

    folder: Path
    timestamp: str
    is_held: bool = field(default=False, compare=False, repr=False)

    verb: ClassVar[str] = "train"  # what makes such a folder, and goes on with it

    @property
    def folders(self) -> tuple[Path, ...]:
        """What is written into."""
        return (self.final_model.parent, self.results, self.tensorboard, self.work)

    @property
    def has_progress(self) -> bool:
        """Whether something was computed that is worth keeping."""
        return self.checkpoint.is_file()

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
    def tensorboard(self) -> Path:
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
    def digests(self) -> Path:
        """SHA-256 of each photograph, by which it is noticed that some have changed."""
        return self.folder / "photographs.sha256"

    @property
    def photographs(self) -> Path:
        """Thumbnails of what was learned from, by which later evaluations know such photographs again."""
        return self.folder / "photographs.npz"

    @property
    def report(self) -> Path:
        """What was measured and what it means, as one page."""
        return self.folder / "report.html"

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
        known = read_record(self.folder) if path.exists() else {}
        known |= {"format": 1, "kind": self.verb, "timestamp": self.timestamp, **changes}
        write_json(path, known)
        return known

    def create_folders(self) -> None:
        """Makes the folders that are written into.

        Raises:
            RunError: the place cannot be written.
        """
        for folder in self.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot_write(folder, error) from None

    @property
    def resume_command(self) -> str:
        """What a user types to go on with it."""
        return f"handshape {self.verb} --resume {shlex.quote(str(self.folder))}"

    @property
    def bytes(self) -> int:
        """What the folder holds so far."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def sweep(self) -> None:
        """Removes the half-written files of a process that was killed; no other may be at work here."""
        for place in (self.folder, *self.folders):
            sweep(place, f"{PARTIAL}*", age=0)

    def clean(self) -> None:
        """Removes the scratch files."""
        shutil.rmtree(self.work, ignore_errors=True)

    def remove(self) -> None:
        """Removes the whole folder, in one step: another process may take its name at once."""
        discard(self.folder)


@dataclass(frozen=True)
class CrossvalRun(Run):
    """The paths of a cross-validation."""

    verb: ClassVar[str] = "crossval"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "config.yaml"

    @property
    def answers(self) -> Path:
        """What each fold's model said, a file a fold."""
        return self.folder / "folds"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What is written into."""
        return (self.results, self.answers)

    @property
    def has_progress(self) -> bool:
        """Whether a fold is done."""
        return any(self.answers.glob("*.npz"))


@dataclass(frozen=True)
class TuneRun(CrossvalRun):
    """The paths of a search for settings; its answers are those of the folds that confirm."""

    verb: ClassVar[str] = "tune"

    @property
    def space(self) -> Path:
        """What is searched, as YAML."""
        return self.folder / "space.yaml"

    @property
    def study(self) -> Path:
        """Optuna's study, an SQLite file, unless another storage was asked for."""
        return self.folder / "study.db"

    @property
    def best(self) -> Path:
        """What ``handshape train --config`` takes: the settings found, where they are not the defaults."""
        return self.folder / "best.yaml"

    @property
    def has_progress(self) -> bool:
        """Whether the search has begun."""
        return self.digests.is_file()


class _LabelsFile(BaseModel):
    """Of labels.csv, as it was when a run began."""

    sha256: str
    moved: int
    left_out: int


class _Record(BaseModel):
    """What run.json may say, as far as it is relied on; more may stand there."""

    model_config = ConfigDict(extra="allow", strict=True)

    timestamp: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,40}$")]  # is a part of file names
    kind: str = "train"
    state: str = ""
    data: str = ""
    external: dict[str, str] = {}
    options: dict[str, Any] = {}
    start: dict[str, str] = {}
    seconds: dict[str, float] = {}
    versions: dict[str, str] = {}
    labels_file: _LabelsFile | None = None


@dataclass(frozen=True)
class EnsembleRun(Run):
    """The paths of an ensemble: those of a training, and what each member came to."""

    verb: ClassVar[str] = "ensemble"

    @property
    def members(self) -> Path:
        """What each member that is done came to, a file a member; gone when the run is complete."""
        return self.work / "members"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What is written into."""
        return (*super().folders, self.members)

    @property
    def has_progress(self) -> bool:
        """Whether a member is done."""
        return any(self.members.glob("*.npz"))


def read_record(folder: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        record = json.loads(read_regular(folder / RECORD, TEXT_LIMIT))
        if not isinstance(record, dict) or "timestamp" not in record:
            raise ValueError
        _Record.model_validate(record)
    except ValidationError as error:
        raise _damaged(folder, error) from None
    except (OSError, ValueError, RecursionError):
        raise RunError(
            f"{folder} is not a run folder.",
            f"a folder that handshape train made, with a {RECORD} in it",
            did_you_mean_path(folder) or "Look below runs/ for its name.",
        ) from None
    return dict(record)


def options_from(record: Mapping[str, Any], kind: type[Options], folder: Path) -> Options:
    """What a run was asked for, as its record says it.

    Args:
        record: what :func:`read_record` gave.
        kind: a dataclass.
        folder: of the run, for messages.

    Raises:
        RunError: the record says something else.
    """
    options = record.get("options", {})
    unknown = set(options) - {each.name for each in fields(kind)}  # type: ignore[arg-type]  # any dataclass
    if unknown:
        raise _broken(folder, f"options.{min(unknown)}, nobody knows it")
    try:
        return TypeAdapter(kind).validate_python(options)
    except ValidationError as error:
        raise _damaged(folder, error, "options") from None


def _damaged(folder: Path, error: ValidationError, *above: str) -> RunError:
    wrong = error.errors(include_url=False, include_input=False)[0]
    place = ".".join((*above, *(str(part) for part in wrong["loc"])))
    return _broken(folder, f"{place}{', ' * bool(place)}{wrong['msg'].lower()}")


def _broken(folder: Path, why: str) -> RunError:
    return RunError(
        f"The record {folder / RECORD} is damaged: {why}.",
        "what handshape wrote there",
        "Put the file back as it was, or begin a new run.",
    )
