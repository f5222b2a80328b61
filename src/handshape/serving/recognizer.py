"""From the bytes of an image to a decision. Runs on LiteRT alone; knows nothing of HTTP or of training."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError
from handshape.export.bundle import Bundle
from handshape.images import load_square
from handshape.model.litert import LiteRtModel

TOP = 5


@dataclass(frozen=True)
class Recognition:
    """What was recognised in one image.

    Attributes:
        decision: the class it is taken for.
        confidence: calibrated probability of that class, 0 to 1.
        top: the most probable classes with their probabilities, best first.
        milliseconds: from bytes to decision.
    """

    decision: str
    confidence: float
    top: tuple[tuple[str, float], ...]
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "decision": self.decision,
            "confidence": self.confidence,
            "top": [list(pair) for pair in self.top],
            "milliseconds": self.milliseconds,
        }


class Recognizer:
    """A loaded bundle.

    Args:
        bundle: what :func:`handshape.export.bundle.find_bundle` returns.
        threads: images computed at a time.

    Raises:
        ModelError: the bundle has no LiteRT model.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        if not bundle.litert.is_file():
            raise ModelError(
                f"The bundle {bundle.folder} has no {bundle.litert.name}.",
                "a bundle made where TensorFlow is installed",
                "Resume or repeat the training with TensorFlow installed.",
            )
        self.labels = bundle.labels
        self.size = bundle.size
        self._network = LiteRtModel(bundle.litert, threads)

    def recognize(self, source: Path | bytes) -> Recognition:
        """Recognises the handshape in one image.

        Raises:
            ImageError: the image cannot be read.
        """
        start = time.perf_counter()
        probabilities = self.probabilities(load_square(source, self.size)[None])[0]
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        top = tuple((self.labels[index], round(float(probabilities[index]), 6)) for index in order)
        return Recognition(*top[0], top, round((time.perf_counter() - start) * 1000, 3))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities [N, C] of square images [N, S, S, 3] uint8."""
        return self._network(images)[0]
