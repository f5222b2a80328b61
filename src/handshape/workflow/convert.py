"""A fitted classifier as it is shipped: calibrated, in float32, on LiteRT."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.machine import is_installed
from handshape.model.classifier import in_float32
from handshape.model.networks import KerasNetwork, LiteRtNetwork
from handshape.workflow.context import Context
from handshape.workflow.fit import Fitted


@dataclass(frozen=True, eq=False)
class ConvertedModel:
    """A classifier apart from the one that may go on learning.

    Attributes:
        keras: the model in float32.
        litert: None where TensorFlow, which converts, is not installed.
        network: on LiteRT where there is one, else in Keras.
        activation: the dense weights behind the output ``features``, [F, C], for heat maps; None without one.
    """

    keras: Any
    litert: bytes | None
    network: KerasNetwork | LiteRtNetwork
    activation: NDArray[np.float32] | None


def convert(fitted: Fitted, context: Context) -> ConvertedModel:
    """The classifier as it is now."""
    classifier = fitted.classifier
    activation = classifier.mapped.logits.get_weights()[0] if classifier.mapped else None
    return convert_model(in_float32(classifier.model), activation, context)


def convert_model(model: Any, activation: NDArray[np.float32] | None, context: Context) -> ConvertedModel:
    """A Keras classifier in float32 that nobody trains any more, with the weights behind its output ``features``."""
    context.console.status("save", "Converting the model for LiteRT, which runs it on small devices")
    content = _to_litert(model, context)
    network = KerasNetwork(model) if content is None else LiteRtNetwork(content)
    return ConvertedModel(model, content, network, activation)


def _to_litert(model: Any, context: Context) -> bytes | None:
    """The model on LiteRT. TensorFlow converts: in this process, or on another backend in one of its own."""
    if context.runtime.backend == "tensorflow":
        return litert.convert(model)
    if not is_installed("tensorflow"):
        context.console.warn("Without TensorFlow there is no LiteRT model, which predict needs: install it.")
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "to_convert.keras"
        model.save(file)
        return litert.convert_elsewhere(file)
