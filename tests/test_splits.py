import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import checked
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handshape.data.groups import group_samples
from handshape.data.samples import Sample, list_samples
from handshape.data.splits import Split, read_splits, split_samples, splits_as_csv, write_splits
from handshape.errors import DataError, RunError


def samples_of(counts: dict[str, int]) -> list[Sample]:
    return [Sample(f"{label}/{number}.jpg", label) for label, count in counts.items() for number in range(count)]


def per_class(samples: Sequence[Sample]) -> Counter[str]:
    return Counter(sample.label for sample in samples)


def sizes(split: Split) -> list[int]:
    return [len(rows) for rows in split.parts.values()]


def require_partition(split: Split, samples: Sequence[Sample], groups: Mapping[str, str] | None = None) -> None:
    """Every row once, those of each part rising, no group and no cell on two sides, every class in training."""
    assert split.all.tolist() == list(range(len(samples)))
    assert all(np.all(np.diff(rows) > 0) for rows in split.parts.values())
    parts = split.samples(samples)
    assert set(per_class(parts["train"])) == set(per_class(samples))
    sides_of_group, sides_of_cell = defaultdict(set), defaultdict(set)
    for part, rows in split.parts.items():
        for row, sample in zip(rows.tolist(), parts[part], strict=True):
            sides_of_group[(groups or {}).get(sample.path, sample.path)].add(part)
            sides_of_cell[int(split.cells[row])].add(part)
    assert all(len(sides) == 1 for sides in (*sides_of_group.values(), *sides_of_cell.values()))


SHARES = (0.7, 0.1, 0.2)
class_sizes = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(3, 60), min_size=1)
share_pairs = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.3))


@settings(deadline=None)
@given(counts=class_sizes, shares=share_pairs, seed=st.integers(0, 9))
def test_single_images_are_split_exactly(counts: dict[str, int], shares: tuple[float, float], seed: int) -> None:
    samples = samples_of(counts)
    test_share, validation_share = shares
    split = split_samples(samples, None, test_share, validation_share, seed)
    require_partition(split, samples)
    wanted = {"train": 1 - test_share - validation_share, "validation": validation_share, "test": test_share}
    for name, part in split.samples(samples).items():
        for label, count in counts.items():
            exact, number = count * wanted[name], per_class(part)[label]
            assert number >= 1
            assert abs(number - exact) < 1 or count * min(shares) < 1  # a part that gets its one takes it from another
    assert split.notes == () or min(counts.values()) < 20


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"A": 10, "B": 20}, [21, 3, 6]),
        ({"A": 3}, [1, 1, 1]),
        ({"A": 4, "B": 5}, [5, 2, 2]),
        (dict.fromkeys("ABCDEFGHIJ", 7), [48, 10, 12]),  # the parts as a whole come out right, not only each class
        (dict.fromkeys("ABCDEFGHIJ", 28), [196, 28, 56]),
        ({"A": 2, "B": 10}, [8, 1, 3]),
        ({"A": 1, "B": 10}, [8, 1, 2]),
    ],
)
def test_sizes_of_small_splits(counts: dict[str, int], expected: list[int]) -> None:
    assert sizes(split_samples(samples_of(counts), None, 0.2, 0.1, seed=0)) == expected


@settings(deadline=None)
@given(counts=class_sizes, signers=st.integers(3, 25), seed=st.integers(0, 5))
def test_signers_who_show_every_class(counts: dict[str, int], signers: int, seed: int) -> None:
    assume(min(counts.values()) >= signers)
    samples = samples_of(counts)
    groups = {sample.path: f"s{int(sample.path[2:-4]) % signers}" for sample in samples}
    split = split_samples(samples, groups, 0.2, 0.1, seed)
    require_partition(split, samples, groups)
    allowed = 1.1 * max(Counter(groups.values()).values()) + 1  # three signers are one each, whatever the shares
    for part, share in zip(split.samples(samples).values(), SHARES, strict=True):
        assert abs(len(part) - share * len(samples)) <= allowed
        assert set(per_class(part)) == set(counts)


@settings(deadline=None, max_examples=150)
@given(
    pairs=st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(0, 12)), min_size=3, max_size=150),
    seed=st.integers(0, 5),
)
def test_any_groups_at_all(pairs: list[tuple[str, int]], seed: int) -> None:
    samples = [Sample(f"{label}/{number}.jpg", label) for number, (label, _) in enumerate(pairs)]
    groups = {sample.path: f"g{group}" for sample, (_, group) in zip(samples, pairs, strict=True)}
    try:
        split = split_samples(samples, groups, 0.2, 0.1, seed)
    except DataError as error:
        assert "leaves no image for" in error.happened
        assert error.fix
    else:
        require_partition(split, samples, groups)
        assert all(sizes(split))
        again = split_samples(samples, groups, 0.2, 0.1, seed)
        assert split.samples(samples) == again.samples(samples)
        assert (split.cells.tolist(), split.notes) == (again.cells.tolist(), again.notes)


@settings(deadline=None, max_examples=50)
@given(copies=st.lists(st.integers(1, 4), min_size=40, max_size=200), seed=st.integers(0, 5))
def test_a_few_copies_hardly_disturb_the_shares(copies: list[int], seed: int) -> None:
    samples = [Sample(f"{n % 4}/{n}_{copy}.jpg", str(n % 4)) for n, many in enumerate(copies) for copy in range(many)]
    groups = {sample.path: sample.path.split("_")[0] for sample in samples}
    split = split_samples(samples, groups, 0.2, 0.1, seed)
    require_partition(split, samples, groups)
    for number, share in zip(sizes(split), SHARES, strict=True):
        assert abs(number - share * len(samples)) <= 8


