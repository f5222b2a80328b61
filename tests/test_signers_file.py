"""The folder's own signers.csv: found by itself, named aloud, and what is wrong with it said."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, assignments, fill
from PIL import Image

from handshape.data.groups import Groups, group_samples
from handshape.data.samples import list_samples

SIGNED = {f"{label}/{name}_{number}.jpg": name for label in "AB" for name in ("anna", "ben", "cem") for number in "12"}


def table(signed: dict[str, str], header: str = "path,signer") -> bytes:
    return "\n".join([header, *(f"{path},{signer}" for path, signer in signed.items())]).encode()


AT_FAULT = [
    (table(SIGNED, "file,who"), "signers.csv lacks the columns path and signer; it has file, who"),
    (b"", "it has none"),
    (table(dict(list(SIGNED.items())[2:])), "csv names no signer for 2 of 12 images: A/anna_1.jpg, A/anna_2"),
    (table({f"photos/{path}": name for path, name in SIGNED.items()}), "names no signer for 12 of 12 images"),
    (table(SIGNED) + b"\nA/anna_1.jpg,ben", "names two signers for A/anna_1.jpg: anna and ben"),
    (table({path: name.replace("cem", "ben") for path, name in SIGNED.items()}), "names only 2 signers: anna, ben"),
    ("path,signer\nA/größe.jpg,x".encode("cp1252"), "not text in UTF-8"),
]  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, no two images alike."""
    rng = np.random.default_rng(0)
    for path in SIGNED:
        (tmp_path / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "photos" / path)
    return tmp_path / "photos"


def grouped(root: Path, rule: str = "auto") -> Groups:
    folder = list_samples(root)
    return group_samples(folder, folder.samples, rule, {})


def test_auto_goes_by_the_table_that_lies_in_the_folder(photos: Path) -> None:
    assert (grouped(photos).grouping, grouped(photos).table) == ("burst", None)
    fill(photos, {"signers.csv": table(SIGNED)})
    groups = grouped(photos)
    assert groups.of == SIGNED
    assert (groups.are_signers, groups.table, groups.warning) == (True, photos / "signers.csv", "")
    assert groups.description == "by signer (3 signers)"


@pytest.mark.parametrize(("content", "words"), AT_FAULT)
def test_a_table_that_does_not_fit_is_a_warning(photos: Path, content: bytes, words: str) -> None:
    without = grouped(photos)
    fill(photos, {"signers.csv": content})
    groups = grouped(photos)
    assert words in groups.warning and "Expected: " in groups.warning
    assert (groups.of, groups.description, groups.table) == (without.of, without.description, None)


@pytest.mark.parametrize("rule", ["none", r"/(?P<signer>[a-z]+)_"])
def test_any_other_rule_leaves_it_alone(photos: Path, rule: str) -> None:
    fill(photos, {"signers.csv": b"nonsense"})
    assert (grouped(photos, rule).table, grouped(photos, rule).warning) == (None, "")


def test_check_names_the_table_and_its_signers(photos: Path, handshape: Handshape) -> None:
    fill(photos, {"signers.csv": table(SIGNED)})
    outcome = handshape("check", photos, "--quick")
    said = outcome.out
    assert f"Signers: {photos / 'signers.csv'} names 3" in outcome.err
    assert "Not read" not in said
    assert [line.split()[:2] for line in said.splitlines() if line.split()[:1] in (["anna"], ["ben"], ["cem"])] == [
        ["anna", "4"], ["ben", "4"], ["cem", "4"],
    ]  # fmt: skip
    fill(photos, {"signers.csv": b"file,who"})
    assert "warn: " in (warned := handshape("check", photos, "--quick").err) and "it has file, who" in warned


def test_training_splits_by_the_signers_it_names(drawn: Path, tmp_path: Path, handshape: Handshape) -> None:
    few = assignments(model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1)
    outcome = handshape("train", drawn, "--out", tmp_path, "--name", "run", *few)
    assert outcome.code == 0, outcome.err
    assert f"Signers: {drawn / 'signers.csv'} names 12" in outcome.err
    assert "Split by signer (12 signers)" in outcome.err
    assert "does not know who signed what" not in outcome.err
