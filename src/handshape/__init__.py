"""Handshape: from a folder of photographs of hand signs to a recogniser that works on people it has never seen."""

from handshape.api.functions import (
    cached,
    check,
    crossval,
    ensemble,
    evaluate,
    explain,
    export,
    labels,
    load,
    models,
    runs,
    sample,
    train,
    tune,
    watch,
)

__version__ = "0.1.0"
__all__ = [
    "cached",
    "check",
    "crossval",
    "ensemble",
    "evaluate",
    "explain",
    "export",
    "labels",
    "load",
    "models",
    "runs",
    "sample",
    "train",
    "tune",
    "watch",
]
