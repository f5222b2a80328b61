"""A run told to MLflow: what it is told, and that whatever goes wrong there does not matter."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import Trained

from handshape.config import Settings
from handshape.console import Console
from handshape.export.bundle import find_bundle
from handshape.workflow.mlflow_logger import log_to_mlflow
from handshape.workflow.run import Run, open_run

HISTORY = {"loss": [0.5, 0.4, 0.3]}


class Told:
    """An MLflow that remembers, or that raises ``error`` once the run is created."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.error = error
        mlflow, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
        mlflow.MlflowClient = lambda where: self  # type: ignore[attr-defined]
        entities.Metric = lambda *values: values  # type: ignore[attr-defined]
        entities.Param = lambda *values: values  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mlflow", mlflow)
        monkeypatch.setitem(sys.modules, "mlflow.entities", entities)

    def get_experiment_by_name(self, name: str) -> None:
        self.calls.append(("experiment", name))

    def create_experiment(self, name: str) -> str:
        return "7"

    def create_run(self, experiment: str, run_name: str) -> Any:
        self.calls.append(("run", (experiment, run_name)))
        if self.error:
            raise self.error
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        self.calls += [("metric", (name, value, step)) for name, value, _, step in metrics]
        self.calls += [("param", param) for param in params]

    def log_artifact(self, run: str, path: str) -> None:
        self.calls.append(("file", path))

    def log_artifacts(self, run: str, path: str, where: str) -> None:
        self.calls.append((where, path))

    def set_terminated(self, run: str) -> None:
        self.calls.append(("end", run))

    def all(self, kind: str) -> list[Any]:
        return [value for name, value in self.calls if name == kind]


@pytest.fixture
def track(trained: Trained, monkeypatch, capsys):
    """Tracks the trained run, asked for by ``where``, and returns what was said."""
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "5")
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "true")

    def run(where: str) -> str:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", where)
        log_to_mlflow(open_run(trained.folder, Run), find_bundle(trained.folder), HISTORY, Settings(), Console())
        return capsys.readouterr().err

    return run


def test_nothing_is_loaded_unless_asked_for(track, monkeypatch):
    told = Told(monkeypatch)
    assert track("") == ""
    assert told.calls == []


def test_settings_measures_epochs_report_and_bundle(track, trained: Trained, monkeypatch):
    told = Told(monkeypatch)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    assert "Told MLflow at http://here" in track("http://here")
    assert (told.all("experiment"), told.all("run")) == (["handshape"], [("7", "first")])
    accuracy = find_bundle(trained.folder).details["accuracy"]["test"]
    assert ("test/accuracy", accuracy, 0) in told.all("metric")
    assert [each for each in told.all("metric") if each[0] == "epoch/loss"] == [
        ("epoch/loss", 0.5, 1),
        ("epoch/loss", 0.4, 2),
        ("epoch/loss", 0.3, 3),
    ]
    assert ("model.batch_size", "auto") in told.all("param")
    assert told.all("file") == [str(trained.folder / "report.html")]
    assert told.all("bundle") == [str(trained.folder / "bundle")]
    assert told.calls[-1] == ("end", "r")


def test_what_goes_wrong_is_said_and_no_more(track, monkeypatch):
    Told(monkeypatch, ConnectionError("no route"))
    assert "complete all the same: no route" in track("http://away")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert "pip install 'handshape[track]'" in track("http://here")


def test_mlflow_itself(track, trained: Trained, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    where = (tmp_path / "mlruns").as_uri()
    assert "Told MLflow" in track(where)
    client = mlflow.MlflowClient(where)
    (run,) = client.search_runs([client.get_experiment_by_name("handshape").experiment_id])
    assert run.data.metrics["test/accuracy"] == find_bundle(trained.folder).details["accuracy"]["test"]
    assert [each.step for each in client.get_metric_history(run.info.run_id, "epoch/loss")] == [1, 2, 3]
    assert {each.path for each in client.list_artifacts(run.info.run_id)} == {"bundle", "report.html"}
