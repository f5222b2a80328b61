"""Frozen batch norms folded into the convolutions before them, while those go on learning.

In inference mode a batch norm multiplies each channel by a number and adds one (Ioffe and Szegedy 2015). Multiplying
the convolution's kernel instead gives the same outputs and gradients, and spares passes over maps that are larger than
the processor's cache.
"""

from __future__ import annotations

from typing import Any

import keras


def folded(network: Any) -> Any:
    """A model of the same layers and weights, which computes the same with fewer passes; it trains the network.

    Args:
        network: a functional model whose batch norms are frozen.
    """
    norm_after = {layer.name: norm for layer in network.layers for norm in _norms_behind(layer)}
    folded_away = {norm.name for norm in norm_after.values()}

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        if layer.name in folded_away:
            return inputs[0]
        if layer.name in norm_after:
            return NormalisedConvolution(layer, norm_after[layer.name])(*inputs)
        return (folded(layer) if isinstance(layer, keras.Model) else layer)(*inputs, **options)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _norms_behind(layer: Any) -> list[Any]:
    """The frozen batch norm that alone takes what a convolution without bias gives; none elsewhere."""
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) or layer.use_bias:
        return []
    users = {node.operation.name: node.operation for node in layer._outbound_nodes}
    norms = [
        user for user in users.values() if isinstance(user, keras.layers.BatchNormalization) and not user.trainable
    ]
    return norms if len(norms) == len(users) == 1 else []


class NormalisedConvolution(keras.layers.Layer):
    """A convolution and the frozen batch norm behind it, in one pass; the variables stay the convolution's own."""

    def __init__(self, convolution: Any, norm: Any) -> None:
        super().__init__(name=convolution.name, dtype=convolution.dtype_policy)
        self.convolution, self.norm = convolution, norm
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Feature maps → feature maps."""
        convolution, norm = self.convolution, self.norm
        scale = norm.gamma / keras.ops.sqrt(norm.moving_variance + norm.epsilon)
        offset = norm.beta - norm.moving_mean * scale
        is_depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        kernel = convolution.kernel * (scale[:, None] if is_depthwise else scale)
        convolve = keras.ops.depthwise_conv if is_depthwise else keras.ops.conv
        kernel, offset = (keras.ops.cast(each, self.compute_dtype) for each in (kernel, offset))
        maps = convolve(inputs, kernel, strides=convolution.strides, padding=convolution.padding)
        return maps + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The convolution's."""
        return self.convolution.compute_output_shape(input_shape)
