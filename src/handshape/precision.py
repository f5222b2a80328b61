"""In what numbers a network computes: which pay on an accelerator, and how a network is changed from one to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handshape.config import GpuSettings
    from handshape.devices import Accelerator

FULL, HALF, BRAIN = "float32", "mixed_float16", "mixed_bfloat16"  # Keras' names; the mixed ones keep float32 weights
LEAST_FOR_HALF, LEAST_FOR_BRAIN = 7.0, 8.0  # compute capability: tensor cores of Volta and of Ampere


def choose_precision(gpu: GpuSettings, accelerator: Accelerator | None) -> tuple[str, str]:
    """A Keras dtype policy, and why it is this one."""
    if gpu.precision != "auto":
        return gpu.precision, "gpu.precision says so" + (" though a CPU is slower in it" * _is_slow(gpu, accelerator))
    if not gpu.use_mixed_precision:
        return FULL, "gpu.use_mixed_precision is off"
    if accelerator is None:
        return FULL, "a CPU computes float32 fastest"
    if accelerator.is_tpu:
        return BRAIN, "a TPU computes bfloat16"
    able = accelerator.capability
    if not able:
        return FULL, "the backend does not say what this card gains; gpu.precision=mixed_float16 tries it"
    if able >= LEAST_FOR_BRAIN:
        return (
            BRAIN,
            f"compute capability {able}: bfloat16 is as fast as float16, and holds numbers as large as float32",
        )
    if able >= LEAST_FOR_HALF:
        return HALF, f"compute capability {able}: float16 is faster; the loss is scaled automatically"
    return FULL, f"compute capability {able}: half precision pays from {LEAST_FOR_HALF} on"


def set_precision(model: Any, policy: str) -> None:
    """Has the networks inside a model compute in ``policy`` from now on; the weights stay as they are, in float32.

    What joins them, the pooling, the dense layer and the softmax, computes in float32 always. A model must be built
    in float32: the tensors between its parts stay so, and hold what any policy computes.

    Args:
        model: one that holds others; it has to be compiled anew, and then scales its loss where that is needed.
        policy: "float32", "mixed_float16" or "mixed_bfloat16".
    """
    for layer in _changing(model):
        layer.dtype_policy = policy
    model.train_function = model.test_function = model.predict_function = None  # traced in other numbers


@contextmanager
def full_precision(model: Any) -> Iterator[None]:
    """Inside, a model is as if it computed in float32, and is saved so; what was traced before stays as it is."""
    before = [(layer, layer.dtype_policy) for layer in _changing(model)]
    for layer, _ in before:
        layer.dtype_policy = FULL
    try:
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy


def _changing(model: Any) -> list[Any]:
    """The layers of the networks inside a model, and the model, which goes by them when it is compiled."""
    import keras

    inner = [part for part in model.layers if isinstance(part, keras.Model)]
    return [*(layer for part in inner for layer in part.layers), *([model] if inner else [])]


def _is_slow(gpu: GpuSettings, accelerator: Accelerator | None) -> bool:
    return accelerator is None and gpu.precision != FULL
