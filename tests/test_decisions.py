import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.errors import ModelError
from handshape.evaluation.answers import Answers
from handshape.evaluation.decisions import report_decisions
from handshape.evaluation.thresholds import Tuning, tune_thresholds
from handshape.model.decisions import NEVER, NO_HAND, UNKNOWN, Thresholds, decide, is_negative_name

LABELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")
FLOOR = 0.3  # three times the chance of ten classes


def sure(answers: list[int], confidence: list[float], classes: int = 10) -> np.ndarray:
    """Rows whose largest value is the confidence; the rest is spread evenly."""
    rest = (1 - np.array(confidence)) / (classes - 1)
    rows = np.tile(rest[:, None], (1, classes))
    rows[np.arange(len(answers)), answers] = confidence
    return rows


def answers(probabilities: np.ndarray, targets: np.ndarray, found: np.ndarray | None = None) -> Answers:
    return Answers.of(LABELS, probabilities, targets, found)


def negatives_of(probabilities: np.ndarray, found: np.ndarray | None = None) -> Answers:
    return Answers.of_negatives(LABELS, probabilities, found)


@st.composite
def images(draw: st.DrawFn, least: int = 0, classes: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, targets and where a hand was found; float32, a few confidences shared by many."""
    n = draw(st.integers(least, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    answers, confidence = rng.integers(0, classes, n), rng.choice(np.linspace(0.15, 1, draw(st.integers(2, 40))), n)
    targets = np.where(rng.random(n) < confidence, answers, rng.integers(0, classes, n))
    return sure(answers.tolist(), confidence.tolist()).astype(np.float32), targets, rng.random(n) < 0.6


@pytest.mark.parametrize(
    ("confidence", "hand_found", "decision"),
    [
        (0.6, True, "B"),
        (0.59, True, UNKNOWN),
        (0.9, False, "B"),
        (0.89, False, NO_HAND),
        (0.6, None, "B"),  # nobody looked for hands
        (0.59, None, UNKNOWN),
        (float("nan"), True, UNKNOWN),
    ],
)
def test_a_decision_is_a_label_unknown_or_no_hand(confidence: float, hand_found: bool | None, decision: str) -> None:
    probabilities = np.array([0.1, confidence, 0.0])
    assert decide(LABELS[:3], probabilities, hand_found, Thresholds(0.6, 0.9)) == decision


def test_without_a_hand_nothing_is_accepted_unless_said() -> None:
    assert decide(("A", "B"), np.array([1.0, 0.0]), False, Thresholds(0.5)) == NO_HAND


def test_a_threshold_between_two_float32_is_kept_to() -> None:
    below = np.float32(0.7)
    thresholds = Thresholds(float(np.nextafter(np.float64(below), 1)))
    probabilities = np.array([below, 0.1], np.float32)
    assert decide(("A", "B"), probabilities, None, thresholds) == UNKNOWN
    assert not thresholds.accept(probabilities[:1], None).any()


@given(images(1), st.floats(0, 1), st.floats(0, 1) | st.just(NEVER))
def test_one_image_is_decided_as_many_are(
    seen: tuple[np.ndarray, np.ndarray, np.ndarray], with_hand: float, without_hand: float
) -> None:
    probabilities, _, found = seen
    thresholds = Thresholds(with_hand, without_hand)
    accepted = thresholds.accept(probabilities.max(axis=1), found)
    decisions = [decide(LABELS, row, bool(hand), thresholds) for row, hand in zip(probabilities, found, strict=True)]
    assert [decision in LABELS for decision in decisions] == accepted.tolist()
    assert {decision for decision in decisions if decision not in LABELS} <= {UNKNOWN, NO_HAND}


@pytest.mark.parametrize("thresholds", [Thresholds(0.25, 0.75), Thresholds(0.1), Thresholds(NEVER, 1.0)])
def test_thresholds_survive_json(thresholds: Thresholds) -> None:
    assert Thresholds.from_dict(json.loads(json.dumps(thresholds.as_dict(), allow_nan=False))) == thresholds


@pytest.mark.parametrize("damaged", [{}, {"with_hand": 0.5}, {"with_hand": "0.5", "without_hand": None}])
@pytest.mark.parametrize("more", [{}, {"without_hand": 1.5}, {"without_hand": True}, {"without_hand": float("nan")}])
def test_damaged_thresholds_are_refused(damaged: dict[str, object], more: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="threshold"):
        Thresholds.from_dict(damaged | more)


@pytest.mark.parametrize(
    "name",
    ["nothing", "None", "no_hand", "No Hand", "no-hands", "not_hands", "OTHER", "background", "blank", "not a sign"],
)
def test_names_of_classes_without_a_sign(name: str) -> None:
    assert is_negative_name(name)


@pytest.mark.parametrize(
    "name", ["A", "N", "no", "not", "O", "0", "space", "del", "mother", "hand", "", "nothing else"]
)
def test_names_of_signs(name: str) -> None:
    assert not is_negative_name(name)


def test_what_is_already_right_is_not_made_strict() -> None:
    tuning = tune_thresholds(answers(sure([0, 1, 2], [0.6, 0.9, 0.4]), np.array([0, 1, 2])))
    assert tuning.thresholds == Thresholds(FLOOR)
    assert (tuning.bound_by, tuning.right_accepted, tuning.wrong_accepted) == ("floor", 1, 0)
    assert "No photographs without a sign" in tuning.summary and not tuning.is_assured


def test_wrong_answers_raise_the_threshold() -> None:
    targets = np.zeros(50, int)
    probabilities = sure([0] * 40 + [1] * 10, [0.8] * 40 + [0.4] * 10)
    tuning = tune_thresholds(answers(probabilities, targets))
    assert tuning.thresholds.with_hand == pytest.approx(0.8)
    assert (tuning.bound_by, tuning.right_accepted, tuning.wrong_accepted) == ("wrong answers", 1, 0)


def test_wrong_answers_cost_at_most_a_twentieth_of_the_right_ones() -> None:
    """Those wrong are the surest of all: no threshold would do, so nearly all that is right stays."""
    rising = np.linspace(0.4, 0.8, 100).tolist()
    probabilities, targets = sure([0] * 100 + [1] * 20, [*rising, *[0.99] * 20]), np.zeros(120, int)
    tuning = tune_thresholds(answers(probabilities, targets))
    assert tuning.right_accepted == pytest.approx(0.95)


def test_negatives_set_the_threshold_where_they_are_surer() -> None:
    validation, targets = sure([0] * 100, np.linspace(0.5, 1, 100).tolist()), np.zeros(100, int)
    negatives = sure([1] * 39, np.linspace(0.3, 0.7, 39).tolist())
    tuning = tune_thresholds(answers(validation, targets), negatives_of(negatives))
    assert tuning.bound_by == "negatives" and tuning.is_assured
    assert tuning.false_accept == pytest.approx(1 / 39)  # (1 + 1) / (39 + 1) is the target; one more would be too many
    assert tuning.thresholds.with_hand == pytest.approx(np.linspace(0.3, 0.7, 39)[-2])
    assert "set on 39 photographs without a sign, so that at most 5.0% of such pass for one" in tuning.summary
    assert "false_accept" not in tuning.as_dict()  # what tuned it says nothing about others


def test_validation_images_of_a_class_without_a_sign_are_negatives() -> None:
    class_names = (*LABELS[:9], "nothing")
    probabilities, targets = sure([0, 0, 0, 9], [0.9, 0.95, 0.7, 0.99]), np.array([0, 0, 9, 9])
    tuning = tune_thresholds(Answers.of(class_names, probabilities, targets, None))
    assert (tuning.negatives, tuning.is_assured, tuning.false_accept) == (2, False, 0)
    assert 0.7 < tuning.thresholds.with_hand < 0.9  # not 0.99: to be taken for nothing is no false accept
    assert "It takes 19" in tuning.summary


def test_without_a_hand_answers_are_accepted_only_on_evidence() -> None:
    validation, targets = sure([0] * 10, [0.95] * 10), np.zeros(10, int)
    found = np.arange(10) < 5
    negatives = sure([1] * 30, [0.5] * 30)
    none, some = np.zeros(30, bool), np.arange(30) < 20

    def tuned(found: np.ndarray, without: Answers | None) -> Thresholds:
        return tune_thresholds(answers(validation, targets, found), without).thresholds

    assert tuned(found, None).without_hand == NEVER
    assert tuned(found, negatives_of(negatives, some)).without_hand == NEVER
    enough = tuned(found, negatives_of(negatives, none))
    assert enough.with_hand == FLOOR and 0.5 < enough.without_hand < 0.95
    assert tuned(np.ones(10, bool), negatives_of(negatives, none)).without_hand == NEVER


def test_negatives_that_are_certain_leave_nothing_acceptable() -> None:
    validation, targets = sure([0] * 5, [1.0] * 5), np.zeros(5, int)
    tuning = tune_thresholds(answers(validation, targets), negatives_of(sure([1] * 20, [1.0] * 20)))
    assert tuning.thresholds.with_hand == NEVER and tuning.right_accepted == 0 and tuning.wrong_accepted is None


@given(images(), images(), st.floats(0.005, 0.5))
def test_the_negatives_it_was_tuned_on_never_pass_the_target(
    validation: tuple[np.ndarray, ...], negatives: tuple[np.ndarray, ...], target: float
) -> None:
    tuning = tune_thresholds(answers(*validation), negatives_of(negatives[0], negatives[2]), target)
    assert tuning.false_accept is None or tuning.false_accept <= target
    assert tuning.thresholds.with_hand >= FLOOR
    json.dumps(tuning.as_dict(), allow_nan=False)


@given(images(1), images(), st.floats(0.005, 0.5), st.floats(0.005, 0.5), st.booleans())
def test_a_stricter_target_never_accepts_more_right_answers(
    validation: tuple[np.ndarray, ...], negatives: tuple[np.ndarray, ...], one: float, other: float, has_finder: bool
) -> None:
    def tuned(target: float) -> Tuning:
        probabilities, targets, found = validation
        seen = answers(probabilities, targets, found if has_finder else None)
        return tune_thresholds(seen, negatives_of(negatives[0], negatives[2]), target)

    strict, loose = tuned(min(one, other)), tuned(max(one, other))
    assert (strict.right_accepted or 0) <= (loose.right_accepted or 0)
    if not has_finder:
        assert strict.thresholds.with_hand >= loose.thresholds.with_hand


def test_the_promise_holds_on_negatives_not_seen() -> None:
    """Averaged over many draws, new negatives of the same kind pass no more often than the target says."""
    rng = np.random.default_rng(0)
    validation, targets = sure([0] * 50, [0.99] * 50), np.zeros(50, int)
    shares = []
    for _ in range(200):
        confidence = rng.uniform(0.1, 0.98, 139)
        tuning = tune_thresholds(answers(validation, targets), negatives_of(sure([1] * 39, confidence[:39].tolist())))
        shares.append((confidence[39:] >= tuning.thresholds.with_hand).mean())
    assert 0.03 < np.mean(shares) < 0.055  # 0.05 and the chance of 20,000 draws


def test_the_report_counts_each_decision() -> None:
    probabilities = sure([0, 0, 1, 2, 3], [0.9, 0.8, 0.7, 0.2, 0.99])
    found = np.array([True, True, True, True, False])
    report = report_decisions(answers(probabilities, np.array([0, 1, 1, 2, 3]), found), Thresholds(0.5))
    assert report.hands_found == pytest.approx(0.8)
    assert (report.accepted, report.unknown, report.no_hand) == pytest.approx((0.6, 0.2, 0.2))
    assert report.accuracy_of_accepted == pytest.approx(2 / 3)
    assert report.right_accepted == pytest.approx(2 / 4)
    assert report.false_accept is None
    assert set(report.as_dict()) >= {"accepted", "accuracy_of_accepted", "unknown", "no_hand"}


def test_the_report_without_a_finder_knows_no_hands() -> None:
    negatives = negatives_of(sure([4, 5], [0.9, 0.2]))
    report = report_decisions(answers(sure([0], [0.2]), np.array([1])), Thresholds(0.5), negatives)
    assert (report.hands_found, report.unknown, report.no_hand) == (None, 1, 0)
    assert (report.accuracy_of_accepted, report.right_accepted, report.false_accept) == (None, None, 0.5)
    said = report.as_dict()
    assert (said["false_accept"], said["without_sign"]) == (0.5, 2)
    assert said["false_accept_interval"] == pytest.approx([0.095, 0.905], abs=0.001)


@given(images(1), images(), st.floats(0, 1), st.floats(0, 1))
def test_the_decisions_of_a_report_make_one(
    seen: tuple[np.ndarray, ...], negatives: tuple[np.ndarray, ...], with_hand: float, without_hand: float
) -> None:
    report = report_decisions(
        answers(*seen), Thresholds(with_hand, without_hand), negatives_of(negatives[0], negatives[2])
    )
    assert report.accepted + report.unknown + report.no_hand == pytest.approx(1)


@pytest.mark.parametrize(
    ("classes", "targets", "found", "target"),
    [(9, 2, 2, 0.05), (10, 3, 2, 0.05), (10, 2, 3, 0.05), (10, 2, 2, 0), (10, 2, 2, 1)],
)
def test_what_does_not_fit_is_refused(classes: int, targets: int, found: int, target: float) -> None:
    with pytest.raises(ValueError, match="Need"):
        tune_thresholds(
            answers(np.full((2, classes), 0.1), np.zeros(targets, int), np.ones(found, bool)), target=target
        )


@pytest.mark.parametrize("negatives", [negatives_of(sure([0], [0.9])), Answers.of_negatives("AB", np.eye(2), None)])
def test_negatives_of_another_kind_are_refused(negatives: Answers) -> None:
    with pytest.raises(ValueError, match="Need"):
        tune_thresholds(answers(sure([0], [0.9]), np.array([0]), np.array([True])), negatives)
