"""Signs that one signer makes in a way of his own."""

import numpy as np
import pytest

from handshape.evaluation.habits import find_habits

NAMES = ("A", "M", "S")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("SSSSS", [("x", "M", "S", 5, 5)]),
        ("SSSSM", [("x", "M", "S", 5, 4)]),  # one of five was right
        ("SSMMM", []),  # mostly right
        ("SASAS", [("x", "M", "S", 5, 5)]),  # three of five alike
        ("SASAAS"[:4], []),  # wrong in two ways
        ("SSS", []),  # too few
        ("MMMMM", []),
    ],
)
def test_one_signers_sign_that_is_read_as_another(said, expected):
    predicted = np.array([NAMES.index(letter) for letter in said] + [1] * 6)
    targets = np.full(len(predicted), 1)
    signers = ["x"] * len(said) + ["y"] * 6
    assert [tuple(vars(habit).values()) for habit in find_habits(predicted, targets, NAMES, signers)] == expected


def test_the_largest_first_and_each_in_a_sentence():
    targets = np.array([0] * 4 + [1] * 6)
    predicted = np.array([2] * 4 + [0] * 6)
    habits = find_habits(predicted, targets, NAMES, ["x"] * 10)
    assert [habit.label for habit in habits] == ["M", "A"]
    assert habits[0].text.startswith("x's M is read as A")
