"""What a recogniser sees in a photograph, and that drawn over it."""

from __future__ import annotations

from pathlib import Path

from handshape.explain.drawing import Caption
from handshape.explain.image import explain_image
from handshape.serving.recognizer import Recognition, Recognizer


def explain_photograph(photograph: Path | bytes, recognizer: Recognizer) -> tuple[Recognition, bytes]:
    """What is recognised in a photograph, and that drawn over it, as PNG.

    Raises:
        ImageError: it cannot be read.
        ModelError: the weights for heat maps do not fit the model.
    """
    answer, features = recognizer.explain(photograph)
    caption = Caption(answer.decision, answer.confidence, answer.top)
    number = recognizer.class_names.index(answer.top[0][0])
    return answer, explain_image(photograph, answer.hand, caption, features, recognizer.activation, number)
