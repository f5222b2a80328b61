import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.evaluation.calibration import fit_temperature
from handshape.evaluation.metrics import expected_calibration_error


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def likelihood_loss(logits: np.ndarray, targets: np.ndarray, temperature: float) -> float:
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(targets)), targets]))


def drawn_targets(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Classes drawn from the softmax of the logits: at temperature 1 these logits are calibrated."""
    return np.array([rng.choice(len(row), p=row) for row in softmax(logits)])


@pytest.mark.parametrize("temperature", [0.4, 0.7, 1.0, 1.8, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(1)
    calibrated = rng.normal(0, 2, (6000, 5))
    assert fit_temperature(calibrated * temperature, drawn_targets(calibrated, rng)) == pytest.approx(
        temperature, rel=0.07
    )


def test_it_lowers_the_calibration_error_of_an_overconfident_model() -> None:
    rng = np.random.default_rng(2)
    calibrated = rng.normal(0, 1.5, (3000, 6))
    targets, sharp = drawn_targets(calibrated, rng), softmax(calibrated * 3)
    cooled = softmax(np.log(sharp) / fit_temperature(np.log(sharp), targets))
    before, after = (expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == targets) for p in (sharp, cooled))
    assert after < 0.03 < 0.15 < before


@given(st.integers(0, 10_000), st.integers(20, 200), st.integers(2, 8), st.floats(0.1, 20))
def test_it_is_never_worse_than_leaving_the_scores_alone(seed: int, n: int, classes: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(0, spread, (n, classes)), rng.integers(0, classes, n)
    temperature = fit_temperature(logits, targets)
    assert 0.25 <= temperature <= 4
    best = likelihood_loss(logits, targets, temperature)
    for other in (0.25, 0.5, temperature * 0.99, 1.0, temperature * 1.01, 2.0, 4.0):
        if 0.25 <= other <= 4:
            assert best <= likelihood_loss(logits, targets, other) + 1e-9


def test_logits_and_log_probabilities_give_the_same_temperature() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 3, (100, 4))
    targets = drawn_targets(logits / 2, rng)
    assert fit_temperature(logits, targets) == pytest.approx(
        fit_temperature(np.log(softmax(logits)), targets), rel=1e-6
    )


@pytest.mark.parametrize(("right", "expected"), [(True, 0.25), (False, 4.0)])
def test_answers_all_right_or_all_wrong_stop_at_the_bounds(right: bool, expected: float) -> None:
    logits = np.tile([3.0, 0.0], (50, 1))
    assert fit_temperature(logits, np.full(50, 0 if right else 1)) == pytest.approx(expected)


@pytest.mark.parametrize("logits", [np.tile([3.0, 0.0], (19, 1)), np.full((50, 2), np.nan), np.full((50, 2), -np.inf)])
def test_too_few_images_or_broken_scores_leave_the_confidence_alone(logits: np.ndarray) -> None:
    assert fit_temperature(logits, np.zeros(len(logits), int)) == 1.0


@pytest.mark.parametrize(("logits", "targets"), [(np.zeros(30), np.zeros(30)), (np.zeros((30, 2)), np.zeros(29))])
def test_shapes_that_do_not_fit_are_refused(logits: np.ndarray, targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Need logits"):
        fit_temperature(logits, targets.astype(int))
