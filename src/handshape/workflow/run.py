"""A run folder: where everything that one training leaves behind is kept, under the specification's names."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from handshape.console import Console
from handshape.errors import HandshapeError, RunError
from handshape.files import cannot_write, is_refused, require_disk_space, write_json
from handshape.suggestions import did_you_mean_path

RECORD = "run.json"
ROOM = 100_000_000  # bytes: models, checkpoint and figures come to about 70 MB
LONGEST_NAME = 200  # bytes; file systems allow 255


@dataclass(frozen=True)
class Run:
    """The paths of one run.

    Attributes:
        folder: the run folder.
        timestamp: when it began, in every file name.
    """

    folder: Path
    timestamp: str

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

    def clean(self) -> None:
        """Removes the scratch files."""
        shutil.rmtree(self.work, ignore_errors=True)

    def remove(self) -> None:
        """Removes the whole folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


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
        return self.space.is_file()


AnyRun = TypeVar("AnyRun", bound=Run)


def new_run(out: Path, name: str | None, photographs: Path, kind: type[AnyRun]) -> AnyRun:
    """A run folder that does not exist yet; nothing is made until :meth:`Run.create_folders`.

    Raises:
        RunError: the name is taken or is a path, or ``out`` lies among the photographs or cannot be written.
    """
    _require_apart(out, photographs)
    _require_writable(out)
    timestamp = time.strftime("%Y%m%d_%H%M%S")
    if name is None:
        name = next(free for free in _candidates(timestamp) if not (out / free).exists())
    if Path(name).name != name or name in ("", ".", "..") or len(os.fsencode(name)) > LONGEST_NAME:
        raise RunError(f"'{name}' cannot be the name of a run.", "a short, plain name; --out says where it goes")
    run = kind(out / name, timestamp)
    if run.folder.exists():
        is_run = (run.folder / RECORD).is_file()
        raise RunError(
            f"There is already a {'run' if is_run else 'folder'} {run.folder}.",
            "a new name, so that nothing is overwritten",
            "Choose another --name" + (f", or go on with it if it did not finish: {run.resume_command}" * is_run) + ".",
        )
    return run


def open_run(folder: Path, kind: type[AnyRun]) -> AnyRun:
    """A run that was begun before.

    Raises:
        RunError: the folder is not a run, or one of another kind.
    """
    record = read_record(folder)
    run = kind(folder, str(record["timestamp"]))
    made_by = record.get("kind", Run.verb)
    if made_by != run.verb:
        raise RunError(
            f"{folder} was made by handshape {made_by}, not by handshape {run.verb}.",
            f"a folder that handshape {run.verb} made",
            f"handshape {made_by} --resume {shlex.quote(str(folder))}",
        )
    return run


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
            did_you_mean_path(folder) or "Look below runs/ for its name.",
        ) from None
    return dict(record)


@contextmanager
def run_in_progress(run: Run, console: Console, keep: bool) -> Iterator[None]:
    """Writes the log, records how the run ends, and says how to go on when it is stopped.

    Args:
        run: what is in progress; its folders are made.
        console: writes the log.
        keep: False for a new run: where the input turns out to be at fault before anything is learned, its folder goes.

    Raises:
        RunError: the disk refused something.
        KeyboardInterrupt: the user stopped it; its text says how to go on.
    """
    try:
        require_disk_space(run.folder, ROOM)
        run.create_folders()
        run.record(state="running")
        with console.log_file(run.log):
            yield
            run.record(state="complete")
            run.clean()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_stopped(run, keep)) from None
    except HandshapeError as error:
        raise _failed(run, keep, error) from None
    except Exception as error:
        if not is_refused(error):
            _record_end(run, "failed")
            raise
        raise _failed(run, keep, cannot_write(run.folder, error)) from None
    except BaseException:
        _record_end(run, "failed")
        raise


def _stopped(run: Run, keep: bool) -> str:
    if not (keep or run.has_progress or run.splits.is_file()):
        run.remove()
        return ""
    _record_end(run, "interrupted")
    return f"Stopped. Go on with: {run.resume_command}"


def _failed(run: Run, keep: bool, error: HandshapeError) -> HandshapeError:
    if not (keep or run.has_progress):
        run.remove()
        return error
    _record_end(run, "failed")
    return type(error)(error.happened, error.expected, f"{error.fix} Then go on with: {run.resume_command}".lstrip())


def _record_end(run: Run, state: str) -> None:
    with suppress(HandshapeError):  # on a full disk it stays "running", which can be resumed as well
        run.record(state=state)


def _require_apart(out: Path, photographs: Path) -> None:
    """A run among the photographs would be taken for a class the next time."""
    if out.resolve().is_relative_to(photographs.resolve()):
        raise RunError(
            f"The run would go into {out}, among the photographs.",
            "a place outside of them, so that they stay as they are",
            "Name one with --out, or give the command in another folder.",
        )


def _require_writable(out: Path) -> None:
    """Better said before the photographs are read than after."""
    place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not place.is_dir():
        raise cannot_write(out, NotADirectoryError(errno.ENOTDIR, f"{place} is a file"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise cannot_write(out, PermissionError(errno.EACCES, f"{place} may not be written"))


def _candidates(timestamp: str) -> Iterator[str]:
    yield timestamp
    yield from (f"{timestamp}_{number}" for number in range(2, 1000))
