import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.evaluation.metrics import classification_report, expected_calibration_error, measure

LABELS = ("A", "B", "C", "D")
# truth and answers: A right 2 of 3, B 1 of 1, C 0 of 2, D never shown and once answered
TRUTH = np.array([0, 0, 0, 1, 2, 2])
ANSWERS = np.array([0, 0, 1, 1, 0, 3])


def certain(answers: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[answers]


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n, classes = draw(st.integers(1, 40)), draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return rng.dirichlet(np.ones(classes), n), rng.integers(0, classes, n)


def test_confusion_counts_true_rows_and_predicted_columns() -> None:
    metrics = measure(certain(ANSWERS, 4), TRUTH, LABELS)
    assert metrics.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert metrics.confusion.dtype == np.int64
    assert metrics.n == 6
    assert metrics.accuracy == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    ("label", "precision", "recall", "f1", "support"),
    [("A", 2 / 3, 2 / 3, 2 / 3, 3), ("B", 1 / 2, 1, 2 / 3, 1), ("C", 0, 0, 0, 2), ("D", 0, 0, 0, 0)],
)
def test_class_scores(label: str, precision: float, recall: float, f1: float, support: int) -> None:
    score = {score.label: score for score in measure(certain(ANSWERS, 4), TRUTH, LABELS).per_class}[label]
    assert (score.precision, score.recall, score.f1, score.support) == pytest.approx((precision, recall, f1, support))


def test_macro_f1_runs_over_the_classes_that_have_images() -> None:
    assert measure(certain(ANSWERS, 4), TRUTH, LABELS).macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_the_normalised_rows_sum_to_one_or_are_empty() -> None:
    rows = measure(certain(ANSWERS, 4), TRUTH, LABELS).normalised_confusion()
    assert rows.sum(axis=1) == pytest.approx([1, 1, 1, 0])
    assert rows[0] == pytest.approx([2 / 3, 1 / 3, 0, 0])


@pytest.mark.parametrize(
    ("row", "target", "top1", "top3"),
    [
        ([0.4, 0.3, 0.2, 0.1], 0, 1, 1),
        ([0.4, 0.3, 0.2, 0.1], 2, 0, 1),
        ([0.4, 0.3, 0.2, 0.1], 3, 0, 0),
        ([0.25, 0.25, 0.25, 0.25], 3, 0, 0),  # the first among equals wins, so a constant model earns nothing
        ([0.5, 0.5, 0.0, 0.0], 0, 1, 1),
    ],
)
def test_top1_and_top3(row: list[float], target: int, top1: float, top3: float) -> None:
    metrics = measure(np.array([row]), np.array([target]), LABELS)
    assert (metrics.accuracy, metrics.top3) == (top1, top3)


def test_with_two_classes_top3_is_always_right() -> None:
    assert measure(np.array([[0.9, 0.1]]), np.array([1]), ("yes", "no")).top3 == 1


def test_best_and_worst_leave_out_classes_without_images_and_break_ties_by_f1_then_name() -> None:
    metrics = measure(certain(ANSWERS, 4), TRUTH, LABELS)
    assert [score.label for score in metrics.best()] == ["B", "A", "C"]
    assert [score.label for score in metrics.worst(2)] == ["C", "A"]
    all_right = measure(certain(np.array([2, 0, 1]), 3), np.array([2, 0, 1]), ("c", "a", "b"))
    assert [score.label for score in all_right.best()] == ["a", "b", "c"]
    assert [score.label for score in all_right.worst()] == ["a", "b", "c"]
    # both classes at recall 1/2: "x" also drew a wrong answer, so its F1 is lower
    tied = measure(certain(np.array([0, 1, 1, 0, 0]), 3), np.array([0, 0, 1, 1, 2]), ("x", "y", "z"))
    assert [score.label for score in tied.best(2)] == ["y", "x"]


