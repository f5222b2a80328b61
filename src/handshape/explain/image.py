"""One photograph with what a recogniser made of it, as ``handshape explain`` and the API show it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from handshape.explain.drawing import Caption, draw_explanation
from handshape.explain.saliency import Floats, where_it_looked
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import Hand
from handshape.model.decisions import NO_HAND


def explain_image(
    source: Path | bytes,
    hand: Hand | None,
    caption: Caption,
    features: Floats | None,
    weights: Floats | None,
    number: int,
) -> bytes:
    """The photograph, the hand in it, where the classifier looked, and what it decided, as PNG.

    Args:
        source: a file, or its bytes.
        hand: in pixels of the upright photograph at its full size; None where none was found.
        caption: what was decided.
        features: [h, w, F], the last feature map; None where the model has none.
        weights: of the dense layer, [F, C]; None where the model has none. A picture that shows no hand has
            no heat: nothing was recognised in it.
        number: of the most probable class.

    Raises:
        ImageError: it cannot be read.
    """
    photograph = load_photograph(source)
    heat = None
    if features is not None and weights is not None and caption.decision != NO_HAND:
        heat = where_it_looked(features, weights, number, hand)
    hand = hand.scaled(1 / photograph.scale) if hand else None
    stream = BytesIO()
    Image.fromarray(draw_explanation(photograph.pixels, hand, heat, caption)).save(stream, "PNG")
    return stream.getvalue()
