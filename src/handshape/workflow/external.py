"""A finished model on photographs from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.evaluation.decisions import DecisionReport
from handshape.export.bundle import Bundle
from handshape.hands.search import hand_search
from handshape.serving.recognizer import Recognizer
from handshape.workflow.dataset import Dataset, load_external
from handshape.workflow.evaluate import Evaluation, evaluate


@dataclass(frozen=True, eq=False)
class ExternalEvaluation:
    """What a model said about photographs from elsewhere.

    Attributes:
        dataset: the photographs of classes that it knows.
        evaluation: of all of them.
        decisions: what it accepts.
    """

    dataset: Dataset
    evaluation: Evaluation
    decisions: DecisionReport


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
    evaluation = evaluate(recognizer, dataset, dataset.rows, console)
    return ExternalEvaluation(dataset, evaluation, evaluation.decisions(bundle.thresholds))
