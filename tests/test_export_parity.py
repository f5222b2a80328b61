import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from handshape.export.parity import compare

LABELS = ("A", "B", "C")


def sure(answers: list[int], classes: int = 3) -> NDArray[np.float32]:
    """Probabilities [N, C] of someone who is sure."""
    return np.eye(classes, dtype=np.float32)[answers]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_the_classes_add_up_to_the_whole(images: list[tuple[int, int, int]]) -> None:
    targets, keras, export = (list(column) for column in zip(*images, strict=True))
    parity = compare(LABELS, sure(keras), sure(export), np.array(targets))
    assert sum(each.images for each in parity.classes) == parity.images == len(images)
    for name in ("agreement", "keras", "export"):
        whole = sum(getattr(each, name) * each.images for each in parity.classes) / parity.images
        assert getattr(parity, name) == pytest.approx(whole)
    assert parity.agreement == pytest.approx(np.mean([a == b for a, b in zip(keras, export, strict=True)]))
    assert parity.largest_difference == float(keras != export)


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=20))
def test_keras_is_a_match_for_itself(rows: list[list[float]]) -> None:
    probabilities = np.array(rows, np.float32)
    parity = compare(LABELS, probabilities, probabilities, np.zeros(len(rows), int))
    assert (parity.largest_difference, parity.agreement, parity.losing) == (0, 1, ())
    assert parity.fault(0) == parity.fault(None) == ""


@pytest.mark.parametrize(
    ("images", "lost", "words"),
    [
        (100, 0, ""),
        (100, 1, ""),  # one point is no more than a point
        (100, 2, "B loses 2.0 points (2 of 100 images)"),
        (40, 1, "B loses 2.5 points (1 of 40 images)"),
        (700, 7, ""),
        (700, 8, "B loses 1.1 points (8 of 700 images)"),
    ],
)
def test_a_class_may_lose_a_point_and_no_more(images: int, lost: int, words: str) -> None:
    targets = [0] * 1000 + [1] * images
    export = [0] * 1000 + [2] * lost + [1] * (images - lost)
    assert compare(LABELS, sure(targets), sure(export), np.array(targets)).fault(None) == words


def test_what_another_class_gains_makes_up_for_nothing() -> None:
    targets = np.array([0] * 10 + [1] * 10 + [2] * 10)
    keras = sure([0] * 5 + [1] * 5 + [1] * 10 + [2] * 10)
    export = sure([0] * 10 + [1] * 9 + [2] + [2] * 8 + [1] * 2)
    parity = compare(LABELS, keras, export, targets)
    assert parity.export > parity.keras
    assert [each.label for each in parity.losing] == ["C", "B"]
    assert parity.fault(None).startswith("C loses 20.0 points (2 of 10 images); B loses 10.0 points")


def test_the_tolerance_is_for_probabilities() -> None:
    keras = sure([0, 1])
    export = keras * np.float32(0.9998)
    parity = compare(LABELS, keras, export, np.array([0, 1]))
    assert parity.fault(3e-4) == ""
    assert parity.fault(1.0) == parity.fault(None) == ""
    assert parity.fault(1e-4) == "a probability differs by 0.000200, more than 0.0001"


def test_what_is_no_number_is_as_wrong_as_can_be() -> None:
    export = sure([0, 1, 2])
    export[1] = np.nan
    parity = compare(LABELS, sure([0, 1, 2]), export, np.array([0, 1, 2]))
    assert parity.largest_difference == 1.0
    assert parity.fault(None).startswith("B loses 100.0 points")
    json.dumps(parity.as_dict(), allow_nan=False)


def test_classes_without_images_are_left_out() -> None:
    parity = compare(LABELS, sure([0, 2]), sure([0, 2]), np.array([0, 2]))
    assert [each["label"] for each in parity.as_dict()["classes"]] == ["A", "C"]


@pytest.mark.parametrize("export", [sure([0]), sure([0, 1], 4)])
def test_shapes_that_do_not_fit_are_refused(export: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="Need"):
        compare(LABELS, sure([0, 1]), export, np.array([0, 1]))
