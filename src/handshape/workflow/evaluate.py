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
from handshape.hands.geometry import hand_size
from handshape.hands.inputs import Inputs
from handshape.model.decisions import Thresholds, decide
from handshape.model.networks import Network
from handshape.model.profile import Profile
from handshape.reporting.wording import false_accepts_in_words, for_terminal, misses, other_signs_in_words
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

    def profile(self, dataset: Dataset, thresholds: Thresholds) -> Profile:
        """Counts of these answers, by which others can be compared with them."""
        sizes = hand_size(dataset.inputs.landmarks[self.rows])[:, 0].tolist()
        found = [None] * len(self.rows) if self.hand_found is None else self.hand_found.tolist()
        profile = Profile()
        for probabilities, has_hand, size in zip(self.predictions.probabilities, found, sizes, strict=True):
            decision = decide(self.class_names, probabilities, has_hand, thresholds)
            profile.add(decision, float(probabilities.max()), size if has_hand else None)
        return profile

    def decisions(
        self, thresholds: Thresholds, negatives: Answers | None = None, other_signs: Answers | None = None
    ) -> DecisionReport:
        """What is accepted; of images without a sign, and of other signs, how many falsely."""
        return report_decisions(self.answers, thresholds, negatives, other_signs)


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
        other_signs: answers to known hands of other signs, kept out of the tuning; None where there were none.
        tuning: the thresholds.
    """

    validation: Evaluation
    test: Evaluation
    negatives: Answers | None
    other_signs: Answers | None
    tuning: Tuning

    @property
    def decisions(self) -> DecisionReport:
        """What the thresholds decide about the test images."""
        return self.test.decisions(self.tuning.thresholds, self.negatives, self.other_signs)


@dataclass(frozen=True, eq=False)
class Negatives:
    """What shows none of the signs; every second one tunes what is accepted, the others test it.

    Attributes:
        photographs: without a sign; None where none were given.
        other_signs: what the model said of known hands of other signs, [n, C]; None where there are none.
    """

    photographs: Inputs | None
    other_signs: NDArray[np.float32] | None = None


def evaluate_training(
    model: Model, dataset: Dataset, split: Split, negatives: Negatives, target: float, console: Console
) -> Results:
    """Measures a model on validation and test, and tunes thresholds on validation and on half of the negatives.

    Args:
        model: as it is shipped.
        dataset: whose rows.
        split: which.
        negatives: what shows none of the signs.
        target: share of those that may be taken for a sign.
        console: shows the progress.
    """
    parts = {}
    for part in ("validation", "test"):
        console.status("chart", f"Evaluating on the {part} images")
        parts[part] = evaluate(model, dataset, split.parts[part], console)
        metrics = parts[part].metrics
        console.log(f"Accuracy on the {part} images: {metrics.accuracy:.4f} of {metrics.n}")
    photographs, others = negatives.photographs, negatives.other_signs
    tuned_on, kept = (
        None if photographs is None else _answer_negatives(model, dataset, photographs, start, console)
        for start in (0, 1)
    )
    tuned_on_others, kept_others = (
        None if others is None else Answers.of_other_signs(dataset.class_names, others[start::2]) for start in (0, 1)
    )
    tuning = tune_thresholds(parts["validation"].answers, tuned_on, target, tuned_on_others)
    console.detail(tuning.summary)
    results = Results(parts["validation"], parts["test"], kept, kept_others, tuning)
    _say_false_accepts(results, console)
    return results


def _say_false_accepts(results: Results, console: Console) -> None:
    """How often a photograph without a sign, one that tuned nothing, is taken for a sign; a warning where too often."""
    found, target = results.decisions.false_accepts, results.tuning.target
    if found is not None:
        say = console.warn if misses(found, target) else console.detail
        say(for_terminal(false_accepts_in_words(found, target)))
    others = next((kind for kind in results.decisions.kinds if kind.name == "other signs"), None)
    if others is not None:
        console.detail(for_terminal(other_signs_in_words(others)))


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
