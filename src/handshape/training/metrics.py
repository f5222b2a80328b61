"""What is shown of each epoch."""

from __future__ import annotations

from typing import Any

import keras


def accuracy(wanted: Any, said: Any) -> Any:
    """Whether each answer is right, [N]: the class, or less than half sure where none is to be named.

    Args:
        wanted: [N, C], as :func:`handshape.training.weighting.wanted` gives it.
        said: [N, C], probabilities.
    """
    ops = keras.ops
    is_right = ops.equal(ops.argmax(wanted, axis=-1), ops.argmax(said, axis=-1))
    is_unsure = ops.less(ops.max(said, axis=-1), 0.5)
    return ops.cast(ops.where(ops.greater(ops.max(wanted, axis=-1), 0.5), is_right, is_unsure), "float32")
