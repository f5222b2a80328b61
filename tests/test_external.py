"""A finished model on photographs from elsewhere."""

import numpy as np
import pytest

from handshape.data.samples import list_samples
from handshape.errors import DataError
from handshape.evaluation.external import evaluate_outside, match_labels


@pytest.mark.parametrize(
    ("classes", "labels", "known"),
    [
        (["A", "B"], ["A", "B", "C"], {"A": 0, "B": 1}),
        (["a", "b"], ["A", "B"], {"a": 0, "b": 1}),
        (["B", "Zebra"], ["A", "B"], {"B": 1}),
        (["a"], ["A", "a"], {"a": 1}),  # the exact name wins
        (["Ab"], ["AB", "ab"], {}),  # which of them?
        (["A", "a"], ["A", "B"], {"A": 0}),  # "A" is taken by its own name
        ([], ["A"], {}),
    ],
)
def test_names_are_matched(classes, class_names, known):
    assert match_labels(classes, class_names) == known


def always_b(inputs):
    assert inputs.image.dtype == np.uint8
    assert inputs.image.shape[1:] == (96, 96, 3)
    return np.tile(np.array([0.1, 0.7, 0.2], np.float32), (len(inputs), 1))


def test_each_image_is_scored_under_its_class(drawn, console):
    class_names = ["L", "B", "A"]  # the model's own order

    outside = evaluate_outside(always_b, class_names, 96, list_samples(drawn), None, console)
    assert outside.left_out == ("5",)
    assert outside.unreadable == ()
    assert outside.metrics.n == 36
    assert outside.metrics.accuracy == pytest.approx(12 / 36)
    assert {path.split("/")[0] for path in outside.predictions.paths} == {"A", "B", "L"}
    assert outside.metrics.ece == pytest.approx(0.7 - 1 / 3, abs=1e-6)


def test_no_class_in_common(drawn, console):
    with pytest.raises(DataError, match="knows none of the classes"):
        evaluate_outside(lambda images: images, ["X", "Y"], 96, list_samples(drawn), None, console)


def test_not_one_image_that_can_be_read(tmp_path, console):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "1.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"No image in .* can be read"):
        evaluate_outside(lambda images: images, ["A"], 96, list_samples(tmp_path), None, console)
