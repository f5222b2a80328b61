"""The streams of a classifier: landmarks, what the landmark network sees of the hand, and pixels through MobileNetV2.

Each ends in a dense layer and a softmax. Before it, the hand and pixel streams have global average pooling and dropout,
so class activation maps (Zhou et al. 2016) are the dense layer's weights over the last feature map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handshape.config import HandStreamSettings, LandmarkStreamSettings, ModelSettings
from handshape.hands.geometry import COORDINATES, LANDMARKS, shape_features
from handshape.hands.landmarks import FEATURES
from handshape.model.backbone import Backbone, build_backbone
from handshape.model.weights import StartingWeights, load_hand_trunk

LANDMARK_UNITS = (384, 192)
HAND_UNITS = (256, 384)
CHANNEL_DROPOUT = 0.2  # of whole channels in the middle of the hand trunk
EXTREME = 5.0  # standard deviations; landmarks further out are the finder's mistakes


@dataclass(frozen=True)
class PixelStream:
    """One network seen from several sides; all share the same layers and weights."""

    classes: int
    model: Any  # image [N, S, S, 3], 0 to 255 → {"probabilities": [N, C], "features": [N, S/32, S/32, 1280]}
    trunk: Any  # image [N, S, S, 3], 0 to 255 → (pooled [N, 1280], cut feature map)
    head: Any  # pooled → probabilities
    tail_and_head: Any  # cut feature map → probabilities
    backbone: Backbone
    logits: Any  # the dense layer


@dataclass(frozen=True)
class LandmarkStream:
    """One network seen from two sides."""

    classes: int
    model: Any  # landmarks [N, 21, 6] → probabilities [N, C]
    head: Any  # shape features [N, 666] → probabilities [N, C]
    scale: Any  # the layer that brings each feature to mean 0 and variance 1
    logits: Any  # the last dense layer


@dataclass(frozen=True)
class HandStream:
    """A small network on the last feature map of the landmark network, seen from several sides."""

    classes: int
    model: Any  # hand_features [N, 7, 7, 192] → {"probabilities": [N, C], "features": [N, 7, 7, 384]}
    network: Any  # hand_features → probabilities
    trunk: Any  # hand_features → pooled features [N, 384]
    head: Any  # pooled features → probabilities
    logits: Any  # the dense layer


Stream = LandmarkStream | HandStream | PixelStream


def fold_temperature(stream: Stream, temperature: float) -> None:
    """Divides a stream's logits by ``temperature`` for good: probabilities come out calibrated, the order stays."""
    stream.logits.set_weights([value / temperature for value in stream.logits.get_weights()])


def build_pixel_stream(classes: int, settings: ModelSettings, weights: StartingWeights) -> PixelStream:
    """MobileNetV2 with a new head.

    Raises:
        ModelError: the weights do not fit.
    """
    import keras

    backbone = build_backbone(settings.img_size, weights, settings.fine_tune_layers)
    pool = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")
    dropout = keras.layers.Dropout(settings.dropout, name="dropout")
    logits = keras.layers.Dense(classes, name="logits", dtype="float32")
    softmax = keras.layers.Softmax(name="probabilities", dtype="float32")

    image = keras.Input((settings.img_size, settings.img_size, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(image)
    cut = backbone.trunk(scaled)
    features = backbone.tail(cut)
    pooled = pool(features)
    probabilities = softmax(logits(dropout(pooled)))

    pooled_input = keras.Input((pooled.shape[-1],), name="pooled_features")
    cut_input = keras.Input(cut.shape[1:], name="cut_features")
    return PixelStream(
        classes=classes,
        model=keras.Model(image, {"probabilities": probabilities, "features": features}, name="handshape"),
        trunk=keras.Model(image, [pooled, cut], name="frozen_trunk"),
        head=keras.Model(pooled_input, softmax(logits(dropout(pooled_input))), name="head"),
        tail_and_head=keras.Model(
            cut_input, softmax(logits(dropout(pool(backbone.tail(cut_input))))), name="tail_and_head"
        ),
        backbone=backbone,
        logits=logits,
    )


def build_landmark_stream(classes: int, settings: LandmarkStreamSettings) -> LandmarkStream:
    """Shape features and a network of three dense layers, in float32 on every device."""
    import keras

    landmarks = keras.Input((LANDMARKS, COORDINATES), name="landmarks")
    features = shape_features(landmarks, keras.ops)
    scale = keras.layers.BatchNormalization(center=False, scale=False, trainable=False, dtype="float32", name="spread")
    entry = keras.Input((features.shape[-1],), name="shape_features")
    hidden = keras.ops.clip(scale(entry, training=False), -EXTREME, EXTREME)
    hidden = keras.layers.Dropout(settings.dropout / 2, dtype="float32")(hidden)
    for units in LANDMARK_UNITS:
        hidden = keras.layers.Dense(units, activation="relu", dtype="float32")(hidden)
        hidden = keras.layers.Dropout(settings.dropout, dtype="float32")(hidden)
    logits = keras.layers.Dense(classes, dtype="float32")
    probabilities = keras.layers.Softmax(dtype="float32")(logits(hidden))
    head = keras.Model(entry, probabilities, name="landmark_head")
    return LandmarkStream(classes, keras.Model(landmarks, head(features), name="landmark_stream"), head, scale, logits)


def build_hand_stream(classes: int, settings: HandStreamSettings) -> HandStream:
    """A trunk that has learned handshapes of many people, and a new head; in float32 on every device."""
    import keras

    seen = keras.Input(FEATURES, name="hand_features")
    features = build_hand_trunk()(seen)
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(features)
    entry = keras.Input((HAND_UNITS[1],), name="pooled_hand_features")
    dropout = keras.layers.Dropout(settings.dropout, dtype="float32")
    logits = keras.layers.Dense(classes, dtype="float32")
    softmax = keras.layers.Softmax(dtype="float32")

    def head(values: Any) -> Any:
        return softmax(logits(dropout(values)))

    return HandStream(
        classes=classes,
        model=keras.Model(seen, {"probabilities": head(pooled), "features": features}, name="hand_stream"),
        network=keras.Model(seen, head(pooled), name="hand_network"),
        trunk=keras.Model(seen, pooled, name="pooled_hand_trunk"),
        head=keras.Model(entry, head(entry), name="hand_head"),
        logits=logits,
    )


def build_hand_trunk(weights: bool = True) -> Any:
    """Two 1x1 convolutions with a depthwise 3x3 one between them: hand_features → feature map [N, 7, 7, 384].

    Args:
        weights: fill it with what it has learned; ``scripts/know_hands.py`` makes these.
    """
    import keras

    def convolution(units: int) -> Any:
        return keras.layers.Conv2D(units, 1, use_bias=False, dtype="float32")

    def normalised(values: Any) -> Any:
        return keras.layers.ReLU(dtype="float32")(keras.layers.LayerNormalization(dtype="float32")(values))

    seen = keras.Input(FEATURES)
    hidden = normalised(convolution(HAND_UNITS[0])(seen))
    hidden = keras.layers.SpatialDropout2D(CHANNEL_DROPOUT, dtype="float32")(hidden)
    hidden = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, dtype="float32")(hidden)
    trunk = keras.Model(seen, normalised(convolution(HAND_UNITS[1])(hidden)), name="hand_trunk")
    if weights:
        trunk.set_weights(load_hand_trunk())
    return trunk
