"""The classifier: trunk, tail and head as one Keras model, and as the two small models that training needs.

The head is global average pooling, dropout and one dense layer, so class activation maps (Zhou et al. 2016) are the
dense layer's weights over the last feature map, without gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handshape.config import ModelSettings
from handshape.model.backbone import Backbone, build_backbone
from handshape.model.weights import StartingWeights


@dataclass(frozen=True)
class Classifier:
    """One network seen from several sides; all share the same layers and weights."""

    labels: tuple[str, ...]
    model: Any  # image [N, S, S, 3], 0 to 255 → {"probabilities": [N, C], "features": [N, S/32, S/32, 1280]}
    trunk: Any  # image [N, S, S, 3], 0 to 255 → (pooled [N, 1280], cut feature map)
    head: Any  # pooled → probabilities
    tail_and_head: Any  # cut feature map → probabilities
    backbone: Backbone
    logits: Any  # the dense layer

    def fold_temperature(self, temperature: float) -> None:
        """Divides the logits by ``temperature`` for good: probabilities come out calibrated, the order stays."""
        self.logits.set_weights([value / temperature for value in self.logits.get_weights()])


def in_float32(model: Any) -> Any:
    """A copy of a Keras model whose layers all compute in float32, for machines without a GPU."""
    import keras

    def plain(layer: Any) -> Any:
        return type(layer).from_config(layer.get_config() | {"dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=plain, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def build_classifier(labels: Sequence[str], settings: ModelSettings, weights: StartingWeights) -> Classifier:
    """Builds the network for these classes, in this order.

    Raises:
        ModelError: the weights do not fit.
    """
    import keras

    backbone = build_backbone(settings.img_size, weights, settings.fine_tune_layers)
    pool = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")
    dropout = keras.layers.Dropout(settings.dropout, name="dropout")
    logits = keras.layers.Dense(len(labels), name="logits", dtype="float32")
    softmax = keras.layers.Softmax(name="probabilities", dtype="float32")

    image = keras.Input((settings.img_size, settings.img_size, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(image)
    cut = backbone.trunk(scaled)
    features = backbone.tail(cut)
    pooled = pool(features)
    probabilities = softmax(logits(dropout(pooled)))

    pooled_input = keras.Input((pooled.shape[-1],), name="pooled_features")
    cut_input = keras.Input(cut.shape[1:], name="cut_features")
    return Classifier(
        labels=tuple(labels),
        model=keras.Model(image, {"probabilities": probabilities, "features": features}, name="handshape"),
        trunk=keras.Model(image, [pooled, cut], name="frozen_trunk"),
        head=keras.Model(pooled_input, softmax(logits(dropout(pooled_input))), name="head"),
        tail_and_head=keras.Model(
            cut_input, softmax(logits(dropout(pool(backbone.tail(cut_input))))), name="tail_and_head"
        ),
        backbone=backbone,
        logits=logits,
    )
