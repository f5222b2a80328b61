"""Which rows are tested, validate and train, fold by fold."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handshape.data.folds import folds_by_group, splits_of, stratified_folds
from handshape.data.splits import Split
from handshape.errors import DataError

SIX = np.arange(6)  # as many folds, one row each


def splits(
    folds: list[int] | np.ndarray, targets: list[int] | np.ndarray, validation_share: float = 0.1
) -> list[Split]:
    return list(splits_of(np.asarray(folds), np.asarray(targets), validation_share))


def rows_of(split: Split) -> tuple[list[int], list[int], list[int]]:
    return split.train.tolist(), split.validation.tolist(), split.test.tolist()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.01, [([2, 3, 4, 5], [1], [0]), ([0, 3, 4, 5], [2], [1]), ([1, 2, 3, 4], [0], [5])]),
        (0.1, [([2, 3, 4, 5], [1], [0]), ([0, 3, 4, 5], [2], [1]), ([1, 2, 3, 4], [0], [5])]),
        (0.3, [([3, 4, 5], [1, 2], [0]), ([0, 4, 5], [2, 3], [1]), ([2, 3, 4], [0, 1], [5])]),
        (0.89, [([5], [1, 2, 3, 4], [0]), ([0], [2, 3, 4, 5], [1]), ([4], [0, 1, 2, 3], [5])]),
    ],
)
def test_the_folds_after_the_tested_one_validate(share, expected):
    made = splits(SIX, np.zeros(6, int), share)
    assert [rows_of(made[number]) for number in (0, 1, 5)] == expected
    assert all(split.cells.tolist() == SIX.tolist() for split in made)
    assert all(split.notes == () for split in made)


def test_what_training_never_saw_is_left_out_and_the_test_says_so():
    folds, targets = [0, 0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 1, 0, 2, 0, 3, 0, 3]
    first, second, third, fourth = splits(folds, targets)
    assert rows_of(first) == ([5, 6, 7, 8], [3], [0])  # class 1 stands in no other fold; class 2 in the validating one
    assert first.notes == ("Fold 1: 2 images are not tested, because no fold that trains shows the class.",)
    assert rows_of(second) == ([0, 1, 2, 7, 8], [5, 6], [3])
    assert second.notes == ("Fold 2: 1 image is not tested, because no fold that trains shows the class.",)
    assert rows_of(third) == ([0, 1, 2, 3, 4], [7], [5])  # class 3 validates in no fold that could not learn it
    assert third.notes == ("Fold 3: 1 image is not tested, because no fold that trains shows the class.",)
    assert rows_of(fourth) == ([3, 4, 5, 6], [0], [7, 8])
    assert fourth.notes == ()


@pytest.mark.parametrize("folds", [[], [0, 0, 0], [0, 1, 0, 1]])
def test_fewer_than_three_folds_leave_nothing_to_train_on(folds):
    with pytest.raises(DataError, match="too few: one trains, one validates and one is tested"):
        splits(folds, np.zeros(len(folds), int))


@pytest.mark.parametrize(
    ("targets", "words"),
    [([9, 0, 0, 0], "Fold 1: nothing can be tested"), ([0, 9, 0, 0], "Fold 1: nothing can be validated")],
)
def test_a_fold_of_nothing_that_others_show(targets, words):
    with pytest.raises(DataError, match=words):
        splits([0, 1, 2, 3], targets)


@pytest.mark.parametrize(
    ("targets", "groups", "count", "happened", "fix"),
    [
        ([0, 1] * 10, list("aabbccddee") * 2, 6, "found: 5 groups, and 10 images", "Use --folds 5, or add"),
        ([0, 1] * 10, list("aabbaabbaa") * 2, 3, "found: 2 groups", "Add photographs of other people"),
        ([0, 1] * 10, ["a"] * 20, 3, "found: 1 group, and", "Add photographs"),
        (list(range(5)) * 4, list(range(20)), 5, "found: 20 groups, and 4 images", "Use --folds 4, or add"),
        ([], [], 3, "found: 0 groups, and 0 images", "Add photographs"),
    ],
)
def test_too_few_groups_or_images(targets, groups, count, happened, fix):
    with pytest.raises(DataError) as caught:
        stratified_folds(np.array(targets, int), [str(group) for group in groups], count, seed=0)
    assert happened in caught.value.happened
    assert caught.value.fix.startswith(fix)


def test_a_fold_a_group_in_natural_order():
    folds, names = folds_by_group(["s10", "s2", "Anna", "s2", "s10", "s1"])
    assert names == ("Anna", "s1", "s2", "s10")
    assert folds.tolist() == [3, 2, 0, 2, 3, 1]


def test_the_seed_decides():
    targets, groups = np.arange(60) % 3, [str(row // 3) for row in range(60)]
    made = [stratified_folds(targets, groups, 4, seed).tolist() for seed in (0, 1, 2, 0)]
    assert len(set(map(tuple, made))) == 3
    assert made[0] == made[3]


def test_folds_of_single_images_have_the_same_size_and_mix():
    targets = np.repeat(np.arange(4), [50, 25, 10, 15])
    folds = stratified_folds(targets, [str(row) for row in range(100)], 5, seed=3)
    for fold in range(5):
        assert np.bincount(targets[folds == fold]).tolist() == [10, 5, 2, 3]


def test_classes_rarer_than_folds_stand_in_some_of_them():
    targets = np.repeat([0, 1], [40, 2])
    folds = stratified_folds(targets, [str(row) for row in range(42)], 5, seed=0)
    assert sorted(np.bincount(folds[targets == 1], minlength=5).tolist()) == [0, 0, 0, 1, 1]


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=3, max_size=120)


@settings(deadline=None, max_examples=150)
@given(pairs=pairs, count=st.integers(3, 8), share=st.floats(0.01, 0.89), seed=st.integers(0, 3))
def test_any_groups_at_all(pairs, count, share, seed):
    targets, groups = np.array([target for target, _ in pairs]), [f"g{group}" for _, group in pairs]
    count = min(count, len(set(groups)), max(Counter(targets.tolist()).values()))
    assume(count >= 3)
    folds = stratified_folds(targets, groups, count, seed)
    assert set(folds.tolist()) == set(range(count))  # none is empty
    require_cross_validation(folds, share, targets, groups)


@settings(deadline=None, max_examples=80)
@given(pairs=pairs, share=st.floats(0.01, 0.89))
def test_any_signers_at_all(pairs, share):
    targets, groups = np.array([target for target, _ in pairs]), [f"g{group}" for _, group in pairs]
    assume(len(set(groups)) >= 3)
    folds, names = folds_by_group(groups)
    assert [{groups[row] for row in np.flatnonzero(folds == fold)} for fold in range(len(names))] == [
        {name} for name in names
    ]
    require_cross_validation(folds, share, targets, groups)


def require_cross_validation(folds: np.ndarray, share: float, targets: np.ndarray, groups: list[str]) -> None:
    """Every row tested once or noted; in no split a group or a cell on two sides, or a class that is not learned."""
    try:
        made = splits(folds, targets, share)
    except DataError as error:
        number, what = int(error.happened.split()[1].rstrip(":")) - 1, error.happened.split()[5].rstrip(",")
        count = len(set(folds.tolist()))
        ahead, validating = (folds - number) % count, min(max(1, round(share * count)), count - 2)
        asked = ahead == 0 if what == "tested" else (ahead > 0) & (ahead <= validating)
        assert not set(targets[asked].tolist()) & set(targets[ahead > validating].tolist())
        return
    tested = np.concatenate([split.test for split in made])
    noted = sum(int(note.split()[2]) for split in made for note in split.notes)
    assert len(set(tested.tolist())) == len(tested) == len(targets) - noted
    for split in made:
        assert all(np.all(np.diff(rows) > 0) for rows in split.parts.values())
        assert all(len(rows) for rows in split.parts.values())
        learned = set(targets[split.train].tolist())
        left_out = set(range(len(targets))) - set(split.all.tolist())
        assert not learned & {int(targets[row]) for row in left_out}
        assert set(targets[split.all].tolist()) <= learned
        for names in (groups, split.cells.tolist()):
            sides = {(names[row], part) for part, rows in split.parts.items() for row in rows}
            assert len({name for name, _ in sides}) == len(sides)
