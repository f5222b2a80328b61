"""How good predictions are: pure arithmetic on probabilities and true classes, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClassScore:
    """How one class fared. Shares are 0 where nothing was there to divide by."""

    label: str
    precision: float  # of the images answered so, the share that were
    recall: float  # of the images of this class, the share answered so: the accuracy on this class
    f1: float
    support: int  # test images of this class


@dataclass(frozen=True, eq=False)
class Metrics:
    """How a model fared on n images."""

    n: int
    accuracy: float
    top3: float
    macro_f1: float  # over the classes that have images
    ece: float
    per_class: tuple[ClassScore, ...]
    confusion: npt.NDArray[np.int64]  # [C, C], rows true, columns predicted

    def as_dict(self) -> dict[str, Any]:
        """The figures ready for JSON; the confusion matrix is left out."""
        return {
            "accuracy": self.accuracy,
            "top3": self.top3,
            "macro_f1": self.macro_f1,
            "ece": self.ece,
            "n": self.n,
            "per_class": {
                score.label: {
                    "precision": score.precision,
                    "recall": score.recall,
                    "f1": score.f1,
                    "support": score.support,
                }
                for score in self.per_class
            },
        }

    def best(self, k: int = 5) -> tuple[ClassScore, ...]:
        """The k classes of highest recall, then F1, then name; classes without images are left out."""
        return tuple(sorted(self.scored(), key=lambda score: (-score.recall, -score.f1, score.label))[:k])

    def worst(self, k: int = 5) -> tuple[ClassScore, ...]:
        """The k classes of lowest recall, then F1, then name; classes without images are left out."""
        return tuple(sorted(self.scored(), key=lambda score: (score.recall, score.f1, score.label))[:k])

    def scored(self) -> tuple[ClassScore, ...]:
        """The classes that have images, in order."""
        return tuple(score for score in self.per_class if score.support)

    def normalised_confusion(self) -> npt.NDArray[np.float64]:
        """Confusion as shares of each true class, [C, C]: rows sum to 1, or are 0 where the class has no images."""
        return _shares(self.confusion, self.confusion.sum(axis=1, keepdims=True))


def measure(probabilities: Floats, targets: Integers, class_names: Sequence[str]) -> Metrics:
    """Every figure about a model's answers.

    Args:
        probabilities: [N, C], a row an image; the answer is the largest, the first among equals.
        targets: [N], the true class of each image.
        class_names: the names of the C classes; some may have no images.

    Raises:
        ValueError: no images, shapes that do not fit, a class number out of range, or values that are not finite.
    """
    probabilities, targets = np.asarray(probabilities), np.asarray(targets)
    _check(probabilities, targets, class_names)
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    answer = ranked[:, 0]
    correct = answer == targets
    confusion = np.zeros((len(class_names), len(class_names)), np.int64)
    np.add.at(confusion, (targets, answer), 1)
    per_class = _class_scores(confusion, class_names)
    return Metrics(
        n=len(targets),
        accuracy=float(correct.mean()),
        top3=float((ranked[:, :3] == targets[:, None]).any(axis=1).mean()),
        macro_f1=_macro(per_class, lambda score: score.f1),
        ece=expected_calibration_error(probabilities.max(axis=1), correct),
        per_class=per_class,
        confusion=confusion,
    )


def expected_calibration_error(confidence: Floats, correct: Flags, bins: int = 15) -> float:
    """How far confidence is from accuracy: the mean gap over equal-width bins, weighted by their images.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        confidence: [N], the probability of each answer, 0 to 1.
        correct: [N], whether the answer was right.
        bins: how many bins between 0 and 1; each holds its upper edge.

    Raises:
        ValueError: no images, or shapes that do not fit.
    """
    confidence, correct = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    if confidence.ndim != 1 or confidence.shape != correct.shape or confidence.size == 0:
        raise ValueError(f"Need [N] confidences and [N] flags, N > 0; got {confidence.shape} and {correct.shape}.")
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / confidence.size)


def classification_report(metrics: Metrics) -> dict[str, Any]:
    """The same figures in the shape of scikit-learn's ``classification_report(output_dict=True)``.

    The averages run over the classes that have images.
    """
    scored = metrics.scored()
    report: dict[str, Any] = {score.label: _row(score) for score in metrics.per_class}
    report["accuracy"] = metrics.accuracy
    report["macro avg"] = _average(scored, [1] * len(scored), metrics.n)
    report["weighted avg"] = _average(scored, [score.support for score in scored], metrics.n)
    return report


def _check(probabilities: Floats, targets: Integers, class_names: Sequence[str]) -> None:
    if probabilities.ndim != 2 or probabilities.shape[0] == 0:
        raise ValueError(f"Need probabilities [N, C] with N > 0; got {probabilities.shape}.")
    if targets.shape != probabilities.shape[:1] or not np.issubdtype(targets.dtype, np.integer):
        raise ValueError(f"Need {len(probabilities)} whole numbers as targets; got {targets.shape} {targets.dtype}.")
    if len(class_names) != probabilities.shape[1]:
        raise ValueError(f"Need {probabilities.shape[1]} labels; got {len(class_names)}.")
    if targets.min() < 0 or targets.max() >= len(class_names):
        raise ValueError(f"Need true classes from 0 to {len(class_names) - 1}; got {targets.min()} to {targets.max()}.")
    if not np.isfinite(probabilities).all():
        raise ValueError("Some probabilities are not finite numbers.")


def _class_scores(confusion: npt.NDArray[np.int64], class_names: Sequence[str]) -> tuple[ClassScore, ...]:
    hits, support, answered = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = _shares(hits, answered), _shares(hits, support), _shares(2 * hits, support + answered)
    return tuple(
        ClassScore(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i, label in enumerate(class_names)
    )


def _shares(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Part of whole, 0 where there is no whole."""
    return part / np.maximum(whole, 1)


def _macro(scores: Sequence[ClassScore], figure: Callable[[ClassScore], float]) -> float:
    return float(np.mean([figure(score) for score in scores if score.support]))


def _row(score: ClassScore) -> dict[str, float]:
    return {"precision": score.precision, "recall": score.recall, "f1-score": score.f1, "support": score.support}


def _average(scores: Sequence[ClassScore], weights: Sequence[int], n: int) -> dict[str, float]:
    rows = [_row(score) for score in scores]
    names = ("precision", "recall", "f1-score")
    return {name: float(np.average([row[name] for row in rows], weights=weights)) for name in names} | {"support": n}
