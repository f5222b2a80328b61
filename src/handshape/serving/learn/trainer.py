"""One training at a time, in a process of its own: the server itself needs no TensorFlow.

The process is ``handshape train`` on the folder of recordings. What it tells on its standard output is the progress;
when the server dies that pipe breaks, and the process ends with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from handshape.downloads import cache_folder
from handshape.errors import HandshapeError
from handshape.export.bundle import Bundle, read_bundle
from handshape.export.manifest import MANIFEST
from handshape.files import discard, sweep
from handshape.machine import is_installed
from handshape.registry import Reference, open_registry, ready_names, require_name
from handshape.serving.learn.comparison import compare
from handshape.serving.learn.names import RefusedError
from handshape.serving.learn.progress import Progress
from handshape.serving.learn.recordings import Recorded, Recordings
from handshape.serving.proof import prove
from handshape.serving.recognizer import Recognizer

PROGRAM = (sys.executable, "-m", "handshape")
RUNNING, DONE, FAILED, CANCELLED, KEPT = "running", "done", "failed", "cancelled", "kept"
LEAST_CLASSES, LEAST_FRAMES, LEAST_GROUPS = 2, 10, 3
BY_SESSION = r"/(?P<session>[^/]+)/[^/]+$"
SETTINGS = (
    "hands.find=require",  # a frame without a hand teaches nothing here
    "landmark_stream.epochs=20",  # half of the usual ones: few handshapes of one person are learned by then
    "hand_stream.epochs=10",
)
PATIENCE = 5.0  # seconds that a process gets to end by itself
NAME = "my-signs"


@dataclass
class Training:
    """A training, from its start until it is kept or thrown away.

    Attributes:
        id: tells it from others.
        also: ready models whose classes it keeps.
        folder: of its files, which go with it.
        process: the program that trains.
        state: ``running``, ``done``, ``failed``, ``cancelled`` or ``kept``.
        begun, seconds: when it began, by the monotonic clock, and how long it took.
        progress: how far it is.
        comparison: before and after, once it is done.
        error: why it failed.
        version: what it was kept as.
    """

    id: str
    also: tuple[str, ...]
    folder: Path
    process: subprocess.Popen[str]
    state: str = RUNNING
    begun: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    progress: Progress = field(default_factory=Progress)
    comparison: dict[str, Any] | None = None
    error: str = ""
    version: str = ""

    @property
    def run(self) -> Path:
        """Its run folder."""
        return self.folder / "runs" / "run"

    @property
    def has_model(self) -> bool:
        """Whether the model and its measures are there; figures and a report, which nobody sees here, come later."""
        return (self.run / "bundle" / MANIFEST).is_file()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        seconds = time.monotonic() - self.begun if self.seconds is None else self.seconds
        return {
            "id": self.id,
            "state": self.state,
            "also": list(self.also),
            "seconds": round(seconds, 1),
            **self.progress.as_dict(),
            "comparison": self.comparison,
            "error": self.error,
            "version": self.version,
        }


class Trainer:
    """Trains on recordings, and keeps what came of it.

    Args:
        recordings: what is learned from.
        in_use: the model that a new one is compared with.
        serve: has the model of a name be in use from now on.
        load: makes a recogniser.
    """

    def __init__(
        self,
        recordings: Recordings,
        in_use: Callable[[], Recognizer],
        serve: Callable[[str], None],
        load: Callable[[Bundle], Recognizer],
    ) -> None:
        self._recordings = recordings
        self._in_use = in_use
        self._serve = serve
        self._load = load
        self._lock = threading.RLock()
        self._training: Training | None = None
        self._place = cache_folder() / "trials"

    @property
    def current(self) -> Training | None:
        """The training that runs, or whose result waits for a decision."""
        return self._training

    @staticmethod
    def missing() -> str:
        """What this machine lacks to train; "" where nothing."""
        return "" if is_installed("keras") else "Training needs the extra [train]: pip install 'handshape[train]'."

    def start(self, also: Sequence[str] = ()) -> Training:
        """Begins a training; the result of the last one, where nobody kept it, is thrown away.

        Args:
            also: ready models whose classes the new one keeps.

        Raises:
            RefusedError: one is running, or there is too little to learn from.
        """
        if self.missing():
            raise RefusedError("no_training", self.missing())
        strange = [name for name in also if name not in ready_names()]
        if strange:
            raise RefusedError("bad_name", f"No ready model is called {strange[0]!r}.", ", ".join(ready_names()))
        classes = self._recordings.classes()
        _require_enough(classes)
        with self._lock:
            if self._training and self._training.state == RUNNING:
                raise RefusedError(
                    "training_runs", "A training is running already.", "one at a time", "Cancel it first."
                )
            self._drop()
            self._training = training = self._begun(tuple(also), groups_rule(classes))
        threading.Thread(target=self._follow, args=[training], name="training", daemon=True).start()
        return training

    def cancel(self) -> None:
        """Ends the training that runs, or throws away the result of the last one."""
        with self._lock:
            training = self._training
            if training is None:
                raise RefusedError("no_such_training", "There is no training.")
            if training.state == RUNNING:
                training.state = CANCELLED
        _end(training.process)
        with self._lock:
            discard(training.folder)
            if training.state != CANCELLED and self._training is training:
                self._training = None

    def keep(self, name: str) -> Training:
        """Registers what was trained as the newest version of a model, in production, and serves it from now on.

        Raises:
            RefusedError: nothing is there to be kept, or the name belongs to a ready model.
            ModelError: the name cannot be one.
        """
        with self._lock:
            training = self._training
            if training is None or training.state != DONE:
                raise RefusedError("no_such_training", "No training waits to be kept.")
            if require_name(name) in ready_names():
                raise RefusedError("name_taken", f"{name} is a model that comes with Handshape.", "another name")
            registry = open_registry()
            bundle = read_bundle(training.run / "bundle")
            prove(bundle)
            version = registry.add(name, bundle, f"recordings in {self._recordings.root}")
            registry.promote(Reference(name, version.number))
            training.state, training.version = KEPT, str(version)
            discard(training.folder)
        self._serve(name)
        return training

    def close(self) -> None:
        """Ends what runs, and leaves nothing behind."""
        with suppress(RefusedError):
            self.cancel()

    def _drop(self) -> None:
        if self._training:
            discard(self._training.folder)
        sweep(self._place, "*")

    def _begun(self, also: Sequence[str], rule: str) -> Training:
        number = token_hex(6)
        folder = self._place / number
        folder.mkdir(parents=True)
        command = [*PROGRAM, "train", str(self._recordings.root.resolve())]
        command += ["--out", str(folder / "runs"), "--name", "run", "--json", "--json-progress", "--quiet"]
        for assignment in (f"data.groups={rule}", *SETTINGS):
            command += ["--set", assignment]
        for each in also:
            command += ["--also", each]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        with (folder / "said.txt").open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                encoding="utf-8",
                errors="replace",
                env=environment,
                cwd=folder,
            )
        return Training(number, tuple(also), folder, process)

    def _follow(self, training: Training) -> None:
        """Takes what the process tells, until it ends or has made the model."""
        before = self._in_use()
        assert training.process.stdout is not None
        with training.process.stdout as output:
            for line in output:
                training.progress.take(line)
                if training.has_model:
                    break
        if training.has_model:
            _end(training.process)
        training.process.wait()
        try:
            comparison = self._compared(training, before) if training.has_model else None
            error = "" if comparison else training.progress.error or _last_line(training.folder / "said.txt")
        except (OSError, ValueError, KeyError, HandshapeError) as problem:
            comparison, error = None, f"The training could not be judged: {problem}"
        with self._lock:
            training.seconds = time.monotonic() - training.begun
            if training.state == RUNNING:
                training.comparison, training.error = comparison, error
                training.state = DONE if comparison else FAILED

    def _compared(self, training: Training, before: Recognizer) -> dict[str, Any]:
        after = self._load(read_bundle(training.run / "bundle")) if training.also else None
        return compare(training.run, self._recordings.root, before, after)


def groups_rule(classes: Sequence[Recorded]) -> str:
    """What keeps recordings together, as the setting data.groups: people where there are several, else sessions.

    Of fewer than three of both, bursts that look alike.
    """
    sessions = [session for each in classes for session in each.sessions]
    signers, folders = {each.signer for each in sessions}, {each.folder for each in sessions}
    by_session = len(signers) < LEAST_GROUPS or "" in signers
    return BY_SESSION if by_session and len(folders) >= LEAST_GROUPS and "" not in folders else "auto"


def _require_enough(classes: Sequence[Recorded]) -> None:
    few = [each.name for each in classes if each.frames < LEAST_FRAMES]
    if len(classes) < LEAST_CLASSES or few:
        happened = f"Too few frames: {', '.join(few)}." if few else "There are too few classes."
        expected = f"at least {LEAST_CLASSES} classes, {LEAST_FRAMES} frames each"
        raise RefusedError("too_few", happened, expected, "Record more.")


def _end(process: subprocess.Popen[str]) -> None:
    """Asks a process to end, then makes it."""
    with suppress(OSError):
        process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(file: Path) -> str:
    with suppress(OSError):
        lines = [line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "The training ended without a word.")
    return "The training ended without a word."
