import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshape.evaluation.mirror import run_mirror_test

LABELS = ("A", "B", "C")


def rows(answers: list[int]) -> np.ndarray:
    return np.eye(3)[answers]


def test_a_class_that_turns_into_another_collides() -> None:
    targets = np.array([0] * 10 + [1] * 10)
    mirrored = rows([1] * 4 + [0] * 6 + [1] * 10)
    test = run_mirror_test(rows(targets.tolist()), mirrored, targets, LABELS)
    assert (test.n, test.accuracy, test.mirrored_accuracy, test.agreement) == (20, 1, 0.8, 0.8)
    (collision,) = test.collisions
    assert (collision.label, collision.read_as, collision.n, collision.mirrored) == ("A", "B", 10, 0.4)
    assert "A in the mirror reads as B in 40% of 10 photographs" in test.summary
    assert json.loads(json.dumps(test.as_dict()))["collisions"][0]["read_as"] == "B"


@pytest.mark.parametrize(
    ("upright", "mirrored", "why"),
    [
        ([1] * 10, [1] * 10, "confused without a mirror, too"),
        ([0] * 10, [1] + [0] * 9, "too seldom"),
        ([0] * 10, [1, 1, 1, 2, 2, 2] + [0] * 4, "both"),
    ],
)
def test_only_what_mirroring_does_counts(upright: list[int], mirrored: list[int], why: str) -> None:
    test = run_mirror_test(rows(upright), rows(mirrored), np.zeros(10, int), LABELS)
    assert {collision.read_as for collision in test.collisions} == ({"B", "C"} if why == "both" else set())


def test_a_class_of_few_images_shows_nothing() -> None:
    assert not run_mirror_test(rows([0] * 4), rows([1] * 4), np.zeros(4, int), LABELS).collisions


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_a_model_that_sees_no_difference_passes(targets: list[int]) -> None:
    test = run_mirror_test(rows(targets), rows(targets), np.array(targets), LABELS)
    assert (test.accuracy, test.mirrored_accuracy, test.agreement, test.collisions) == (1, 1, 1, ())
    assert test.summary == "Mirrored, 100.0% are right instead of 100.0%; 100.0% read the same both ways."


@pytest.mark.parametrize(("n", "m", "targets"), [(2, 3, 2), (2, 2, 3), (0, 0, 0)])
def test_what_does_not_fit_is_refused(n: int, m: int, targets: int) -> None:
    with pytest.raises(ValueError, match="Need"):
        run_mirror_test(rows([0] * n).reshape(n, 3), rows([0] * m).reshape(m, 3), np.zeros(targets, int), LABELS)
