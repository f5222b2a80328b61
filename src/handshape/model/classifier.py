"""The classifier: one Keras model of some streams, their answers weighed by what was learned on other people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handshape.config import HandStreamSettings, LandmarkStreamSettings, ModelSettings
from handshape.hands.geometry import COORDINATES, LANDMARKS, hand_size
from handshape.model.streams import Stream, build_hand_stream, build_landmark_stream, build_pixel_stream
from handshape.model.weights import StartingWeights

INPUTS = ("image", "landmarks", "hand_present", "hand_features")  # of the model, in this order
PIXELS = "pixels"  # the only stream that says something where no hand was found
MIN_PROBABILITY = 1e-6  # probabilities below it count as this much, so that one sure stream cannot silence the others
USUAL_SIZE = 48.0  # pixels from wrist to knuckles; hands four times as large or as small are the limits of the gate


@dataclass(frozen=True)
class Classifier:
    """The whole network and its parts, which share its weights.

    Attributes:
        class_names: in the order of their numbers.
        model: image, landmarks, hand_present and hand_features, those that its streams need → {"probabilities"
            [N, C], and the last feature map of the stream that has one, "features"}.
        streams: by name, in the order in which they train.
        fusion: a dense layer without bias, gate [N, 3] → weights of the streams [N, S]; None where pixels are alone.
        prior: a dense layer without bias, no hand [N, 1] → log-probabilities [N, C]; None with a pixel stream.
    """

    class_names: tuple[str, ...]
    model: Any
    streams: Mapping[str, Stream]
    fusion: Any = None
    prior: Any = None

    @property
    def mapped(self) -> Any:
        """The stream whose last feature map is an output of the model; None where none has one."""
        return self.streams.get("hand") or self.streams.get(PIXELS)


def in_float32(model: Any) -> Any:
    """A copy of a Keras model whose layers all compute in float32, for machines without a GPU.

    All its layers may be trained, whichever of the model's were: that depends on where a resumed training went on.
    """
    import keras

    def plain(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):  # a bare operation
            return type(layer).from_config(layer.get_config())
        plainer = type(layer).from_config(layer.get_config() | {"dtype": "float32"})
        plainer.trainable = True
        return plainer

    copy = keras.models.clone_model(model, clone_function=plain, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def build_classifier(
    class_names: Sequence[str],
    settings: ModelSettings,
    weights: StartingWeights,
    landmarks: LandmarkStreamSettings = LandmarkStreamSettings(),  # noqa: B008  # frozen
    hand: HandStreamSettings = HandStreamSettings(),  # noqa: B008
) -> Classifier:
    """Builds the network for these classes, in this order.

    Args:
        class_names: of the C classes.
        settings: which streams, and how the pixel stream is built.
        weights: that the pixel stream starts from.
        landmarks: how much the landmark stream drops.
        hand: how much the hand stream drops.

    Raises:
        ModelError: the weights do not fit.
    """
    classes, streams = len(class_names), dict[str, Stream]()
    if "landmarks" in settings.streams:
        streams["landmarks"] = build_landmark_stream(classes, landmarks)
    if "hand" in settings.streams:
        streams["hand"] = build_hand_stream(classes, hand)
    if PIXELS in settings.streams:
        streams[PIXELS] = build_pixel_stream(classes, settings, weights)
    if list(streams) == [PIXELS]:
        return Classifier(tuple(class_names), streams[PIXELS].model, streams)
    return _fused(tuple(class_names), streams)


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


def fused_scores(answers: Sequence[Any], weights: Any, xp: Any = np) -> Any:
    """Log-probabilities of the S streams [N, C] each, added with weights [N, S]."""
    return sum(
        weights[:, number : number + 1] * xp.log(xp.maximum(answer, MIN_PROBABILITY))
        for number, answer in enumerate(answers)
    )


def _fused(class_names: tuple[str, ...], streams: Mapping[str, Stream]) -> Classifier:
    import keras

    inputs = {each.name: each for stream in streams.values() for each in stream.model.inputs}
    present = inputs["hand_present"] = keras.Input((1,), name="hand_present", dtype="float32")
    if "landmarks" not in inputs:
        inputs["landmarks"] = keras.Input((LANDMARKS, COORDINATES), name="landmarks", dtype="float32")
    fusion = keras.layers.Dense(len(streams), use_bias=False, dtype="float32", name="fusion")
    weights = fusion(fusion_inputs(present, hand_size(inputs["landmarks"], keras.ops), keras.ops))
    scores = fused_scores([_probabilities(stream) for stream in streams.values()], weights, keras.ops)
    prior = None
    if PIXELS not in streams:
        prior = keras.layers.Dense(
            len(class_names), use_bias=False, kernel_initializer="zeros", dtype="float32", name="prior"
        )
        scores = scores + prior(1 - present)
    classifier = Classifier(class_names, None, streams, fusion, prior)
    outputs = {"probabilities": keras.layers.Softmax(name="fused_probabilities", dtype="float32")(scores)}
    if classifier.mapped is not None:
        outputs["features"] = classifier.mapped.model.output["features"]
    model = keras.Model([inputs[name] for name in INPUTS if name in inputs], outputs, name="handshape")
    return replace(classifier, model=model)


def _probabilities(stream: Stream) -> Any:
    output = stream.model.output
    return output["probabilities"] if isinstance(output, dict) else output
