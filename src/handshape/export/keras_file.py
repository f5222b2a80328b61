"""The bundle's Keras model, read again; nothing in its file is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from handshape.export.bundle import Bundle
from handshape.export.fit import Shape, require_fit
from handshape.export.manifest import damaged
from handshape.runtime import start_on_cpu

REASON = 200  # characters of what Keras says


def load_keras(bundle: Bundle) -> Any:
    """The bundle's Keras model, on TensorFlow and the CPU.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
        ModelError: the file holds no model, one that would run code of its own, or one that does not fit the bundle.
    """
    start_on_cpu()
    import keras

    try:
        model = keras.models.load_model(bundle.keras, compile=False, safe_mode=True)
        outputs = [model.output["probabilities"], *(each for name, each in model.output.items() if name == "features")]
        inputs = model.inputs
    except Exception as error:  # Keras raises whatever a file makes go wrong in it
        reason = str(error).strip().partition("\n")[0][:REASON] or type(error).__name__
        raise damaged(bundle.folder, bundle.keras.name, f"cannot be loaded ({reason})") from None
    require_fit(bundle.keras, _shapes(inputs), _shapes(outputs), len(bundle.class_names), bundle.size)
    model.jit_compile = False
    return model


def _shapes(tensors: Iterable[Any]) -> list[Shape]:
    """Of one photograph."""
    return [tuple(tensor.shape[1:]) for tensor in tensors]
