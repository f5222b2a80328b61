"""Whether a bundle's files fit each other and its manifest.

Whoever makes the checksums fit may have written anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError
from handshape.export.manifest import damaged
from handshape.hands.geometry import COORDINATES, LANDMARKS
from handshape.hands.landmarks import FEATURES

Shape = tuple[int, ...]


def require_fit(file: Path, inputs: Sequence[Shape], outputs: Sequence[Shape], classes: int, size: int) -> None:
    """Passes where a network takes what photographs give and answers about so many classes.

    Args:
        file: of the network, in a bundle.
        inputs: their shapes, of one photograph.
        outputs: the same, in the order of the number of their axes.
        classes: C, that the manifest names.
        size: of the square picture, that the manifest names.

    Raises:
        ModelError: it does not.
    """
    known = {(size, size, 3), (LANDMARKS, COORDINATES), (1,), FEATURES}
    strange = [shape for shape in inputs if shape not in known]
    if strange or len(set(inputs)) < len(inputs):
        raise damaged(file.parent, file.name, f"takes inputs of other shapes than photographs give: {_listed(inputs)}")
    probabilities, *others = outputs or [()]
    if probabilities != (classes,):
        raise damaged(
            file.parent, file.name, f"answers {_listed([probabilities])}, where the bundle names {classes} classes"
        )
    if len(others) > 1 or any(len(shape) != 3 for shape in others):
        raise damaged(
            file.parent, file.name, f"has other outputs than probabilities and a feature map: {_listed(outputs)}"
        )


def read_activation(file: Path, classes: int, features: int | None = None) -> NDArray[np.float32] | None:
    """The weights [F, C] for heat maps; None where a bundle has none. Nothing in the file is run.

    Args:
        file: of the bundle.
        classes: C.
        features: F, the channels of the network's feature map, where they are known.

    Raises:
        ModelError: it holds something else.
    """
    if not file.is_file():
        return None
    try:
        weights = np.load(file, allow_pickle=False)
    except Exception as error:  # a header is read as Python's source, which fails in many ways
        raise damaged(file.parent, file.name, f"cannot be read ({type(error).__name__})") from None
    if not isinstance(weights, np.ndarray) or weights.dtype.kind != "f" or weights.ndim != 2:
        raise damaged(file.parent, file.name, "is no table of numbers")
    if weights.shape[1] != classes or (features is not None and weights.shape[0] != features):
        wanted = f"{'any number' if features is None else features} x {classes}"
        raise damaged(file.parent, file.name, f"is {weights.shape[0]} x {weights.shape[1]}, not {wanted}")
    if not np.isfinite(weights).all():
        raise damaged(file.parent, file.name, "holds what is no number")
    return weights.astype(np.float32)


def cannot_answer(folder: Path, why: str) -> ModelError:
    """Of a model that was tried and failed."""
    return ModelError(
        f"The model in {folder} was tried and cannot answer: {why}.",
        "a model that gives probabilities for every photograph",
        "Train it again, or take another version.",
    )


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join("x".join(str(side) for side in shape) or "nothing" for shape in shapes) or "nothing"
