"""The verbs by name. Each takes the parsed options, calls what it names, shows the result and returns the exit code."""

from __future__ import annotations

import argparse

from handshape.cli.data import check, sample
from handshape.cli.doctor import doctor
from handshape.cli.explaining import explain
from handshape.cli.exporting import export
from handshape.cli.models import models
from handshape.cli.serving import serve
from handshape.cli.training import train
from handshape.cli.using import evaluate, predict
from handshape.console import Console


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the verb and returns the exit code."""
    verb = {
        "check": check,
        "train": train,
        "evaluate": evaluate,
        "predict": predict,
        "explain": explain,
        "export": export,
        "models": models,
        "sample": sample,
        "serve": serve,
        "doctor": doctor,
    }[options.verb]
    return verb(options, console)
