"""A finished run, told to MLflow, where the user keeps one: settings, measures, epochs, report and bundle.

``MLFLOW_TRACKING_URI`` asks for it and says where, as MLflow's own tools read it. Without it nothing is loaded.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handshape.config import Settings
from handshape.console import Console
from handshape.export.bundle import Bundle
from handshape.workflow.run import Run

WHERE, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
PATIENCE = {  # MLflow's own would keep a finished training waiting for minutes when its server is away
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
SILENCE = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
BATCH = 1000  # metrics in one request


def log_to_mlflow(
    run: Run, bundle: Bundle, history: Mapping[str, Sequence[float]], settings: Settings, console: Console
) -> None:
    """Tells MLflow, if anyone asked for it. Whatever goes wrong there is said, and the run is as good as without."""
    where = os.environ.get(WHERE)
    if not where:
        return
    for name, value in (PATIENCE | SILENCE).items():
        os.environ.setdefault(name, value)
    try:
        _tell(where, run, bundle, history, settings)
    except ImportError:
        console.warn(f"{WHERE} is set, but MLflow is not installed: pip install 'handshape[track]'")
    except Exception as error:  # MLflow raises its own, those of requests, of its stores and of the disk
        console.warn(f"MLflow at {where} did not take the run, which is complete all the same: {error}")
    else:
        console.status("save", f"Told MLflow at {where}")


def _tell(where: str, run: Run, bundle: Bundle, history: Mapping[str, Sequence[float]], settings: Settings) -> None:
    import mlflow
    from mlflow.entities import Metric, Param

    client = mlflow.MlflowClient(where)
    name = os.environ.get(EXPERIMENT, "handshape")
    experiment = client.get_experiment_by_name(name)
    number = experiment.experiment_id if experiment else client.create_experiment(name)
    told = client.create_run(number, run_name=run.folder.resolve().name).info.run_id
    now = int(time.time() * 1000)
    metrics = [Metric(_plain(key), value, now, step) for key, value, step in measures(bundle, history)]
    client.log_batch(told, params=[Param(key, str(value)) for key, value in flat(settings)])
    for start in range(0, len(metrics), BATCH):
        client.log_batch(told, metrics=metrics[start : start + BATCH])
    if run.report.is_file():
        client.log_artifact(told, str(run.report))
    client.log_artifacts(told, str(bundle.folder), "bundle")
    client.set_terminated(told)


def measures(bundle: Bundle, history: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, float, int]]:
    """Each figure with its name and its epoch; 0 for those of the finished model."""
    known = bundle.details["measures"]
    for part in ("validation", "test"):
        for figure in ("accuracy", "top3", "macro_f1", "ece"):
            yield f"{part}/{figure}", known[part][figure], 0
    for name, external in known.get("external", {}).items():
        yield f"external/{name}/accuracy", external["accuracy"], 0
    if known.get("worst_signer"):
        yield "test/worst_signer_accuracy", known["worst_signer"]["accuracy"], 0
    for figure, values in history.items():
        for epoch, value in enumerate(values, 1):
            yield f"epoch/{figure}", value, epoch


def flat(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Each setting as section.key."""
    for section, values in settings.model_dump().items():
        for key, value in values.items():
            yield f"{section}.{key}", value


def _plain(name: str) -> str:
    """MLflow takes few characters in a name."""
    return re.sub(r"[^A-Za-z0-9_./ -]", "_", name)
