"""``--workers``: several processes and several devices learn what one does, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, assignments

from handshape import distributed
from handshape.console import Console
from handshape.distributed import Place, place_from, place_in_cluster
from handshape.errors import SettingsError
from handshape.workflow import workers

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "workers.py"
BY_HAND = {"HANDSHAPE_COORDINATOR": "one:1234", "HANDSHAPE_WORKERS": "4", "HANDSHAPE_RANK": "2"}
INDEXED_JOB = {"JAX_COORDINATOR_ADDRESS": "job-0.net:55", "HANDSHAPE_WORKERS": "3", "JOB_COMPLETION_INDEX": "0"}
SLURM = {"SLURM_STEP_NODELIST": "node[1-2]", "SLURM_PROCID": "1"}
SMALL = assignments(model__batch_size=5, model__num_epochs=3, model__fine_tune_optimizer="adam")
ALIKE = 1e-5
PATIENCE = 400.0  # seconds, on a machine that is busy with other things


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (BY_HAND, Place("one:1234", 4, 2)),
        (INDEXED_JOB, Place("job-0.net:55", 3, 0)),
        ({**INDEXED_JOB, **BY_HAND}, Place("one:1234", 4, 2)),
        (SLURM, Place("")),
    ],
    ids=["by hand", "Kubernetes", "by hand counts first", "SLURM, which JAX knows"],
)
def test_variables_say_which_worker_this_is(environment: dict[str, str], place: Place) -> None:
    assert place_in_cluster(environment) == place


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "Nothing says which worker"),
        ({"HANDSHAPE_WORKERS": "2"}, "HANDSHAPE_COORDINATOR and HANDSHAPE_RANK is not set"),
        ({**BY_HAND, "HANDSHAPE_RANK": "4"}, "no worker 4 of 4"),
        ({**BY_HAND, "HANDSHAPE_WORKERS": "many"}, "no worker 2 of many"),
        ({**BY_HAND, "HANDSHAPE_COORDINATOR": "one"}, "at one"),
    ],
)
def test_variables_that_say_too_little_are_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        place_in_cluster(environment)


def test_a_cluster_counts_only_where_it_is_asked_for() -> None:
    assert place_from(SLURM) is None


def test_without_jax_one_line_says_what_to_install(
    drawn: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(distributed, "is_installed", lambda name: name != "jax")
    outcome = handshape("train", drawn, "--out", tmp_path, "--workers", 2)
    assert (outcome.code, "pip install 'handshape[gpu]'" in outcome.err) == (1, True)
    assert not list(tmp_path.iterdir())


def test_another_backend_is_not_overruled(
    drawn: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    outcome = handshape("train", drawn, "--out", tmp_path, "--workers", 2)
    assert (outcome.code, "KERAS_BACKEND names tensorflow" in outcome.err) == (1, True)


@pytest.mark.parametrize("word", ["0", "-1", "two", ""])
def test_a_number_of_workers_is_one(word: str, handshape: Handshape, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        handshape("train", "photos", f"--workers={word}")
    assert "a number from 1, or cluster" in capfd.readouterr().err


@pytest.mark.slow
def test_devices_and_workers_learn_what_one_does() -> None:
    pytest.importorskip("jax")
    command = [sys.executable, str(BENCHMARK), "--streams", "hand", "landmarks", "pixels", "--ways", "1x2", "2x1"]
    told = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    measured = json.loads(told)
    for way in ("1x2", "2x1"):
        for stream, found in measured[way].items():
            assert found["steps"] >= 50, stream
            assert max(found["loss"], found["weight"]) < ALIKE, (way, stream, found)


@pytest.mark.slow
def test_a_run_of_two_workers_outlives_one_of_them_and_ends_with_one(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    data = few_of(drawn, tmp_path / "few")
    new = ["train", str(data), "--out", str(tmp_path), *SMALL]
    go_on = ["train", "--resume", str(tmp_path / "stopped")]

    with started(*new, "--name", "stopped", "--workers", "2") as command:
        wait_for(lambda: any((tmp_path / "stopped").rglob("*state*.npz")), command)
        since = time.monotonic()
        os.kill(worker_of(command, rank=1), signal.SIGKILL)
        _, told = command.communicate(timeout=PATIENCE)
        assert time.monotonic() - since < 60
    assert command.returncode == 1
    assert "Worker 2 of 2 was ended by SIGKILL" in told and "handshape train --resume" in told
    assert "Traceback" not in told

    with started(*go_on, "--workers", "2") as command:
        wait_for(lambda: worker_of(command, rank=1), command)
        time.sleep(10)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=60)
    assert (command.returncode, "Traceback" in told) == (130, False)

    finished = run_to_its_end(*go_on)
    assert finished.returncode == 0, finished.stderr
    alone = run_to_its_end(*new, "--name", "alone", "--workers", "1")
    assert alone.returncode == 0, alone.stderr
    np.testing.assert_allclose(weights_of(tmp_path / "stopped"), weights_of(tmp_path / "alone"), atol=ALIKE)


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        ((1, -signal.SIGKILL), "Worker 2 of 2 was ended by SIGKILL"),  # the chief has noticed before anybody looked
        ((-signal.SIGKILL, -signal.SIGABRT), "Worker 1 of 2 was ended by SIGKILL"),
        ((1, -signal.SIGABRT), ""),  # the chief failed, has said why, and the other went after it
        ((0, 0), ""),
    ],
)
def test_of_workers_that_ended_together_the_one_that_was_killed_is_named(
    codes: tuple[int, int], named: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = [subprocess.Popen([sys.executable, "-c", f"import os; {ending(code)}"]) for code in codes]
    for process in ended:
        process.wait()
    crew = workers._Crew(2, (), Console())
    assert crew._watch(ended, [tmp_path, tmp_path]) == (1 if any(codes) else 0)
    told = capfd.readouterr()
    assert named in told.out + told.err if named else not (told.out + told.err)


def ending(code: int) -> str:
    """What ends a program so."""
    return f"os.kill(os.getpid(), {-code})" if code < 0 else f"os._exit({code})"


def few_of(drawn: Path, folder: Path) -> Path:
    """Three classes of the drawn ones."""
    folder.mkdir()
    for name in ("A", "B", "L"):
        (folder / name).symlink_to(drawn / name)
    return folder


def environment() -> dict[str, str]:
    """Of a shell in which no test has chosen a backend."""
    return {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}


def run_to_its_end(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handshape", *words]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is running; it is ended with the block."""
    command = subprocess.Popen(
        [sys.executable, "-m", "handshape", *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield command
    finally:
        command.send_signal(signal.SIGTERM)
        command.wait(60)


def wait_for(found: Callable[[], object], command: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while not found():
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < until
        time.sleep(0.2)


def worker_of(command: subprocess.Popen[str], rank: int) -> int:
    """The process that is the worker of that rank; 0 where there is none yet."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes().decode().split("\0")
            except OSError:
                continue
            if {f"HANDSHAPE_LAUNCHER={command.pid}", f"HANDSHAPE_RANK={rank}"} <= set(environment):
                return int(folder.name)
    return 0


def weights_of(run: Path) -> np.ndarray:
    """All weights of a finished model, in the order of their names."""
    import keras

    (file,) = (run / "models").glob("final_*.keras")
    model = keras.models.load_model(file, compile=False)
    return np.concatenate([weight.numpy().ravel() for weight in model.weights])
