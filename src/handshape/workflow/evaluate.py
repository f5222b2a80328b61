"""Measuring a model on rows of a data set; thresholds for decisions; what a training measured at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.splits import Rows, Split
from handshape.evaluation.answers import Answers
from handshape.evaluation.decisions import DecisionReport, report_decisions
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.predictions import Predictions, predict
from handshape.evaluation.thresholds import Tuning, tune_thresholds
from handshape.hands.inputs import Inputs
from handshape.model.decisions import Thresholds
from handshape.model.networks import Network
from handshape.reporting.wording import false_accepts_in_words, for_terminal, misses
from handshape.workflow.dataset import Dataset


class Model(Protocol):
    """Whatever answers: a fitted classifier, a converted one, a bundle's recogniser."""

    @property
    def network(self) -> Network:
        """Inputs of N images to probabilities [N, C]."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model said about images whose classes are known.

    Attributes:
        class_names: of the model.
        rows: of the data set, [n].
        predictions: about these.
        metrics: what they come to.
        hand_found: [n]; None where no hands were looked for.
    """

    class_names: tuple[str, ...]
    rows: Rows
    predictions: Predictions
    metrics: Metrics
    hand_found: NDArray[np.bool_] | None

    @property
    def answers(self) -> Answers:
        """The same as decisions are made on it."""
        predictions = self.predictions
        return Answers.of(self.class_names, predictions.probabilities, predictions.targets, self.hand_found)

    def decisions(self, thresholds: Thresholds, negatives: Answers | None = None) -> DecisionReport:
        """What is accepted; of ``negatives``, images without a sign, how many falsely."""
        return report_decisions(self.answers, thresholds, negatives)


def evaluate(model: Model, dataset: Dataset, rows: Rows, console: Console) -> Evaluation:
    """Measures a model on rows of a data set."""
    probabilities = predict(model.network, dataset.inputs, console, rows)
    predictions = Predictions(tuple(dataset.samples[row].path for row in rows), probabilities, dataset.targets[rows])
    metrics = measure(probabilities, dataset.targets[rows], dataset.class_names)
    return Evaluation(dataset.class_names, rows, predictions, metrics, dataset.found(rows))


@dataclass(frozen=True, eq=False)
class Results:
    """What a training measured before it learned from the images kept back.

    Attributes:
        validation: on the images that chose epochs and thresholds.
        test: on those that no decision saw.
        negatives: answers to images without a sign, kept out of the tuning; None where there were none.
        tuning: the thresholds.
    """

    validation: Evaluation
    test: Evaluation
    negatives: Answers | None
    tuning: Tuning

    @property
    def decisions(self) -> DecisionReport:
        """What the thresholds decide about the test images."""
        return self.test.decisions(self.tuning.thresholds, self.negatives)


def evaluate_training(
    model: Model, dataset: Dataset, split: Split, negatives: Inputs | None, target: float, console: Console
) -> Results:
    """Measures a model on validation and test, and tunes thresholds on validation and on half of the negatives.

    Args:
        model: as it is shipped.
        dataset: whose rows.
        split: which.
        negatives: images without a sign; every second one tunes, the others test.
        target: share of those that may be taken for a sign.
        console: shows the progress.
    """
    parts = {}
    for part in ("validation", "test"):
        console.status("chart", f"Evaluating on the {part} images")
        parts[part] = evaluate(model, dataset, split.parts[part], console)
        metrics = parts[part].metrics
        console.log(f"Accuracy on the {part} images: {metrics.accuracy:.4f} of {metrics.n}")
    tuned_on, kept = (
        _answer_negatives(model, dataset, negatives, start, console) if negatives is not None else None
        for start in (0, 1)
    )
    tuning = tune_thresholds(parts["validation"].answers, tuned_on, target)
    console.detail(tuning.summary)
    results = Results(parts["validation"], parts["test"], kept, tuning)
    _say_false_accepts(results, console)
    return results


def _say_false_accepts(results: Results, console: Console) -> None:
    """How often a photograph without a sign, one that tuned nothing, is taken for a sign; a warning where too often."""
    found, target = results.decisions.false_accepts, results.tuning.target
    if found is not None:
        say = console.warn if misses(found, target) else console.detail
        say(for_terminal(false_accepts_in_words(found, target)))


def _answer_negatives(model: Model, dataset: Dataset, negatives: Inputs, start: int, console: Console) -> Answers:
    """Answers to every second of the images without a sign."""
    rows = np.arange(start, len(negatives), 2)
    probabilities = predict(model.network, negatives, console, rows)
    found = negatives.found[rows] if dataset.finds_hands else None
    return Answers.of_negatives(dataset.class_names, probabilities, found)


def measures_of(metrics: Metrics) -> dict[str, Any]:
    """Metrics for JSON, with the best and worst classes and the confusion matrix."""
    return {
        **metrics.as_dict(),
        "best": [score.label for score in metrics.best()],
        "worst": [score.label for score in metrics.worst()],
        "confusion_matrix": metrics.confusion.tolist(),
    }
