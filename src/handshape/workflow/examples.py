"""Photographs for a page: those read wrongly, typical ones, and what on each hand spoke for the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.explain.saliency import Heat, where_it_looked
from handshape.hands.crops import crop_box
from handshape.hands.inputs import Inputs
from handshape.model.decisions import NO_HAND, Thresholds, decide, is_negative_name
from handshape.reporting.page import Example, Pair, choose_pairs, typical_image
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import Evaluation

MAX_EXAMPLES = 12


@dataclass(frozen=True, eq=False)
class Gallery:
    """Photographs of an evaluation, as a page shows them.

    Attributes:
        evaluation: what a model said.
        dataset: about whose photographs.
        thresholds: what it accepts.
        features: inputs of N photographs to the last feature maps [N, h, w, F] of the stream that has some.
        activation: that stream's dense weights, [F, C]; None where the model has no such stream.
    """

    evaluation: Evaluation
    dataset: Dataset
    thresholds: Thresholds
    features: Callable[[Inputs], NDArray[np.float32]]
    activation: NDArray[np.float32] | None

    def mistakes(self) -> list[Pair[Example]]:
        """Those that were most surely wrong, each with a typical one of what it was taken for."""
        said = self.evaluation.predictions
        return [
            Pair(self._example(pair.wrong), None if pair.typical is None else self._example(pair.typical))
            for pair in choose_pairs(said.probabilities, said.targets)
        ]

    def typical(self) -> list[Example]:
        """A typical photograph of at most a dozen classes, evenly over them; none without a heat map to show."""
        if self.activation is None:
            return []
        said, classes = self.evaluation.predictions, range(len(self.evaluation.class_names))
        numbers = (typical_image(said.probabilities, said.targets, each) for each in classes)
        chosen = [number for number in numbers if number is not None]
        even = np.unique(np.linspace(0, len(chosen) - 1, min(MAX_EXAMPLES, len(chosen))).round().astype(int))
        examples = (self._example(chosen[place]) for place in even)
        return [example for example in examples if example.heat is not None]

    def _example(self, number: int) -> Example:
        """One of the evaluated photographs."""
        said, dataset, names = self.evaluation.predictions, self.dataset, self.evaluation.class_names
        row, answer = self.evaluation.rows[number], int(said.predicted[number])
        found, hand = self.evaluation.hand_found, dataset.hands[row]
        hand_found = None if found is None else bool(found[number])
        decision = decide(names, said.probabilities[number], hand_found, self.thresholds)
        return Example(
            file=dataset.folder.file(dataset.samples[row]),
            label=names[dataset.targets[row]],
            answer=names[answer],
            confidence=float(said.confidence[number]),
            decision=decision,
            heat=None if decision == NO_HAND else self._heat(row, answer),
            box=crop_box(hand) if hand else None,
        )

    def _heat(self, row: int, answer: int) -> Heat | None:
        """What spoke for an answer; nothing speaks for a class that shows no sign."""
        if self.activation is None or is_negative_name(self.evaluation.class_names[answer]):
            return None
        features = self.features(self.dataset.inputs[np.array([row])])[0]
        return where_it_looked(features, self.activation, answer, self.dataset.hands[row])
