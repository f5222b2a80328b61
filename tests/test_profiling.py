"""Traces of training steps, by TensorFlow here, by JAX in a process of its own, by a torch that is pretended."""

import gzip
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from conftest import assignments
from helpers import results_of, started_runtime

from handshape.console import Console
from handshape.errors import RunError
from handshape.training import profiling
from handshape.training.profiling import WARM_UP, StepTrace, find_traces, start_trace


def events_of(folder) -> list[dict]:
    """What the newest trace holds that lasts."""
    (trace,) = [file for file in find_traces(folder) if file.name.endswith(".json.gz")][-1:]
    with gzip.open(trace) as file:
        return [event for event in json.load(file)["traceEvents"] if event.get("ph") == "X"]


def train(trace: StepTrace, steps: int, epochs: int = 1) -> None:
    started_runtime()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(np.ones((steps, 4)), np.ones((steps, 2)), batch_size=1, epochs=epochs, verbose=0, callbacks=[trace])


@pytest.fixture
def begun(monkeypatch) -> list[str]:
    """What became of the profiler, which is pretended."""
    became: list[str] = []

    def start(backend, folder):
        became.append("started")
        return lambda: became.append("stopped")

    monkeypatch.setattr(profiling, "start_trace", start)
    return became


def test_tensorflow_traces_steps_that_tensorboard_and_perfetto_open(tmp_path, capsys):
    started_runtime()
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras runs on another backend here")
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    train(StepTrace(3, "a test", tmp_path, Console()), WARM_UP + 5)
    (plane,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    assert XSpace.FromString(plane.read_bytes()).planes
    events = events_of(tmp_path)
    assert any("matmul" in event["name"].lower() for event in events)
    assert all(event["dur"] >= 0 and event["ts"] > 0 for event in events)
    said = capsys.readouterr().err
    assert "Traced 3 steps of a test" in said
    assert "ui.perfetto.dev" in said
    assert f"tensorboard --logdir {tmp_path}" in said


@pytest.mark.parametrize(
    ("steps", "epochs", "asked", "traced"),
    [(WARM_UP + 5, 1, 3, 3), (4, 3, 4, 4), (WARM_UP + 2, 1, 10, 2)],
    ids=["within an epoch", "over epochs", "a training that ends sooner"],
)
def test_steps_are_counted_after_the_warm_up(steps, epochs, asked, traced, begun, tmp_path, capsys):
    train(StepTrace(asked, "a test", tmp_path, Console()), steps, epochs)
    assert begun == ["started", "stopped"]
    assert f"Traced {traced} steps" in capsys.readouterr().err


def test_a_training_of_few_steps_says_that_there_is_no_trace(begun, tmp_path, capsys):
    train(StepTrace(3, "a test", tmp_path, Console()), WARM_UP)
    assert begun == []
    assert f"There is no trace of a test: of its {WARM_UP} steps, {WARM_UP} are to warm up" in capsys.readouterr().err


def test_steps_that_are_one_call_are_counted_as_steps(begun, tmp_path, capsys):
    trace = StepTrace(10, "a test", tmp_path, Console())
    for epoch in range(3):
        trace.on_epoch_begin(epoch)
        trace.on_train_batch_begin(0)
        trace.on_train_batch_end(29)
    assert begun == ["started", "stopped"]
    assert "Traced 30 steps" in capsys.readouterr().err


JAX = """
import sys, pathlib
import jax
from handshape.training.profiling import start_trace
stop = start_trace("jax", pathlib.Path(sys.argv[1]))
(jax.numpy.ones((8, 8)) @ jax.numpy.ones((8, 8))).block_until_ready()
stop()
"""


def test_jax_traces_steps(tmp_path):
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", JAX, str(tmp_path)], check=True, env=environment, capture_output=True)
    assert events_of(tmp_path)
    assert any(file.name.endswith(".xplane.pb") for file in find_traces(tmp_path))


@pytest.mark.parametrize("has_card", [False, True])
def test_torch_traces_steps(has_card, tmp_path, monkeypatch):
    kinds = []

    class Profile:
        def __init__(self, activities):
            kinds.extend(activities)

        def start(self):
            kinds.append("started")

        def stop(self):
            kinds.append("stopped")

        def export_chrome_trace(self, path):
            with gzip.open(path, "wt") as file:
                json.dump({"traceEvents": [{"ph": "X", "name": "aten::mm", "ts": 1, "dur": 1}]}, file)

    profiler = SimpleNamespace(ProfilerActivity=SimpleNamespace(CPU="cpu", CUDA="cuda"), profile=Profile)
    torch = SimpleNamespace(profiler=profiler, cuda=SimpleNamespace(is_available=lambda: has_card))
    monkeypatch.setitem(sys.modules, "torch", torch)
    start_trace("torch", tmp_path)()
    assert kinds == ["cpu", *["cuda"] * has_card, "started", "stopped"]
    assert events_of(tmp_path)[0]["name"] == "aten::mm"


def test_a_profiler_that_runs_already(tmp_path, monkeypatch):
    def start(folder):
        raise RuntimeError("Another profiler is running.")

    monkeypatch.setattr(profiling, "_trace_jax", start)
    with pytest.raises(RunError, match="does not start: Another profiler"):
        start_trace("jax", tmp_path)


def test_train_leaves_traces_in_the_run_folder(handshape, drawn, tmp_path):
    short = assignments(model__batch_size=4, model__num_epochs=2, model__fine_tune_epochs=1)
    settings = [*short, "--set", "gpu.precision=mixed_bfloat16"]
    outcome = handshape("train", drawn, "--out", tmp_path, "--name", "traced", "--profile-steps", 2, *settings)
    assert outcome.code == 0, outcome.err
    logs = tmp_path / "traced" / "logs"
    assert len([file for file in find_traces(logs) if file.name.endswith(".json.gz")]) == 2  # one a phase
    assert events_of(logs)
    assert results_of(tmp_path / "traced")["training"]["precision"] == "mixed_bfloat16"
    for phase in (1, 2):
        assert f"Traced 2 steps of phase {phase}" in outcome.err
    refused = handshape("train", "--resume", tmp_path / "traced", "--profile-steps", 2)
    assert (refused.code, "other settings cannot be given" in refused.err) == (1, True)
