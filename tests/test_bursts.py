import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from conftest import checked

from handshape.data.bursts import Bursts, find_bursts
from handshape.data.groups import group_samples
from handshape.data.near_duplicates import (
    NEAR_DUPLICATE,
    Embeddings,
    Similarity,
    clustered,
    near_duplicate_share,
)
from handshape.data.samples import ImageFolder, Sample
from handshape.data.splits import split_samples


def alike(embeddings: Embeddings) -> Similarity:
    (near_duplicates,) = clustered(embeddings, [NEAR_DUPLICATE])
    return Similarity(embeddings, near_duplicates, np.arange(len(embeddings)))


def drifting(steps: list[float], seed: int = 0) -> Embeddings:
    """Unit vectors of which each has the given cosine with the one before, and none to speak of with the others."""
    random = np.random.default_rng(seed)
    rows = [random.normal(size=400)]
    for cosine in steps:
        before = rows[-1] / np.linalg.norm(rows[-1])
        fresh = random.normal(size=400)
        fresh -= (fresh @ before) * before
        rows.append(cosine * before + np.sqrt(1 - cosine**2) * fresh / np.linalg.norm(fresh))
    return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


def bursts_of(names: str, steps: list[float], digests: dict[str, str] | None = None) -> Bursts:
    samples = [Sample(f"A/{name}.jpg", "A") for name in names.split()]
    return find_bursts(samples, alike(drifting(steps)), digests or {})


def grouped(bursts: Bursts) -> list[str]:
    groups = defaultdict(list)
    for path, first in bursts.group_of.items():
        groups[first].append(path[2:-4])
    return [" ".join(names) for names in groups.values()]


@pytest.mark.parametrize(
    ("names", "steps", "expected"),
    [
        ("1 2 3 4 5", [0.95, 0.1, 0.1, 0.1], ["1 2", "3", "4", "5"]),  # near-copies
        ("1 2 3 4 5", [0.8, 0.1, 0.1, 0.1], ["1 2", "3", "4", "5"]),  # neighbours that are alike
        ("1 3 5 7 9", [0.8, 0.1, 0.1, 0.8], ["1 3", "5", "7 9"]),  # the usual step is two
        ("1 2 3 90 91", [0.1, 0.1, 0.8, 0.1], ["1", "2", "3", "90", "91"]),  # a pause parts them
        ("a b c d e", [0.8, 0.1, 0.1, 0.8], ["a", "b", "c", "d", "e"]),  # names without numbers have no neighbours
        ("1 2 b3 b4 b5", [0.8, 0.8, 0.8, 0.1], ["1 2", "b3 b4", "b5"]),  # other names, another sequence
        ("1 2 3 4 90 91 92 93", [0.6, 0.3, 0.6, 0.2, 0.6, 0.3, 0.6], ["1 2 3 4", "90 91 92 93"]),  # numbers tell time
    ],
)
def test_neighbours(names: str, steps: list[float], expected: list[str]) -> None:
    found = bursts_of(names, steps)
    assert grouped(found) == expected
    assert found.bursts == sum(" " in group for group in expected)
    assert found.images == sum(len(group.split()) for group in expected if " " in group)
    assert found.cut == ()


def test_neighbours_in_other_folders_are_no_neighbours() -> None:
    samples = [Sample(path, path[0]) for path in ("A/x/1.jpg", "A/y/2.jpg", "B/3.jpg", "B/4.png", "B/5.jpg")]
    found = find_bursts(samples, alike(drifting([0.8, 0.8, 0.8, 0.1])), {})
    assert found.bursts == 0


def test_a_class_that_looks_all_alike_is_cut_into_stretches_at_its_weakest_steps() -> None:
    steps = [0.97] * 29
    steps[9] = steps[19] = 0.91
    found = bursts_of(" ".join(map(str, range(30))), steps)
    assert found.cut == ("A",)
    groups = [group.split() for group in grouped(found)]
    assert [name for group in groups for name in group] == [str(number) for number in range(30)]  # neighbours together
    assert {"0", "10", "20"} <= {group[0] for group in groups}
    assert max(map(len, groups)) <= 6
    split = split_samples([Sample(f"A/{n}.jpg", "A") for n in range(30)], found.group_of, 0.2, 0.1, 0)
    assert all(len(rows) for rows in split.parts.values())


def test_what_ties_classes_together_is_cut_first() -> None:
    samples = [Sample(f"{label}/{number}.jpg", label) for label in "AB" for number in range(6)]
    embeddings = drifting([0.95, 0.1, 0.95, 0.1, 0.95, 0.95, 0.95, 0.1, 0.95, 0.1, 0.95])
    assert len(set(find_bursts(samples, alike(embeddings), {}).group_of.values())) == 5
    tied = Similarity(embeddings, np.zeros(12, np.int64), np.arange(12))  # everything by way of everything else
    found = find_bursts(samples, tied, {})
    assert len(set(found.group_of.values())) == 6
    assert set(found.cut) == {"A", "B"}


def test_byte_identical_images_stay_together_whatever_is_cut() -> None:
    digests = {"A/0.jpg": "same", "A/29.jpg": "same"}
    found = bursts_of(" ".join(map(str, range(30))), [0.97] * 29, digests)
    assert found.group_of["A/29.jpg"] == found.group_of["A/0.jpg"] == "A/0.jpg"


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_images(count: int) -> None:
    found = find_bursts([Sample("A/1.jpg", "A")] * count, alike(np.ones((count, 1), np.float32)), {})
    assert (found.bursts, found.images, found.cut) == (0, 0, ())


def test_words_say_what_was_kept_together_and_never_claim_signers() -> None:
    samples = tuple(Sample(f"A/{number}.jpg", "A") for number in range(30))
    folder = ImageFolder(Path("data"), ("A",), samples, ())
    steps = [0.1] * 29
    nothing, few, cut = (
        group_samples(folder, samples, "auto", {}, alike(drifting(cosines))).description
        for cosines in (steps, [0.95, *steps[1:]], [0.97] * 29)
    )
    assert nothing == "at random; no two images look alike"
    assert few.startswith("at random, 1 burst of look-alikes (2 of 30 images) kept whole; the same people may")
    assert "1 class look" in cut and "near-copies stand on both sides too" in cut


@pytest.mark.photographs
def test_the_bursts_of_a_real_video_are_found(photographs: Path) -> None:
    report = checked(photographs / "asl29_one_signer_video")
    samples, found = report.usable_samples, report.similarity
    bursts = find_bursts(samples, found, {})
    true = {s.path: f"{s.label}{round(int(re.findall(r'[0-9]+', s.path)[-1]) / 985)}" for s in samples}
    assert len(set(true.values())) == 116
    groups_of = defaultdict(set)
    for path, group in bursts.group_of.items():
        groups_of[true[path]].add(group)
    assert all(len(groups) == 1 for groups in groups_of.values())
    assert bursts.bursts >= 114  # two of one class look so alike that they are one
    assert bursts.cut == ()

    def share(groups: dict[str, str] | None) -> float:
        split = split_samples(samples, groups, 0.2, 0.1, 0)
        return near_duplicate_share(found.embeddings[split.test], found.embeddings[split.train])

    assert share(dict(bursts.group_of)) == 0.0
    assert share(None) > 0.15
