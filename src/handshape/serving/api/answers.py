"""What all answers are made with, and the one about an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handshape.errors import ImageError
from handshape.images import open_image
from handshape.model.decisions import NO_HAND, UNKNOWN
from handshape.serving.api.errors import ApiError, image_error
from handshape.serving.api.limits import Limits
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.models import Loaded, Served
from handshape.serving.api.threads import Workers
from handshape.serving.recognizer import Recognition
from handshape.serving.watch.watch import Watch

LONGEST_SIDE = 20_000  # pixels; making a longer strip smaller takes far more memory than its pixels do

Explain = Callable[[Loaded, bytes], bytes]  # an image, explained, as PNG


@dataclass(frozen=True)
class AppState:
    """What every route and every stream has in common."""

    served: Served
    workers: Workers
    limits: Limits
    metrics: Metrics
    explain: Explain

    @property
    def watch(self) -> Watch | None:
        """What sees every answer; None where nobody watches."""
        return self.served.watch


def recognized(
    state: AppState, image: bytes, recognize: Callable[[bytes], Recognition], is_watched: bool = True
) -> Recognition | ApiError:
    """What was recognised in an image, or what is wrong with it, counted; and watched, where somebody watches."""
    try:
        require_pixels(image, state.limits.pixels)
        recognition = recognize(image)
    except (ImageError, ApiError) as error:
        state.metrics.images.labels("unreadable").inc()
        return image_error(error) if isinstance(error, ImageError) else error
    outcome = {UNKNOWN: "unknown", NO_HAND: "no_hand"}.get(recognition.decision, "label")
    state.metrics.images.labels(outcome).inc()
    state.metrics.recognition.observe(recognition.milliseconds / 1000)
    if state.watch and is_watched:
        state.watch.saw(image, recognition)
    return recognition


def as_json(answer: Recognition | ApiError, landmarks: bool = False) -> dict[str, Any]:
    """What is answered about an image; with ``landmarks`` the hand's joints and the square they were read from, too."""
    if isinstance(answer, ApiError):
        return {"error": answer.error}
    told = answer.as_dict(landmarks)
    if told["hand"]:
        told["hand"].pop("features", None)  # 50 KB that nobody draws
    return told


def require_pixels(image: bytes, most: int) -> None:
    """Passes where decoding an image is not asked too much.

    Raises:
        ImageError: it is no image.
        ApiError: 413, it has more pixels than ``most``, or a side of more than ``LONGEST_SIDE``.
    """
    width, height = open_image(image).size
    if width * height > most or max(width, height) > LONGEST_SIDE:
        message = f"The image is too large: {width} x {height} pixels."
        expected = f"at most {most / 1e6:g} megapixels, and {LONGEST_SIDE:,} pixels a side"
        raise ApiError(413, "too_many_pixels", message, expected, "Make it smaller.")
