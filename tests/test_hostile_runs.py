"""Run folders that several processes want, whose processes are killed, or whose photographs are exchanged."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from conftest import Handshape, Trained, assignments
from helpers import results_of

from handshape.errors import RunError
from handshape.export.bundle import TRAINED_ON, find_bundle, folder_mark
from handshape.files import PARTIAL
from handshape.workflow.claim import LOCK, locked
from handshape.workflow.run import read_record

PROGRAM = [sys.executable, "-m", "handshape"]
SHORT = assignments(model__num_epochs=1, model__fine_tune_epochs=0)

CLAIM = """
import sys
from pathlib import Path
from handshape.workflow.run import Run, claimed_run
with claimed_run(Path(sys.argv[1]), None, Path("photographs"), Run) as run:
    run.record(state="running")
    print(run.folder.name, flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "fail":
        run.record(state="begun")
        raise SystemExit("as a training whose photographs cannot be used")
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the program beside this process; what still runs in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> subprocess.Popen[str]:
        command = [*PROGRAM, *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_processes_of_one_second_take_names_of_their_own(tmp_path: Path) -> None:
    how = ["keep", "fail", "keep", "fail", "keep"]
    commands = [[sys.executable, "-c", CLAIM, str(tmp_path / "runs"), each] for each in how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(command, text=True, **pipes) for command in commands]
    names = [process.stdout.readline().strip() for process in processes if process.stdout]
    for process in processes:
        process.communicate("go on\n")
    assert len(set(names)) == len(names)
    kept = {name for name, each in zip(names, how, strict=True) if each == "keep"}
    assert {path.name for path in (tmp_path / "runs").iterdir()} == kept  # who fails takes nothing of others away
    assert not list(tmp_path.rglob(LOCK))


def test_a_second_training_leaves_the_first_alone_and_a_killed_one_is_taken_over(
    drawn: Path, handshape: Handshape, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    words, run = ["train", drawn, "--out", tmp_path / "runs", "--name", "r", *SHORT], tmp_path / "runs" / "r"
    first = start(*words)
    wait_for((run / "splits.csv").is_file, first)
    second = handshape(*words)
    assert second.code == 1
    assert f"There is already a run {run}" in second.err
    resumed = handshape("train", "--resume", run)
    assert resumed.code == 1
    assert f"Process {first.pid} on " in resumed.err
    assert f"is at work in {run}" in resumed.err
    assert read_record(run)["state"] == "running"
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (run / LOCK).is_file()
    taken_over = handshape("train", "--resume", run)
    assert taken_over.code == 0, taken_over.err
    assert find_bundle(run).litert.is_file()
    assert not (run / LOCK).exists()
    again = handshape(*words)
    assert again.code == 1
    assert read_record(run)["state"] == "complete"
    assert find_bundle(run).litert.is_file()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"pid": "x"}', b'{"pid": 1, "host": "elsewhere"}'])
def test_what_a_killed_process_left_in_its_lock_keeps_nobody_out(content: bytes, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == os.getpid()
        with pytest.raises(RunError, match=f"Process {os.getpid()} on .* is at work in"), locked(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("owner", "is_refused"),
    [
        ({"pid": os.getpid(), "host": os.uname().nodename}, True),
        ({"pid": 2**30, "host": os.uname().nodename}, False),
        ({"pid": 2**30, "host": "elsewhere"}, True),
        ({}, False),
    ],
)
def test_where_a_disk_knows_no_locks_the_owner_decides(
    owner: dict[str, object], is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handshape.workflow.claim.fcntl", None)
    (tmp_path / LOCK).write_text(json.dumps(owner))
    try:
        with locked(tmp_path):
            assert not is_refused
    except RunError as error:
        assert is_refused
        assert f"remove {tmp_path / LOCK}" in error.fix


def test_killed_while_photographs_are_read_it_begins_anew_under_its_name(
    drawn: Path, handshape: Handshape, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, unbroken = tmp_path / "runs" / "r", tmp_path / "unbroken"
    first = start("train", drawn, "--out", run.parent, "--name", "r", *SHORT)
    wait_for((run / "run.json").is_file, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert read_record(run)["state"] == "begun"
    resumed = handshape("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert "Nothing was learned yet" in resumed.err
    assert read_record(run)["state"] == "complete"
    assert handshape("train", drawn, "--out", tmp_path, "--name", "unbroken", *SHORT).code == 0
    assert results_of(run) == results_of(unbroken)
    files = [{each.relative_to(place).as_posix().count("/") for each in place.rglob("*")} for place in (run, unbroken)]
    assert files[0] == files[1]


def test_what_a_killed_process_left_half_written_is_gone_when_its_run_goes_on(
    drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "r"
    with monkeypatch.context() as patch:
        patch.setattr("handshape.workflow.train.fit", stop)
        assert handshape("train", drawn, "--out", tmp_path, "--name", "r", *SHORT).code == 130
    for place in (run, run / "results", run / "models"):
        (place / f"{PARTIAL}0123.png").write_bytes(b"half")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outcome = handshape("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert "Nothing was learned yet" in outcome.err
    assert not [path for path in tmp_path.rglob("*") if PARTIAL in path.name or "autograph" in path.name]


def test_a_bundle_does_not_say_where_its_photographs_lie(trained: Trained) -> None:
    bundle, home = find_bundle(trained.folder), str(trained.data.parent).encode()
    data = bundle.details["settings"]["data"]
    assert data["original_data_dir"] == trained.data.name
    assert bundle.details[TRAINED_ON] == folder_mark(trained.data)
    for file in bundle.folder.iterdir():
        content = [file.read_bytes()]
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                content += [archive.read(name) for name in archive.namelist()]
        assert not [each for each in content if home in each], file.name


@pytest.mark.parametrize("verb", ["train", "crossval"])
def test_photographs_exchanged_under_the_same_names_are_named(
    verb: str, drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = tmp_path / "photos", tmp_path / "runs" / "r"
    shutil.copytree(drawn, data)

    module = import_module(f"handshape.workflow.{'crossval_fold' if verb == 'crossval' else verb}")
    fits = {"train": [], "crossval": [module.fit]}[verb]  # a cross-validation is kept from the first fold on

    def fit(*arguments: object) -> object:
        if not fits:
            raise KeyboardInterrupt
        return fits.pop()(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit", fit)
        assert handshape(verb, data, "--out", run.parent, "--name", "r", *SHORT).code == 130
    images = sorted((data / "A").iterdir())
    for image, other in zip(images[:7], sorted((data / "B").iterdir()), strict=False):
        image.write_bytes(other.read_bytes())
    images[-1].rename(images[-1].with_name("renamed.jpg"))
    outcome = handshape(verb, "--resume", run)
    assert outcome.code == 1
    assert "7 are changed (A/" in outcome.err
    assert "and 2 more)" in outcome.err
    assert f"1 is gone or unreadable (A/{images[-1].name})" in outcome.err
    assert "1 is new (A/renamed.jpg)" in outcome.err


def test_a_library_that_is_interrupted_while_it_is_loaded_is_an_interrupt(
    drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("handshape.workflow.train.fit", load)
    outcome = handshape("train", drawn, "--out", tmp_path, "--name", "r", *SHORT)
    assert outcome.code == 130
    assert f"Go on with: handshape train --resume {tmp_path / 'r'}" in outcome.err
    assert read_record(tmp_path / "r")["state"] == "interrupted"
