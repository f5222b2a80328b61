"""The verbs of the command line as functions. Each imports what it needs when it is called, so importing them is cheap.

Progress goes where the command line's goes, or into the cell of a notebook; ``quiet=True`` leaves warnings alone.
"""

import handshape.explain
import handshape.export  # noqa: F401  # packages of these names: imported later, they would take the functions' places
from handshape.api.caching import cached
from handshape.api.experiments import crossval, ensemble, runs, train, tune
from handshape.api.models import evaluate, explain, export, load, models, watch
from handshape.api.photographs import check, labels, sample

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
