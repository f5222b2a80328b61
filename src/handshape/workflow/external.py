"""A finished model on photographs from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.label_table import LABELS_FILE
from handshape.data.splits import Rows
from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.slices import Slice
from handshape.export.bundle import Bundle
from handshape.hands.search import hand_search
from handshape.model.decisions import decide
from handshape.serving.recognizer import Recognizer
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import Evaluation, evaluate
from handshape.workflow.other_photographs import load_external
from handshape.workflow.overlap import is_seen, learned_by

TOP = 3


@dataclass(frozen=True, eq=False)
class ExternalEvaluation:
    """What a model said about photographs from elsewhere.

    Attributes:
        bundle: the model.
        dataset: the photographs of classes that it knows.
        is_seen: which of them it learned from, or near-duplicates of them, [N].
        evaluation: of the others; of all where there are no others.
        decisions: what it accepts of the same.
    """

    bundle: Bundle
    dataset: Dataset
    is_seen: NDArray[np.bool_]
    evaluation: Evaluation
    decisions: DecisionReport

    @property
    def is_external(self) -> bool:
        """Whether any of them were not seen in training: else the accuracy says nothing about other people."""
        return not self.is_seen.all()

    @property
    def name(self) -> str:
        """Of the photographs: that of their folder."""
        return self.dataset.folder.root.resolve().name or "photographs"

    @property
    def right(self) -> Slice:
        """How many were answered right."""
        return Slice.of(self.name, self.evaluation.predictions.correct)

    @property
    def left_out(self) -> dict[str, str]:
        """The photographs that were not measured on, by their paths, and why."""
        dataset = self.dataset
        unreadable = {path: f"cannot be used: {why}" for path, why in dataset.report.reasons.items()}
        seen = np.flatnonzero(self.is_seen) if self.is_external else ()
        said_so = dict.fromkeys(dataset.folder.corrections.left_out, f"{LABELS_FILE} leaves it out")
        return (
            said_so
            | unreadable
            | {dataset.samples[row].path: "the model learned from it, or from one like it" for row in seen}
        )

    def answers(self) -> Iterator[dict[str, Any]]:
        """What was said about each photograph, for JSON."""
        evaluation, names = self.evaluation, self.evaluation.class_names
        found = [None] * len(evaluation.rows) if evaluation.hand_found is None else evaluation.hand_found.tolist()
        said = evaluation.predictions
        for path, target, probabilities, hand_found in zip(
            said.paths, said.targets, said.probabilities, found, strict=True
        ):
            order = np.argsort(-probabilities, kind="stable")[:TOP]
            yield {
                "path": path,
                "label": names[target],
                "decision": decide(names, probabilities, hand_found, self.bundle.thresholds),
                "confidence": round(float(probabilities[order[0]]), 6),
                "top": [[names[number], round(float(probabilities[number]), 6)] for number in order],
            }

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the rows and columns of the confusion matrix are ``class_names``."""
        metrics, dataset = self.evaluation.metrics, self.dataset
        return {
            **metrics.as_dict(),
            "interval": list(self.right.interval),
            "classes": [score.label for score in metrics.scored()],
            "class_names": list(self.evaluation.class_names),
            "confusion_matrix": metrics.confusion.tolist(),
            "hands_found": self.decisions.hands_found,
            "decisions": self.decisions.as_dict(),
            "left_out": list(dataset.left_out),
            "unreadable": list(dataset.report.corrupt),
            "strays": list(dataset.report.strays),
            "left_out_photographs": self.left_out,
            "corrections": dataset.folder.corrections.as_dict(),
            "seen_in_training": int(self.is_seen.sum()),
            "external": self.is_external,
            "answers": list(self.answers()),
        }


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
    return ExternalEvaluation(bundle, dataset, seen, evaluation, evaluation.decisions(bundle.thresholds))


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
    are = "is" if seen.sum() == 1 else "are"
    return f"{seen.sum():,} of {len(seen):,} photographs of {name} {are} among those the model learned from; left out."
