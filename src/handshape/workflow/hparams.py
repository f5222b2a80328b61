"""A finished run in TensorBoard's HParams tab: its settings and measures, beside the curves in its own logs."""

from __future__ import annotations

from handshape.config import Settings
from handshape.export.bundle import Bundle
from handshape.workflow.mlflow_logger import flat, measures
from handshape.workflow.run import Run


def log_hparams(run: Run, bundle: Bundle, settings: Settings) -> None:
    """Writes an event file of its own into the run's logs, under the names that MLflow is told."""
    from handshape.training.tensorboard import TensorBoardWriter

    writer = TensorBoardWriter(run.tensorboard, suffix=".hparams")
    try:
        writer.add_hparams(dict(flat(settings)), {name: value for name, value, _ in measures(bundle, {})})
    finally:
        writer.close()
