"""From one image to what is answered about it."""

from __future__ import annotations

from typing import Any

from handshape.errors import ImageError
from handshape.images import open_image
from handshape.model.decisions import NO_HAND, UNKNOWN
from handshape.serving.api.errors import TooManyPixelsError, error_of_image
from handshape.serving.api.metrics import Metrics
from handshape.serving.recognizer import Recognition

LONGEST_SIDE = 20_000  # pixels; making a longer strip smaller takes far more memory than its pixels do


def require_pixels(image: bytes, most: int) -> None:
    """Passes where decoding an image is not asked too much.

    Raises:
        ImageError: it has more pixels than ``most``, or is no image.
    """
    width, height = open_image(image).size
    if width * height > most or max(width, height) > LONGEST_SIDE:
        raise TooManyPixelsError(
            f"The image is too large: {width} x {height} pixels.",
            f"at most {most / 1e6:g} megapixels, and {LONGEST_SIDE:,} pixels a side",
            "Make it smaller.",
        )


def counted(recognition: Recognition, metrics: Metrics) -> dict[str, Any]:
    """A recognition for JSON, counted by what came of it."""
    outcome = {UNKNOWN: "unknown", NO_HAND: "no_hand"}.get(recognition.decision, "label")
    metrics.images.labels(outcome).inc()
    metrics.recognition.observe(recognition.milliseconds / 1000)
    return recognition.as_dict()


def counted_error(error: ImageError, metrics: Metrics) -> dict[str, dict[str, str]]:
    """What is answered about an image that cannot be read, counted."""
    metrics.images.labels("unreadable").inc()
    return {"error": error_of_image(error)}
