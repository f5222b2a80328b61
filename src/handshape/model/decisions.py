"""From probabilities to a decision: a label, "unknown" or "no hand". Pure arithmetic; serving uses it as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError

UNKNOWN, NO_HAND = "unknown", "no hand"
NEVER = math.inf  # a threshold that no confidence reaches; null in JSON

_NEGATIVE_NAMES = re.compile(
    r"none|nothing|(no|not|nota|non)(hand|sign|gesture)s?|others?|backgrounds?|unknown|negatives?|blank|empty"
)


@dataclass(frozen=True)
class Thresholds:
    """The least confidence, 0 to 1, at which an answer is accepted; :data:`NEVER` accepts none.

    Attributes:
        with_hand: where a hand was found, or where nobody looked for one; below it the decision is "unknown".
        without_hand: where none was found; below it the decision is "no hand".
    """

    with_hand: float
    without_hand: float = NEVER

    def accept(self, confidence: NDArray[np.floating[Any]], hand_found: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Which of N answers are accepted, [N]; ``hand_found`` [N] is None for a model without a hand finder."""
        least = self.with_hand if hand_found is None else np.where(hand_found, self.with_hand, self.without_hand)
        return np.asarray(np.asarray(confidence, np.float64) >= least)  # a threshold may lie between two float32

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return {"with_hand": _or_null(self.with_hand), "without_hand": _or_null(self.without_hand)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Thresholds:
        """What :meth:`as_dict` gave.

        Raises:
            ModelError: a threshold is missing, or neither null nor a number from 0 to 1.
        """
        return cls(_threshold(values, "with_hand"), _threshold(values, "without_hand"))


def decide(
    class_names: Sequence[str],
    probabilities: NDArray[np.floating[Any]],
    hand_found: bool | None,
    thresholds: Thresholds,
) -> str:
    """The decision on one image: the most probable label, :data:`UNKNOWN` or :data:`NO_HAND`.

    Args:
        class_names: the names of the C classes.
        probabilities: [C], calibrated; values that are not numbers are never accepted.
        hand_found: None where nobody looked for a hand; the decision is then never "no hand".
        thresholds: from the model's bundle.
    """
    answer = int(np.argmax(probabilities))
    if float(probabilities[answer]) >= (thresholds.without_hand if hand_found is False else thresholds.with_hand):
        return class_names[answer]
    return NO_HAND if hand_found is False else UNKNOWN


def is_negative_name(label: str) -> bool:
    """Whether a class of this name shows no sign: ``nothing``, ``no_hand``, ``Not hands``, ``other``, ``blank`` …"""
    letters = "".join(letter for letter in label.casefold() if letter.isalnum())
    return _NEGATIVE_NAMES.fullmatch(letters) is not None


def _or_null(threshold: float) -> float | None:
    return None if threshold == NEVER else threshold


def _threshold(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name, "nothing")
    if value is None:
        return NEVER
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ModelError(
        f"The model's threshold {name} is {value!r}.",
        "a number from 0 to 1, or null for never",
        "The bundle is damaged: train or export it again.",
    )
