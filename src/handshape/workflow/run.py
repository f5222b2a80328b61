"""The life of a run folder: begun under a name of its own, held by one process at a time, and how it ends."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

from handshape.console import Console
from handshape.errors import HandshapeError, RunError, hides_interrupt
from handshape.files import cannot_write, is_refused, require_disk_space
from handshape.workflow.claim import claimed, locked, require_place
from handshape.workflow.run_folder import RECORD, CrossvalRun, EnsembleRun, Run, TuneRun, read_record

__all__ = [
    "BEGUN",
    "COMPLETE",
    "RECORD",
    "RUNNING",
    "CrossvalRun",
    "EnsembleRun",
    "Run",
    "TuneRun",
    "claimed_run",
    "held_run",
    "new_run",
    "open_run",
    "read_record",
    "run_in_progress",
]

BEGUN, RUNNING, COMPLETE = "begun", "running", "complete"  # states: photographs are being read; something is learned
ROOM = 100_000_000  # bytes: models, checkpoint and figures come to about 70 MB
LEAST_ROOM = 20_000_000  # of a run that goes on: each file is written beside the one it takes the place of
LONGEST_NAME = 200  # bytes; file systems allow 255

AnyRun = TypeVar("AnyRun", bound=Run)


def new_run(out: Path, name: str | None, photographs: Path, kind: type[AnyRun]) -> AnyRun:
    """A run folder that does not exist yet; nothing is made.

    Raises:
        RunError: the name is taken or is a path, or ``out`` lies among the photographs or cannot be written.
    """
    require_place(out, photographs)
    timestamp = time.strftime("%Y%m%d_%H%M%S")
    if name is None:
        names = (timestamp if number == 1 else f"{timestamp}_{number}" for number in count(1))
        name = next(free for free in names if not (out / free).exists())
    if Path(name).name != name or name in ("", ".", "..") or len(os.fsencode(name)) > LONGEST_NAME:
        raise RunError(f"'{name}' cannot be the name of a run.", "a short, plain name; --out says where it goes")
    run = kind(out / name, timestamp)
    if os.path.lexists(run.folder):
        raise _taken(run)
    return run


@contextmanager
def claimed_run(out: Path, name: str | None, photographs: Path, kind: type[AnyRun]) -> Iterator[AnyRun]:
    """A new run folder, made at once and held, so that no other process takes its name while photographs are read.

    Where the block ends before :func:`run_in_progress` begins, the folder goes.

    Raises:
        RunError: as :func:`new_run`.
    """
    with ExitStack() as stack:
        run = _made_first(out, name, photographs, kind, stack)
        try:
            yield replace(run, is_held=True)
        except BaseException:
            if not (run.folder / RECORD).is_file() or read_record(run.folder).get("state") == BEGUN:
                run.remove()
            raise


def _made_first(out: Path, name: str | None, photographs: Path, kind: type[AnyRun], stack: ExitStack) -> AnyRun:
    """A new run folder that this process made; where another was first, the next free name, or the refusal."""
    while True:
        run = new_run(out, name, photographs, kind)
        with suppress(FileExistsError):
            stack.enter_context(claimed(run.folder))
            return run


@contextmanager
def held_run(folder: Path, kind: type[AnyRun]) -> Iterator[AnyRun]:
    """A run that was begun before, locked while the block lasts.

    Raises:
        RunError: as :func:`open_run`, or another process is at work in it.
    """
    run = open_run(folder, kind)
    with locked(folder):
        run.sweep()
        yield replace(run, is_held=True)


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
    with _hold_of(run, keep):
        try:
            require_disk_space(run.folder, max(ROOM - run.bytes, LEAST_ROOM))
            run.create_folders()
            run.record(state=RUNNING)
            with console.log_file(run.log):
                yield
                run.record(state=COMPLETE)
                run.clean()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(run, keep)) from None
        except HandshapeError as error:
            raise _failed(run, keep, error) from None
        except Exception as error:
            if hides_interrupt(error):
                raise KeyboardInterrupt(_stopped(run, keep)) from None
            if not is_refused(error):
                _record_end(run, "failed")
                raise
            raise _failed(run, keep, cannot_write(run.folder, error)) from None
        except BaseException:
            _record_end(run, "failed")
            raise


def _hold_of(run: Run, keep: bool) -> AbstractContextManager[None]:
    """What keeps other processes out while a run is in progress, unless that was seen to before."""
    if run.is_held:
        return nullcontext()
    return locked(run.folder) if keep else _claimed_or_refused(run)


@contextmanager
def _claimed_or_refused(run: Run) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(run.folder))
        except FileExistsError:
            raise _taken(run) from None
        yield


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


def _taken(run: Run) -> RunError:
    is_run = (run.folder / RECORD).is_file()
    return RunError(
        f"There is already a {'run' if is_run else 'folder'} {run.folder}.",
        "a new name, so that nothing is overwritten",
        "Choose another --name" + (f", or go on with it if it did not finish: {run.resume_command}" * is_run) + ".",
    )