def test_the_dictionary_is_json_and_names_every_class() -> None:
    result = json.loads(json.dumps(measure(certain(ANSWERS, 4), TRUTH, LABELS).as_dict()))
    assert list(result) == ["accuracy", "top3", "macro_f1", "ece", "n", "per_class"]
    assert result["per_class"]["D"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert list(result["per_class"]) == list(LABELS)


def test_the_report_has_the_usual_shape() -> None:
    report = classification_report(measure(certain(ANSWERS, 4), TRUTH, LABELS))
    assert list(report) == [*LABELS, "accuracy", "macro avg", "weighted avg"]
    assert report["A"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1-score": 2 / 3, "support": 3})
    assert report["accuracy"] == pytest.approx(0.5)
    assert report["macro avg"]["recall"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert report["weighted avg"]["recall"] == pytest.approx(0.5)
    assert report["weighted avg"]["precision"] == pytest.approx((3 * 2 / 3 + 1 / 2) / 6)
    assert report["macro avg"]["support"] == report["weighted avg"]["support"] == 6


@pytest.mark.parametrize(
    ("confidence", "correct", "expected"),
    [
        ([1.0, 1.0], [True, True], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0.0),
        ([0.9, 0.9, 0.3, 0.3], [True, False, False, False], (2 * 0.4 + 2 * 0.3) / 4),
        ([0.0, 1.0], [False, True], 0.0),
    ],
)
def test_calibration_error(confidence: list[float], correct: list[bool], expected: float) -> None:
    assert expected_calibration_error(np.array(confidence), np.array(correct)) == pytest.approx(expected)


def test_a_bin_holds_its_upper_edge() -> None:
    # 0.5 falls in the lower of two bins, 0.6 in the upper: gaps 0.5 and 0.6 do not cancel
    error = expected_calibration_error(np.array([0.5, 0.6]), np.array([True, False]), bins=2)
    assert error == pytest.approx(0.55)
    assert expected_calibration_error(np.array([0.5, 0.6]), np.array([True, False]), bins=1) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("probabilities", "targets", "class_names"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "AB"),
        (np.ones(2), np.zeros(2, int), "AB"),
        (np.ones((2, 2)), np.zeros(3, int), "AB"),
        (np.ones((2, 2)), np.zeros(2), "AB"),
        (np.ones((2, 2)), np.zeros(2, int), "ABC"),
        (np.ones((2, 2)), np.array([0, 2]), "AB"),
        (np.ones((2, 2)), np.array([0, -1]), "AB"),
        (np.full((2, 2), np.nan), np.zeros(2, int), "AB"),
    ],
)
def test_input_that_does_not_fit_is_refused(probabilities: np.ndarray, targets: np.ndarray, class_names: str) -> None:
    with pytest.raises(ValueError, match=r"Need|finite"):
        measure(probabilities, targets, class_names)


@pytest.mark.parametrize(("confidence", "correct"), [([], []), ([0.5], [True, False])])
def test_calibration_error_refuses_what_does_not_fit(confidence: list[float], correct: list[bool]) -> None:
    with pytest.raises(ValueError, match="Need"):
        expected_calibration_error(np.array(confidence), np.array(correct))


@given(predictions())
def test_what_must_hold_for_any_predictions(case: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = case
    metrics = measure(probabilities, targets, [f"c{i}" for i in range(probabilities.shape[1])])
    supports = [score.support for score in metrics.per_class]
    assert metrics.confusion.sum() == sum(supports) == len(targets)
    assert metrics.accuracy == pytest.approx(np.trace(metrics.confusion) / len(targets))
    assert metrics.accuracy <= metrics.top3 <= 1
    assert 0 <= metrics.ece <= 1
    for score in metrics.per_class:
        total = score.precision + score.recall
        assert score.f1 == pytest.approx(2 * score.precision * score.recall / total if total else 0)
    report = classification_report(metrics)
    assert report["weighted avg"]["recall"] == pytest.approx(metrics.accuracy)
    assert report["macro avg"]["f1-score"] == pytest.approx(metrics.macro_f1)


@given(predictions(), st.integers(0, 1000))
def test_the_order_of_the_images_does_not_matter(case: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    probabilities, targets = case
    order = np.random.default_rng(seed).permutation(len(targets))
    class_names = [str(i) for i in range(probabilities.shape[1])]
    one, other = (
        measure(probabilities, targets, class_names),
        measure(probabilities[order], targets[order], class_names),
    )
    assert (one.confusion == other.confusion).all()
    assert one.ece == pytest.approx(other.ece)