def test_seeds_decide() -> None:
    samples = samples_of({"A": 50, "B": 50})
    signers = {sample.path: f"s{int(sample.path[2:-4]) % 10}" for sample in samples}
    for groups in (None, signers):
        tests = [split_samples(samples, groups, 0.2, 0.1, seed).test.tolist() for seed in (0, 1, 2, 3, 4, 0)]
        assert len(set(map(tuple, tests))) > 2
        assert tests[0] == tests[-1]


def test_a_class_of_one_signer_is_learned_and_noted() -> None:
    samples = samples_of({"A": 40, "Space": 10})
    groups = {s.path: f"s{int(s.path.split('/')[1][:-4]) % 4}" if s.label == "A" else "s2" for s in samples}
    for seed in range(8):
        split = split_samples(samples, groups, 0.2, 0.1, seed)
        require_partition(split, samples, groups)
        parts = split.samples(samples)
        assert per_class(parts["train"])["Space"] == 10
        assert all(per_class(part)["A"] for part in parts.values())
        assert any("Not tested" in note and "Space" in note for note in split.notes)


def test_uneven_groups_are_noted() -> None:
    samples = samples_of({"A": 30, "B": 30})
    groups = {sample.path: f"s{int(sample.path[2:-4]) % 3}" for sample in samples}
    split = split_samples(samples, groups, 0.2, 0.1, 0)
    assert sizes(split) == [20, 20, 20]
    assert any("33% of the images instead of 20%" in note for note in split.notes)


@pytest.mark.parametrize("counts", [{}, {"A": 1}, {"A": 2}])
def test_too_few_images_for_three_parts(counts: dict[str, int]) -> None:
    with pytest.raises(DataError, match="leaves no image for"):
        split_samples(samples_of(counts), None, 0.2, 0.1, 0)


def test_groups_that_leave_nothing_to_test() -> None:
    samples = samples_of({"A": 10, "B": 10, "C": 10})
    groups = {sample.path: f"signer of {sample.label}" for sample in samples}
    with pytest.raises(DataError, match="no image for validation and test"):
        split_samples(samples, groups, 0.2, 0.1, 0)


def test_87_000_images_come_out_as_exactly_as_few() -> None:
    samples = samples_of({str(label): 3000 for label in range(29)})
    copies = {sample.path: sample.path.replace("7.jpg", "8.jpg") for sample in samples}
    assert sizes(split_samples(samples, None, 0.2, 0.1, 0)) == [60_900, 8_700, 17_400]
    assert abs(sizes(split_samples(samples, copies, 0.2, 0.1, 0))[2] - 17_400) < 30


def test_a_split_survives_its_file(tmp_path: Path) -> None:
    samples = [Sample(f'{label}/ä "{number}", 手\n.jpg', label) for label in ("A b", "C,d") for number in range(10)]
    groups = {sample.path: f"who {number % 5}" if number % 3 else sample.path for number, sample in enumerate(samples)}
    file = tmp_path / "new" / "splits.csv"
    for known in (None, groups):
        parts = split_samples(samples, known, 0.2, 0.2, 0).samples(samples)
        write_splits(file, parts, known)
        assert read_splits(file) == parts
        assert file.read_bytes() == splits_as_csv(parts, known or {}).encode()
        with file.open(newline="") as stream:
            header, *lines = csv.reader(stream)
        assert header == ["path", "label", "part", "group"]
        named = {path: group for path, _, _, group in lines if group}
        assert named == {path: group for path, group in (known or {}).items() if path != group}
    assert [path.name for path in file.parent.iterdir()] == ["splits.csv"]


@pytest.mark.parametrize(
    "text",
    ["", "path,label\nA/1.jpg,A\n", "path,label,part,group\nA/1.jpg,A,training,\n", "path,label,part,group\nA\n"],
)
def test_files_that_are_no_split(tmp_path: Path, text: str) -> None:
    (tmp_path / "splits.csv").write_text(text)
    with pytest.raises(DataError, match="not a saved split"):
        read_splits(tmp_path / "splits.csv")


def test_splits_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_splits(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\0")
    with pytest.raises(DataError, match="not a saved split"):
        read_splits(tmp_path / "binary.csv")
    (tmp_path / "splits.csv").mkdir()
    with pytest.raises(RunError):
        write_splits(tmp_path / "splits.csv", {"train": samples_of({"A": 5})})


@pytest.mark.photographs
@pytest.mark.parametrize(("name", "signers"), [("digits_218_signers", 209), ("lsa16_10_subjects", 10)])
def test_real_people_stay_on_one_side(name: str, signers: int, photographs: Path) -> None:
    folder = list_samples(photographs / name)
    groups = group_samples(folder, folder.samples, str(photographs / "groups" / f"{name}.csv"), {})
    assert groups.description == f"by signer ({signers} signers)"
    split = split_samples(folder.samples, groups.of, 0.2, 0.1, 0)
    require_partition(split, folder.samples, groups.of)
    assert split.notes == ()
    for part, share in zip(split.samples(folder.samples).values(), SHARES, strict=True):
        assert abs(len(part) / len(folder.samples) - share) < 0.01
        assert set(per_class(part)) == set(folder.classes)


@pytest.mark.photographs
def test_the_name_of_a_real_file_says_whose_hand_it_is(photographs: Path) -> None:
    folder = list_samples(photographs / "asl36_5_hands")
    by_name = group_samples(folder, folder.samples, r"(?P<signer>hand\d+)_", {})
    by_table = group_samples(folder, folder.samples, str(photographs / "groups" / "asl36_5_hands.csv"), {})
    assert by_name.of == by_table.of
    samples = checked(folder.root).usable_samples
    parts = split_samples(samples, by_name.of, 0.2, 0.1, 0).samples(samples)
    assert all(set(per_class(parts[part])) == set(folder.classes) for part in ("train", "test"))
