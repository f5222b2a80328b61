"""Runs that are stopped or whose disk is full: what is said, what is left, and how they go on."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import Trained, assignments
from helpers import results_of

from handshape.errors import RunError
from handshape.export.bundle import find_bundle
from handshape.workflow.run import read_record

CHATTER = ("I0000", "W0000", "oneDNN", "XNNPACK", "absl", "Traceback", "WARNING:")


@pytest.fixture
def stopped_at(monkeypatch):
    """Replaces a step of the workflow, MODULE.FUNCTION, for one command, by what raises."""

    @contextlib.contextmanager
    def replace(step, error):
        def stop(*args, **kwargs):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(f"handshape.workflow.{step}", stop)
            yield

    return replace


def test_ctrl_c_in_training_and_on_to_the_same_result(trained: Trained, handshape, tmp_path, monkeypatch):
    command = [sys.executable, "-m", "handshape", "train", str(trained.data), "--out", "runs", "--name", "r"]
    process = subprocess.Popen(
        [*command, *assignments()], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    run = tmp_path / "runs" / "r"
    assert process.stderr is not None
    said = ""
    while "Phase 1" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=300)
    said += rest
    assert process.returncode == 130
    assert out == ""
    assert said.rstrip().endswith("Go on with: handshape train --resume runs/r")
    assert not [word for word in CHATTER if word in said]
    assert read_record(run)["state"] == "interrupted"
    unfinished = handshape("predict", run, "x.jpg")
    assert unfinished.code == 1
    assert f"handshape train --resume {run}" in unfinished.err
    monkeypatch.chdir(tmp_path.parent)  # from anywhere
    resumed = handshape("train", "--resume", run, "--json")
    assert resumed.code == 0
    assert resumed.object["accuracy"] == trained.outcome.object["accuracy"]
    assert read_record(run)["state"] == "complete"
    find_bundle(run)


@pytest.mark.parametrize("step", ["loading.check_folder", "train.split"])
def test_ctrl_c_before_the_run_leaves_nothing(step, drawn, handshape, stopped_at, tmp_path):
    with stopped_at(step, KeyboardInterrupt()):
        outcome = handshape("train", drawn, "--out", tmp_path / "runs", *assignments())
    assert outcome.code == 130
    assert "give the same command" in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("step", ["train.export_split_folders", "context.choose_runtime", "fit.build_classifier"])
def test_ctrl_c_before_training_can_be_resumed(step, drawn, handshape, stopped_at, tmp_path):
    run = tmp_path / "runs" / "r"
    with stopped_at(step, KeyboardInterrupt()):
        outcome = handshape("train", drawn, "--out", run.parent, "--name", "r", *assignments())
    assert outcome.code == 130
    assert f"Go on with: handshape train --resume {run}" in outcome.err
    assert read_record(run)["state"] == "interrupted"
    with stopped_at("fit.build_classifier", RuntimeError("resumed")), pytest.raises(RuntimeError, match="resumed"):
        handshape("train", "--resume", run)
    assert read_record(run)["state"] == "failed"
    assert "RuntimeError: resumed" in (run / "training.log").read_text()  # with its traceback, for whoever mends it


def test_a_disk_that_fills_late_keeps_what_was_learned(trained: Trained, handshape, stopped_at, tmp_path):
    run = tmp_path / "r"
    words = ["train", trained.data, "--out", tmp_path, *assignments(training__refit="on")]
    with stopped_at("publish.save_model", OSError(28, "No space left on device")):
        outcome = handshape(*words, "--name", "r")
    assert outcome.code == 1
    assert "no space left on device" in outcome.err
    assert f"handshape train --resume {run}" in outcome.err
    assert "Traceback" not in outcome.err
    assert read_record(run)["state"] == "failed"
    assert not (run / "bundle").exists()
    outcome = handshape("train", "--resume", run)
    assert outcome.code == 0
    assert read_record(run)["state"] == "complete"
    assert results_of(run)["accuracy"] == results_of(trained.folder)["accuracy"]  # before it learned from all
    assert find_bundle(run).details["learned_from_all"] is True
    assert not (run / "work").exists()
    assert handshape(*words, "--name", "unbroken").code == 0
    models = {(tmp_path / name / "bundle" / "model.tflite").read_bytes() for name in ("r", "unbroken")}
    assert len(models) == 1


def test_other_photographs_are_noticed(drawn, handshape, stopped_at, tmp_path):
    data = tmp_path / "photos"
    shutil.copytree(drawn, data)
    with stopped_at("fit.build_classifier", KeyboardInterrupt()):
        handshape("train", data, "--out", tmp_path / "runs", "--name", "r", *assignments())
    next((data / "A").iterdir()).unlink()
    outcome = handshape("train", "--resume", tmp_path / "runs" / "r")
    assert outcome.code == 1
    assert "The photographs are not those" in outcome.err
    assert read_record(tmp_path / "runs" / "r")["state"] == "interrupted"


def test_photographs_that_were_moved_are_named_again(drawn, handshape, stopped_at, tmp_path):
    data, moved, run = tmp_path / "photos", tmp_path / "elsewhere", tmp_path / "runs" / "r"
    shutil.copytree(drawn, data)
    with stopped_at("fit.build_classifier", KeyboardInterrupt()):
        handshape("train", data, "--out", run.parent, "--name", "r", *assignments())
    data.rename(moved)
    outcome = handshape("train", "--resume", run)
    assert outcome.code == 1
    assert f"no longer in {data}" in outcome.err
    assert f"handshape train --resume {run} NEW_FOLDER" in outcome.err
    with stopped_at("fit.build_classifier", RuntimeError("resumed")), pytest.raises(RuntimeError, match="resumed"):
        handshape("train", "--resume", run, moved)
    assert read_record(run)["data"] == str(moved)


@pytest.mark.parametrize(
    ("failing", "report"),
    [
        ({"robustness.test_mirror": "The mirror test", "publish.draw_figures": "Drawing the figures"}, True),
        ({"publish.write_report_of": "Writing the report"}, False),
    ],
)
def test_what_a_model_can_do_without_costs_no_model(failing, report, drawn, handshape, stopped_at, tmp_path):
    short = assignments(model__num_epochs=1, model__fine_tune_epochs=0)
    with contextlib.ExitStack() as stack:
        for step in failing:
            stack.enter_context(stopped_at(step, ValueError("a bug")))
        outcome = handshape("train", drawn, "--out", tmp_path, "--name", "r", *short)
    assert outcome.code == 0
    for what in failing.values():
        assert f"warn: {what} failed" in outcome.err
    assert (tmp_path / "r" / "report.html").is_file() is report
    assert find_bundle(tmp_path / "r").litert.is_file()
    assert read_record(tmp_path / "r")["state"] == "complete"


def test_too_little_room_is_said_before_the_work(drawn, handshape, tmp_path, monkeypatch):
    monkeypatch.setattr("handshape.workflow.run.ROOM", 10**18)
    outcome = handshape("train", drawn, "--out", tmp_path / "runs", *assignments())
    assert outcome.code == 1
    assert "too little room" in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("error", [RunError("The disk is full."), OSError(28, "No space left on device")])
def test_input_at_fault_before_anything_is_learned_leaves_no_run(error, drawn, handshape, stopped_at, tmp_path):
    with stopped_at("fit.build_classifier", error):
        outcome = handshape("train", drawn, "--out", tmp_path, "--name", "r", *assignments())
    assert outcome.code == 1
    assert "resume" not in outcome.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_drawing_leaves_nothing(name, tmp_path):
    command = [sys.executable, "-m", "handshape", "sample", "practice", "--per-class", "5000"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("practice/.drawing-*/*/*.jpg")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(name)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Stopped." in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_python_swallows_comes_again(handshape, monkeypatch):
    class Unlucky:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    def doctor(options, console):
        Unlucky()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.01)
        return 0

    monkeypatch.setattr("handshape.cli.doctor.run", doctor)
    outcome = handshape("doctor")
    assert outcome.code == 130
    assert "Exception ignored" not in outcome.err


@pytest.mark.parametrize("words", [["check"], ["check", "--json"], ["predict", "--json"], ["predict"]])
def test_a_closed_pipe_is_no_error(words, trained: Trained):
    verb, *options = words
    arguments = [trained.data] if verb == "check" else [trained.folder, trained.data]
    command = [sys.executable, "-m", "handshape", verb, *map(str, arguments), *options]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
