"""``--workers``: processes that learn one model together, each computing its share of every batch.

The chief, of rank 0, is an ordinary training: it holds the run folder, writes and prints. The others do what its
settings say up to the last step that is learned, and leave nothing behind. On one machine the command that the user
typed starts them all, watches them, and ends them all where one ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from handshape import distributed
from handshape.config import validate_settings
from handshape.console import Console
from handshape.distributed import Place
from handshape.errors import HandshapeError, RunError, SettingsError
from handshape.machine import is_installed
from handshape.workflow.run import read_record

if TYPE_CHECKING:
    from handshape.data.splits import Split
    from handshape.workflow.dataset import Dataset

__all__ = ["Place", "run_with", "work"]

CLUSTER = "cluster"  # as a number of workers: what started this process says how many
LAUNCHER = "HANDSHAPE_LAUNCHER"  # the process that started this one; when it is gone, this one ends
GRACE = 5.0  # seconds that a worker has to end by itself
LOOK_EVERY = 0.1  # seconds
STOPPED = 130  # exit code

Result = TypeVar("Result")


def run_with(workers: int | str, words: Sequence[str], console: Console, lead: Callable[[], int]) -> int:
    """Trains with so many workers and returns the exit code.

    Args:
        workers: how many to start on this machine, or :data:`CLUSTER`.
        words: of the command line, which each of them is started with.
        console: shows what happens.
        lead: trains; what the chief does.

    Raises:
        HandshapeError: JAX is not installed, or nothing says which worker this is.
    """
    distributed.require_jax()
    place = distributed.place_in_cluster(os.environ) if workers == CLUSTER else distributed.place_from(os.environ)
    if place is not None:
        if LAUNCHER in os.environ:
            threading.Thread(target=_end_with, args=(int(os.environ[LAUNCHER]),), daemon=True).start()
        try:
            return work(place, lead) or 0
        except BaseException as error:
            _exit(error, console)
    if workers == 1:
        return lead()
    return _Crew(int(workers), words, console).run()


def work(place: Place, lead: Callable[[], Result]) -> Result | None:
    """One worker's part, in a process of its own whose Keras has not begun; what Ray or another launcher calls.

    Args:
        place: which worker this is, of how many, and where the chief listens.
        lead: trains, such as ``lambda: train(settings, out, name, console)``; called in the chief alone.

    Returns:
        What ``lead`` returned to the chief; None to the others.

    Raises:
        HandshapeError: this worker or another one failed. JAX then waits for the others when the process ends; what
            must end at once ends by ``os._exit``.
    """
    distributed.require_jax()
    distributed.join(place)
    try:
        if distributed.is_chief():
            return lead()
        _help()
        return None
    except BaseException as error:
        distributed.report_failure(error.happened if isinstance(error, HandshapeError) else repr(error))
        raise


def compute_as_before(run: Path) -> None:
    """Has Keras compute with what a run began with, unless ``KERAS_BACKEND`` says otherwise."""
    backend = read_record(run).get("start", {}).get("backend", "")
    if backend and is_installed(backend):
        os.environ.setdefault("KERAS_BACKEND", backend)


def require_same_photographs(dataset: Dataset, split: Split) -> None:
    """Passes where all workers have the same photographs, and the same of them in each part.

    Raises:
        RunError: this one has others than the chief.
    """
    if not distributed.is_joined():
        return
    content = hashlib.blake2b(json.dumps(sorted(dataset.report.digests.items())).encode())
    for rows in (split.train, split.validation, split.test, split.cells):
        content.update(rows.tobytes())
    own = content.digest()
    if distributed.from_chief("photographs", lambda: own) != own:
        raise RunError(
            f"On {socket.gethostname()}, {dataset.folder.root} holds other photographs than on the first worker.",
            "the same folder for all workers",
        )


def _help() -> None:
    """Learns with the chief, by its settings, without a run folder."""
    from handshape.workflow.context import Context
    from handshape.workflow.fit import fit, needs_refit, refit
    from handshape.workflow.train import begin

    settings = validate_settings(json.loads(distributed.hear("settings")))
    data = settings.data.model_copy(update={"negatives": []})  # they are measured on, by the chief
    settings, context = settings.model_copy(update={"data": data}), Context(_Silent(quiet=True), settings.gpu)
    begun = begin(settings, {}, context)
    fitted = fit(begun.dataset, begun.split, begun.settings, context)
    if needs_refit(begun.dataset, begun.settings):
        refit(fitted, begun.split.all, begun.settings, context)
    distributed.leave()


class _Silent(Console):
    """Says nothing that the chief says as well."""

    def warn(self, text: str) -> None:
        """Nothing is shown."""


@dataclass
class _Crew:
    """Workers on this machine, and what watches them."""

    workers: int
    words: Sequence[str]
    console: Console

    def run(self) -> int:
        """Starts them and returns the chief's exit code; when this ends, none of them is left."""
        environments = [self._environment(rank, port) for port in [_free_port()] for rank in range(self.workers)]
        self.console.status("machine", f"Starting {self.workers} workers, each of which computes its share of a batch")
        with tempfile.TemporaryDirectory() as folder:
            logs = [Path(folder) / str(rank) for rank in range(self.workers)]
            processes = [_start(self.words, *each) for each in zip(environments, logs, strict=True)]
            try:
                return self._watch(processes, logs)
            except KeyboardInterrupt:
                return self._stop(processes[0])
            finally:
                for process in processes:
                    process.kill()
                    process.wait()

    def _watch(self, processes: list[subprocess.Popen[bytes]], logs: list[Path]) -> int:
        while True:
            codes = dict(enumerate(process.poll() for process in processes))
            ended = {rank: code for rank, code in codes.items() if code is not None and (code or rank == 0)}
            if ended:
                killed = [rank for rank, code in ended.items() if code < 0 and code != -signal.SIGABRT]
                rank = min(killed or ended)  # the chief fails after it, JAX aborts others after the chief
                return self._ended(rank, ended[rank], processes[0], logs[rank])
            time.sleep(LOOK_EVERY)

    def _ended(self, rank: int, code: int, chief: subprocess.Popen[bytes], log: Path) -> int:
        """What comes of it that a worker has ended; the chief ends as well, and says how to go on."""
        if rank == 0 and code >= 0:
            return code
        has_told = rank > 0 and (_wait(chief, GRACE) or self._interrupt(chief))  # the chief, how to go on
        if code < 0 or chief.returncode != 1:  # else it has said this as well
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed: {_last_words(log)}"
            self.console.error(
                RunError(
                    f"Worker {rank + 1} of {self.workers} {how}, so the training was stopped.",
                    fix="" if has_told else "Go on with: handshape train --resume RUN",
                )
            )
        return 1

    def _stop(self, chief: subprocess.Popen[bytes]) -> int:
        if not self._interrupt(chief):
            self.console.warn("Stopped. Go on with: handshape train --resume RUN")
        return STOPPED

    def _interrupt(self, chief: subprocess.Popen[bytes]) -> bool:
        """Whether the chief ended by itself; it does not while it computes with a worker that is gone."""
        if chief.poll() is None:
            chief.terminate()  # SIGINT may be ignored, where a shell started us in the background
        return _wait(chief, GRACE)

    def _environment(self, rank: int, port: int) -> dict[str, str]:
        own = {
            distributed.COORDINATOR: f"127.0.0.1:{port}",
            distributed.WORKERS: str(self.workers),
            distributed.RANK: str(rank),
            LAUNCHER: str(os.getpid()),
        }
        cards = _count_cards()
        if cards:
            if self.workers > cards:
                raise SettingsError(
                    f"There are {cards} GPUs for {self.workers} workers.",
                    "a GPU for each worker; one worker uses several by itself",
                    f"--workers {cards}",
                )
            each = cards // self.workers
            own["JAX_LOCAL_DEVICE_IDS"] = ",".join(map(str, range(rank * each, (rank + 1) * each)))
        return {**os.environ, **own}


def _start(words: Sequence[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """One worker, in a session of its own: Ctrl-C is for the launcher. The chief writes where the launcher does."""
    command = [sys.executable, "-m", "handshape", *words]
    if environment[distributed.RANK] == "0":
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    with log.open("wb") as file:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _count_cards() -> int:
    """NVIDIA GPUs that may be used; 0 where there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([card for card in visible.split(",") if card.strip() not in ("", "-1")])
    try:
        told = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines())


def _end_with(launcher: int) -> None:
    """Ends this process when its launcher is gone without having ended it."""
    while os.getppid() == launcher:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(STOPPED)


def _exit(error: BaseException, console: Console) -> NoReturn:
    """Says why this worker ends, and ends it: JAX would wait for minutes for the others to end as well."""
    code = 1
    if isinstance(error, KeyboardInterrupt):
        code = STOPPED
        console.warn(str(error) or "Stopped. To begin again, give the same command.")
    elif isinstance(error, HandshapeError):
        console.error(error)
    else:
        traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
