import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.data.label_issues import Features, LabelEvaluation, Signs, find_label_issues
from handshape.data.samples import list_samples

CENTRES = np.random.default_rng(1).normal(0, 4, (6, 20))


def hands(each: int = 40, signers: int = 8, seed: int = 0) -> tuple[Features, list[str], list[str]]:
    """Six classes around their centres; each signer a little to one side."""
    random = np.random.default_rng(seed)
    habits = random.normal(0, 0.7, (signers, 20))
    rows = [(label, number % signers) for label in range(6) for number in range(each)]
    features = [CENTRES[label] + habits[signer] + random.normal(0, 1, 20) for label, signer in rows]
    return np.array(features, np.float32), [str(label) for label, _ in rows], [f"s{signer}" for _, signer in rows]


def test_clean_labels_are_not_suspected() -> None:
    features, targets, signers = hands()
    assert find_label_issues(Signs(features), targets, signers) == find_label_issues(Signs(features), targets) == []


@pytest.mark.parametrize("by_signer", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_wrong_labels_are_found_with_the_right_ones(by_signer: bool, seed: int) -> None:
    features, targets, signers = hands(seed=seed)
    wrong = np.random.default_rng(seed).permutation(len(targets))[:7].tolist()
    class_names = [str((int(label) + 1) % 6) if row in wrong else label for row, label in enumerate(targets)]
    found = find_label_issues(Signs(features), class_names, signers if by_signer else None, seed)
    assert sorted(issue.row for issue in found) == sorted(wrong)
    assert all(issue.suggested == targets[issue.row] for issue in found)
    assert all(0.5 < issue.confidence <= 1 for issue in found)


def test_a_mislabelled_burst_is_found_through_its_group() -> None:
    features, targets, _ = hands()
    features[:6] = features[0] + np.random.default_rng(0).normal(0, 0.05, (6, 20))
    class_names = ["3"] * 6 + targets[6:]
    groups = ["burst"] * 6 + [str(row) for row in range(6, len(targets))]
    found = {issue.row for issue in find_label_issues(Signs(features), class_names, groups)}
    assert set(range(6)) <= found
    assert len(found) <= 7
    assert not set(range(6)) & {
        issue.row for issue in find_label_issues(Signs(features), class_names)
    }  # it vouches for itself


def test_classes_that_look_alike_accuse_each_other_of_nothing() -> None:
    features, targets, signers = hands()
    class_names = [("0" if row % 2 else "O") if label == "0" else label for row, label in enumerate(targets)]
    assert find_label_issues(Signs(features), class_names, signers) == []


def test_scale_and_idle_columns_do_not_matter() -> None:
    features, targets, signers = hands()
    targets[3] = "5"
    plain = find_label_issues(Signs(features), targets, signers)
    padded = np.hstack([features * 1000 + 5, np.full((len(targets), 1), 7.0)]).astype(np.float32)
    assert [issue.row for issue in find_label_issues(Signs(padded), targets, signers)] == [3]
    assert [issue.row for issue in plain] == [3]


def test_features_in_a_file_say_the_same(tmp_path: Path) -> None:
    features, targets, signers = hands(each=400)
    targets[3] = targets[900] = "5"
    features.tofile(tmp_path / "features.raw")
    mapped = np.memmap(tmp_path / "features.raw", np.float32, "r", shape=features.shape)
    told, expected = (LabelEvaluation(Signs(each, each), targets, signers, 0) for each in (mapped, features))
    assert told.issues == expected.issues
    assert 900 in {issue.row for issue in told.issues}
    assert (told.typical(3), told.twins) == (expected.typical(3), expected.twins)


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_images_say_nothing(count: int) -> None:
    features, targets, _ = hands()
    assert find_label_issues(Signs(features[:count]), [targets[-row] for row in range(count)]) == []


def test_one_class_says_nothing() -> None:
    features, targets, _ = hands()
    assert find_label_issues(Signs(features), ["A"] * len(targets)) == []


def test_signers_who_show_one_class_each() -> None:
    """Whoever is held out takes the class along: nothing can be learned, and nothing may be accused."""
    features, targets, _ = hands()
    assert find_label_issues(Signs(features), targets, targets) == []


@pytest.mark.photographs
def test_the_ten_known_mislabels_are_found(photographs: Path) -> None:
    """Hand 2's fours and fives in diffuse light lie in each other's class; coarse pixels suffice to see it."""
    folder = list_samples(photographs / "asl36_5_hands")
    with (photographs / "groups" / "asl36_5_hands.csv").open() as stream:
        signers = dict(csv.reader(stream))
    digits = [sample for sample in folder.samples if sample.label in "12345"]
    pixels = [np.asarray(Image.open(folder.file(sample)).convert("L").resize((24, 24))).ravel() for sample in digits]
    found = find_label_issues(
        Signs(np.array(pixels, np.float32)),
        [sample.label for sample in digits],
        [signers[sample.path] for sample in digits],
    )
    paths = [digits[issue.row].path for issue in found]
    swapped = [path for path in paths if "hand2_4_dif_seg" in path or "hand2_5_dif_seg" in path]
    assert len(swapped) == 10
    assert len(paths) <= 14


def test_typical_images_are_of_their_class_and_no_copies_of_each_other() -> None:
    features, targets, signers = hands()
    frames, wrong = list(range(10)), [53, 97, 141]
    features[frames] = CENTRES[0] + np.random.default_rng(0).normal(0, 0.01, (10, 20))  # of a film, all in the middle
    class_names = [str((int(label) + 1) % 6) if row in wrong else label for row, label in enumerate(targets)]
    typical = LabelEvaluation(Signs(features), class_names, signers, 0).typical(3)
    assert list(typical) == list("012345")
    for label, rows in typical.items():
        assert len(set(rows)) == 3 and {targets[row] for row in rows} == {label} and not set(rows) & set(wrong)
    assert len(set(typical["0"]) & set(frames)) == 1
    assert LabelEvaluation(Signs(features[:10]), targets[:10], None, 0).typical(3) == {}
