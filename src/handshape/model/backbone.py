"""MobileNetV2 in two pieces: a trunk that stays frozen and a tail that the second phase trains.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", as in ``keras.applications``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handshape.model.weights import StartingWeights, load_weights


@dataclass(frozen=True)
class Backbone:
    """The network without its top, cut where the last trainable layers begin."""

    base: Any  # image [N, S, S, 3] in [-1, 1] → last feature map [N, S/32, S/32, 1280]
    trunk: Any  # image → cut feature map
    tail: Any  # cut feature map → last feature map


def build_backbone(size: int, weights: StartingWeights, fine_tune_layers: int) -> Backbone:
    """Builds MobileNetV2 for square images of ``size`` pixels and cuts it.

    The cut lies where a single tensor joins both sides, at or before the last ``fine_tune_layers`` layers.
    For 20 layers that is ``block_14_add``: blocks 15 and 16 and the last convolution are the tail.

    Raises:
        ModelError: the weights do not fit.
    """
    import keras

    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size, size, 3))
    load_weights(base, weights)
    base.trainable = False
    cut = _cut_tensor(base, fine_tune_layers)
    return Backbone(base, keras.Model(base.input, cut, name="trunk"), keras.Model(cut, base.output, name="tail"))


def set_tail_trainable(backbone: Backbone, trainable: bool) -> None:
    """Frees or freezes the tail's convolutions.

    Batch normalisation stays frozen, in inference mode: with momentum .999 its moving averages lag behind a short
    fine-tuning, which cost 32 points of test accuracy where it was measured (.961 to .645).
    """
    import keras

    for layer in backbone.tail.layers:
        layer.trainable = trainable and not isinstance(layer, keras.layers.BatchNormalization)


def _cut_tensor(base: Any, fine_tune_layers: int) -> Any:
    """The output of the last block that ends before the layers to fine-tune; the first convolution for almost all."""
    last = len(base.layers) - fine_tune_layers - 1
    ends = [layer for layer in base.layers[: last + 1] if _ends_block(base, layer)]
    return ends[-1].output if ends else base.layers[1].output


def _ends_block(base: Any, layer: Any) -> bool:
    if layer.name.endswith("_add"):
        return True
    names = {other.name for other in base.layers}
    return layer.name.endswith("_project_BN") and layer.name.replace("_project_BN", "_add") not in names
