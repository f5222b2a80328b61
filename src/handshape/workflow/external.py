"""A finished model on photographs from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.splits import Rows
from handshape.evaluation.decisions import DecisionReport
from handshape.export.bundle import Bundle
from handshape.hands.search import hand_search
from handshape.serving.recognizer import Recognizer
from handshape.workflow.dataset import Dataset, load_external
from handshape.workflow.evaluate import Evaluation, evaluate
from handshape.workflow.overlap import is_seen, learned_by


@dataclass(frozen=True, eq=False)
class ExternalEvaluation:
    """What a model said about photographs from elsewhere.

    Attributes:
        dataset: the photographs of classes that it knows.
        is_seen: which of them it learned from, or near-duplicates of them, [N].
        evaluation: of the others; of all where there are no others.
        decisions: what it accepts of the same.
    """

    dataset: Dataset
    is_seen: NDArray[np.bool_]
    evaluation: Evaluation
    decisions: DecisionReport

    @property
    def is_external(self) -> bool:
        """Whether any of them were not seen in training: else the accuracy says nothing about other people."""
        return not self.is_seen.all()


def evaluate_bundle(bundle: Bundle, path: Path, console: Console) -> ExternalEvaluation:
    """Measures a bundle on a folder of photographs, one folder a class.

    Raises:
        DataError: folder and model share no class, or no image can be read.
        ModelError: the bundle has no LiteRT model.
    """
    recognizer = Recognizer(bundle)
    console.status("check", f"Reading {path}")
    search = hand_search(console) if bundle.hands else None
    dataset = load_external(path, bundle.class_names, search, bundle.size, console)
    seen = is_seen(dataset, learned_by(bundle))
    evaluation = evaluate(recognizer, dataset, unseen_rows(dataset, seen), console)
    return ExternalEvaluation(dataset, seen, evaluation, evaluation.decisions(bundle.thresholds))


def unseen_rows(dataset: Dataset, seen: NDArray[np.bool_]) -> Rows:
    """Those to measure on: what was not seen in training; everything where nothing else is there."""
    return dataset.rows if seen.all() else np.flatnonzero(~seen)


def seen_in_words(name: str, seen: NDArray[np.bool_]) -> str:
    """What to say of photographs that were seen in training; "" where there are none."""
    if not seen.any():
        return ""
    if seen.all():
        return (
            f"The model learned from these very photographs ({name}): how often it is right on them says nothing about "
            "other people. Measure on photographs that it has never seen."
        )
    return f"{seen.sum():,} of {len(seen):,} photographs of {name} are among those the model learned from; left out."
