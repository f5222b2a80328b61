"""The classifier: one Keras model of one stream or both, their answers weighed by what was learned on other people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import ModelSettings
from handshape.hands.geometry import hand_size
from handshape.model.streams import LandmarkStream, PixelStream, build_landmark_stream, build_pixel_stream
from handshape.model.weights import StartingWeights

MIN_PROBABILITY = 1e-6  # probabilities below it count as this much, so that one sure stream cannot silence the other
USUAL_SIZE = 48.0  # pixels from wrist to knuckles; hands four times as large or as small are the limits of the gate


@dataclass(frozen=True)
class Classifier:
    """The whole network and its parts, which share its weights."""

    class_names: tuple[str, ...]
    model: Any  # image, landmarks, hand_present (those its streams need) → {"probabilities", "features"}
    pixels: PixelStream | None
    landmarks: LandmarkStream | None
    fusion: Any  # a dense layer without bias, gate [N, 3] → weights of pixels and landmarks [N, 2]; or None


def in_float32(model: Any) -> Any:
    """A copy of a Keras model whose layers all compute in float32, for machines without a GPU."""
    import keras

    def plain(layer: Any) -> Any:
        policy = {"dtype": "float32"} if isinstance(layer, keras.layers.Layer) else {}  # a bare operation has none
        return type(layer).from_config(layer.get_config() | policy)

    copy = keras.models.clone_model(model, clone_function=plain, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def build_classifier(class_names: Sequence[str], settings: ModelSettings, weights: StartingWeights) -> Classifier:
    """Builds the network for these classes, in this order.

    Raises:
        ModelError: the weights do not fit.
    """
    pixels = build_pixel_stream(len(class_names), settings, weights) if "pixels" in settings.streams else None
    landmarks = build_landmark_stream(len(class_names)) if "landmarks" in settings.streams else None
    if landmarks is None:
        return Classifier(tuple(class_names), pixels.model, pixels, None, None)  # type: ignore[union-attr]
    model, fusion = _fused(pixels, landmarks)
    return Classifier(tuple(class_names), model, pixels, landmarks, fusion)


def fusion_inputs(hand_present: Any, size: Any, xp: Any = np) -> Any:
    """What the weights of the streams depend on.

    Args:
        hand_present: [N, 1], 0 or 1.
        size: [N, 1], pixels from wrist to knuckles.
        xp: the array library: ``numpy`` or ``keras.ops``.

    Returns:
        [N, 3]: no hand; a hand; and for a hand its size, -1 for a tiny one to 1 for a large one.
    """
    large = xp.clip(xp.log(xp.maximum(size, 1.0) / USUAL_SIZE) / float(np.log(4)), -1.0, 1.0)
    return xp.concatenate([1 - hand_present, hand_present, hand_present * large], axis=1)


def fused_scores(pixels: Any, landmarks: Any, weights: Any, xp: Any = np) -> Any:
    """Log-probabilities of both streams [N, C], added with weights [N, 2]."""
    pixels, landmarks = (xp.log(xp.maximum(each, MIN_PROBABILITY)) for each in (pixels, landmarks))
    return weights[:, :1] * pixels + weights[:, 1:] * landmarks


def _fused(pixels: PixelStream | None, landmarks: LandmarkStream) -> tuple[Any, Any]:
    import keras

    present = keras.Input((1,), name="hand_present", dtype="float32")
    points = landmarks.model.inputs[0]
    shapes = landmarks.model.outputs[0]
    if pixels is None:  # nothing is known without a hand
        even = present * shapes + (1 - present) / landmarks.classes
        return keras.Model([points, present], {"probabilities": even}, name="handshape"), None
    image = pixels.model.inputs[0]
    seen = pixels.model.output
    fusion = keras.layers.Dense(2, use_bias=False, dtype="float32", name="fusion")
    weights = fusion(fusion_inputs(present, hand_size(points, keras.ops), keras.ops))
    scores = fused_scores(seen["probabilities"], shapes, weights, keras.ops)
    probabilities = keras.layers.Softmax(name="fused_probabilities", dtype="float32")(scores)
    outputs = {"probabilities": probabilities, "features": seen["features"]}
    return keras.Model([image, points, present], outputs, name="handshape"), fusion


def fusion_kernel(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """The fusion layer's kernel [3, 2] from its five free numbers: without a hand there are no landmarks to weigh.

    Args:
        weights: [5]: pixels without a hand, with one, by its size; landmarks with a hand, by its size.
    """
    return np.array([[weights[0], 0], [weights[1], weights[3]], [weights[2], weights[4]]], np.float32)
