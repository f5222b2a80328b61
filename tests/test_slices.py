import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from handshape.evaluation.slices import (
    NO_HAND_FOUND,
    Slice,
    Slices,
    by_brightness,
    by_signer,
    by_size,
    coverage,
    cut_slices,
    mean_luminance,
)

LABELS = ("A", "B", "C")


@given(st.integers(1, 500), st.floats(0, 1))
def test_the_interval_is_wilsons(n: int, share: float) -> None:
    hits = round(n * share)
    expected = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert Slice("x", n, hits).interval == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_sizes_part_at_their_edges_and_absence_is_its_own() -> None:
    side = np.array([0, 59.9, 60, 120, 239, 240, 4000, np.nan])
    correct = np.array([True, False, True, True, False, True, True, False])
    parts = {part.name: (part.n, part.hits) for part in by_size(correct, side)}
    assert parts == {
        "under 60 px": (2, 1),
        "60 to 120 px": (1, 1),
        "120 to 240 px": (2, 1),
        "over 240 px": (2, 2),
        NO_HAND_FOUND: (1, 0),
    }


def test_bands_without_images_are_left_out() -> None:
    assert [part.name for part in by_size(np.array([True]), np.array([100.0]))] == ["60 to 120 px"]
    assert by_size(np.array([], bool), np.array([])) == by_brightness(np.array([], bool), np.array([])) == ()


def test_brightness_goes_by_quarters_of_these_images() -> None:
    luminance = np.arange(40, 120, dtype=float)
    parts = by_brightness(luminance > 59, luminance)
    assert [(part.n, part.share) for part in parts] == [(20, 0), (20, 1), (20, 1), (20, 1)]
    assert parts[0].name == "darkest quarter (40 to 59 of 255)"
    assert parts[3].name == "brightest quarter (100 to 119 of 255)"


@given(st.lists(st.tuples(st.sampled_from([0.0, 10.5, 80.0, 255.0, float("nan")]), st.booleans()), min_size=1))
def test_every_image_is_in_one_slice_of_each_kind(rows: list[tuple[float, bool]]) -> None:
    value, correct = (np.array(column) for column in zip(*rows, strict=True))
    parts = by_size(correct, value)
    assert (sum(part.n for part in parts), sum(part.hits for part in parts)) == (len(rows), correct.sum())
    quarters = by_brightness(correct, np.nan_to_num(value))
    assert (sum(part.n for part in quarters), sum(part.hits for part in quarters)) == (len(rows), correct.sum())


def test_the_worst_signer_comes_first_but_needs_images() -> None:
    signers = ["anna"] * 10 + ["ben"] * 10 + ["cleo"] * 2
    correct = np.array([True] * 9 + [False] + [True] * 6 + [False] * 4 + [False] * 2)
    slices = Slices(by_signer=by_signer(correct, signers))
    assert [(part.name, part.n, part.share) for part in slices.by_signer] == [
        ("cleo", 2, 0.0),
        ("ben", 10, 0.6),
        ("anna", 10, 0.9),
    ]
    assert slices.worst_signer == Slice("ben", 10, 6)


def test_one_signer_is_nobodys_worst() -> None:
    assert Slices(by_signer=by_signer(np.ones(30, bool), ["anna"] * 30)).worst_signer is None


def test_coverage_counts_found_hands_in_all_and_in_each_class_that_has_images() -> None:
    seen = coverage(np.array([True, False, True, True]), np.array([0, 0, 2, 2]), LABELS)
    assert seen is not None and seen.overall.share == 0.75
    assert [(part.name, part.share) for part in seen.per_class] == [("A", 0.5), ("C", 1.0)]
    assert coverage(np.array([], bool), np.array([], int), LABELS) is None


def test_luminance_weighs_the_colours_as_eyes_do() -> None:
    images = np.zeros((4, 2, 3, 3), np.uint8)
    images[0], images[1, ..., 0], images[2, ..., 1], images[3, 0] = 200, 255, 255, 100
    assert mean_luminance(images) == pytest.approx([200, 76.2, 149.7, 50], abs=0.1)


def test_only_what_is_known_is_cut_and_all_of_it_is_json() -> None:
    correct, targets = np.array([True, False]), np.array([0, 1])
    assert cut_slices(correct, targets, LABELS) == Slices()
    full = cut_slices(
        correct, targets, LABELS, side=np.array([50.0, np.nan]), luminance=np.array([1.0, 2.0]), signers=["a", "b"]
    )
    values = json.loads(json.dumps(full.as_dict(), allow_nan=False))
    assert values["coverage"]["found"] == 0.5
    assert values["by_size"][0] == {"name": "under 60 px", "n": 1, "accuracy": 1.0} | {
        key: values["by_size"][0][key] for key in ("low", "high")
    }
    assert values["worst_signer"] is None and json.dumps(Slices().as_dict())
