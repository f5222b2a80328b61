"""A model is tried before anybody relies on it: what cannot answer is neither registered, promoted nor served."""

from __future__ import annotations

import numpy as np

from handshape.explain.saliency import where_it_looked
from handshape.export.bundle import Bundle
from handshape.export.fit import cannot_answer
from handshape.hands.geometry import COORDINATES, LANDMARKS
from handshape.hands.inputs import Inputs
from handshape.hands.landmarks import FEATURES
from handshape.serving.recognizer import Recognizer

BLANK = np.zeros((256, 256, 3), np.uint8)
SUM = 1e-2  # by which probabilities may miss 1
HAND = (80, 80, 40, 0.08, 0.08, 0.04)  # about how far its joints lie from the middle: pixels, then metres


def prove(bundle: Bundle) -> None:
    """Passes where a bundle answers, with a hand and without one.

    Raises:
        ModelError: it cannot be loaded, or cannot answer.
    """
    prove_recognizer(Recognizer(bundle, None, threads=1))


def prove_recognizer(recognizer: Recognizer) -> None:
    """Passes where a recogniser answers: a black photograph, something like a hand, and what explains it.

    Raises:
        ModelError: it cannot.
    """
    folder = recognizer.bundle.folder
    try:
        recognizer.recognize(BLANK)
        probabilities, *maps = recognizer.outputs(_stand_ins(recognizer.size))
        if recognizer.activation is not None:
            where_it_looked(maps[0][0], recognizer.activation, 0, None)
    except (ValueError, RuntimeError, IndexError) as error:
        raise cannot_answer(folder, f"{type(error).__name__}: {error}") from None
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        raise cannot_answer(folder, "its probabilities are no numbers from 0 to 1")
    if np.abs(probabilities.sum(axis=1) - 1).max() > SUM:
        raise cannot_answer(folder, "its probabilities do not add up to 1")


def _stand_ins(size: int) -> Inputs:
    """Something like a hand on a grey picture, and a picture without a hand."""
    landmarks = np.zeros((2, LANDMARKS, COORDINATES), np.float32)
    landmarks[0] = np.random.default_rng(0).uniform(-1, 1, (LANDMARKS, COORDINATES)) * HAND
    present = np.array([[1], [0]], np.float32)
    return Inputs(np.full((2, size, size, 3), 127, np.uint8), landmarks, present, np.zeros((2, *FEATURES), np.float16))
