"""Runs on disk: found below a folder, and read as far as they are whole.

Nothing here waits for a run or changes it; whether its process lives is told by the lock that it holds.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from handshape.config import read_yaml
from handshape.errors import HandshapeError, RunError
from handshape.suggestions import did_you_mean_path
from handshape.workflow.claim import LOCK
from handshape.workflow.comparing.measured import Measured, measured
from handshape.workflow.run import BEGUN, RUNNING, CrossvalRun, EnsembleRun, Run, TuneRun, read_record
from handshape.workflow.run_folder import RECORD

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

KINDS: dict[str, type[Run]] = {kind.verb: kind for kind in (Run, CrossvalRun, TuneRun, EnsembleRun)}
GONE = "gone"  # its record says that it is running, and its process is no more
STATES = (RUNNING, "interrupted", "failed", "complete", GONE)
ANSWERS = "test_answers.csv"


@dataclass(frozen=True, eq=False)
class FoundRun:
    """A run as its folder tells it.

    Attributes:
        name: its path below the folder that was searched.
        run: its folder and the paths in it.
        record: what run.json says.
        state: one of ``STATES``.
        measured: what it came to; little while it is not complete.
    """

    name: str
    run: Run
    record: Mapping[str, Any]
    state: str
    measured: Measured

    @property
    def kind(self) -> str:
        """The verb that made it: train, crossval, tune or ensemble."""
        return self.run.verb

    @property
    def when(self) -> str:
        """When it began, such as 2026-11-25 19:05:58; as it is written where that is no time."""
        try:
            return time.strftime("%Y-%m-%d %H:%M:%S", time.strptime(self.run.timestamp, "%Y%m%d_%H%M%S"))
        except ValueError:
            return self.run.timestamp

    @property
    def seconds(self) -> float | None:
        """That its stages took together; None where that was not kept."""
        return sum(self.measured.seconds.values()) if self.measured.seconds else None

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """Each setting that it keeps, as section.key; empty where they cannot be read."""
        try:
            sections = read_yaml(self.run.config, "settings", "", "")
            return {f"{name}.{key}": value for name, part in sections.items() for key, value in part.items()}
        except (HandshapeError, AttributeError):
            return {}

    @cached_property
    def answers(self) -> Mapping[str, bool]:
        """Whether each test photograph was answered rightly, by what the photograph and its label are.

        Empty where answers were not kept.
        """
        try:
            with (self.run.results / ANSWERS).open(encoding="utf-8", newline="") as stream:
                return {
                    f"{row['sha256']} {row['label']}": row["answer"] == row["label"] for row in csv.DictReader(stream)
                }
        except (OSError, ValueError, KeyError, csv.Error):
            return {}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": str(self.run.folder),
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "when": self.when,
            "data": self.record.get("data"),
            **self.measured.as_dict(),
            "seconds": self.seconds,
            "stages": dict(self.measured.seconds),
            "settings": dict(self.settings),
            "versions": dict(self.versions),
        }

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the program and its libraries; empty where they were not kept."""
        kept = self.record.get("versions") or self.measured.versions
        return kept if isinstance(kept, Mapping) else {}


def find_runs(folders: Sequence[Path]) -> list[FoundRun]:
    """All runs below these folders, the newest first; a folder may be a run itself.

    Raises:
        RunError: a folder is not there.
    """
    found: dict[Path, FoundRun] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"There is no folder {folder}.", "a folder with runs below it", did_you_mean_path(folder))
        for place in _run_folders(folder):
            with suppress(RunError):  # a record that is damaged, or gone since
                found.setdefault(place.resolve(), read_run(place, _name_below(place, folder)))
    return sorted(with_own_names(list(found.values())), key=lambda each: (each.run.timestamp, each.name), reverse=True)


def read_run(folder: Path, name: str) -> FoundRun:
    """One run.

    Raises:
        RunError: the folder is not one.
    """
    record = read_record(folder)
    kind = KINDS.get(str(record.get("kind", Run.verb)), Run)
    run = kind(folder, str(record["timestamp"]))
    return FoundRun(name, run, record, _state(folder, record), measured(run, record))


def with_own_names(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """The same, those of one name called by their paths."""
    names = [each.name for each in runs]
    return [each if names.count(each.name) == 1 else replace(each, name=str(each.run.folder)) for each in runs]


def is_at_work(folder: Path) -> bool:
    """Whether a process holds the lock of a run folder, as far as this system tells; nothing stays locked here."""
    try:
        file = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        if fcntl is None:
            return True
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return True
    finally:
        os.close(file)
    return False


def _run_folders(folder: Path) -> Iterator[Path]:
    """Folders with a record, in no order; nothing is looked for inside of one."""
    for place, below, files in os.walk(folder):
        if RECORD in files:
            below.clear()
            yield Path(place)
        below[:] = [name for name in below if not name.startswith(".")]


def _name_below(place: Path, folder: Path) -> str:
    return place.relative_to(folder).as_posix() if place != folder else place.resolve().name


def _state(folder: Path, record: Mapping[str, Any]) -> str:
    state = str(record.get("state", ""))
    if state not in (BEGUN, RUNNING):
        return state
    return RUNNING if is_at_work(folder) else GONE
