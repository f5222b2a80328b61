"""handshape check, the part about hands and people: where hands are found, which labels are suspect, who shows what."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, PretendHands

from handshape.hands.boxes import Box
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels

SHAPES = {name: np.random.default_rng(number).normal(size=(21, 3)) for number, name in enumerate("ABL5")}


@pytest.fixture
def photos(drawn: Path, tmp_path: Path) -> Path:
    """Four classes of twelve images; what is shown is the first letter of the file's name."""
    return Path(shutil.copytree(drawn, tmp_path / "photos", ignore=shutil.ignore_patterns("*.csv")))


@dataclass
class Looks:
    """What was looked at, by the names of the files; in some of them no hand is found."""

    name_of: dict[bytes, str]
    without: set[str] = field(default_factory=set)
    looked: list[str] = field(default_factory=list)

    def hand_of(self, photograph: Photograph) -> Hand | None:
        name = self.name_of[photograph.digest]
        self.looked.append(name)
        return None if name in self.without else hand_like(name)


@pytest.fixture
def looks(drawn: Path, pretend_hands: PretendHands) -> Looks:
    looks = Looks({hashlib.sha256(file.read_bytes()).digest(): file.name for file in drawn.rglob("*.jpg")})
    pretend_hands(looks.hand_of)
    return looks


def hand_like(name: str) -> Hand:
    shape = SHAPES[name[0]] + np.random.default_rng(int(Path(name).stem[-2:])).normal(0, 0.05, (21, 3))
    world = (shape / 20).astype(np.float32)
    return Hand(Box(50, 50, 80, 80, 0.0), (40 + 10 * shape).astype(np.float32), world, "Right", 0.9, 0.9)


def signers_of(photos: Path, table: Path, people: int) -> Path:
    """Every file is signed by one of so many people in turn."""
    paths = sorted(file.relative_to(photos).as_posix() for file in photos.rglob("*.jpg"))
    lines = [f"{path},person{number % people}" for number, path in enumerate(paths)]
    table.write_text("\n".join(["path,signer", *lines]))
    return table


def test_counts_the_hands_of_each_class(photos: Path, looks, handshape: Handshape):
    looks.without = {file.name for file in sorted((photos / "B").iterdir())[:7]}
    outcome = handshape("check", photos, "--json")
    assert outcome.code == 0
    assert outcome.object["hands_found"] == {"5": 12, "A": 12, "B": 5, "L": 12}
    assert outcome.object["label_issues"] == []
    (problem,) = outcome.object["problems"]
    assert problem.startswith("1 class shows a hand in less than half of the images: B (5 of 12).")
    people = handshape("check", photos).out
    assert "with a hand" in people
    assert "B (5 of 12)" in people


def test_a_class_without_a_sign_needs_no_hand(photos: Path, looks, handshape: Handshape):
    (photos / "L").rename(photos / "nothing")
    looks.without = {file.name for file in (photos / "nothing").iterdir()}
    found = handshape("check", photos, "--json").object
    assert found["hands_found"]["nothing"] == 0
    assert found["ok"] is True


def test_names_suspect_labels(photos: Path, looks, handshape: Handshape):
    shutil.move(photos / "A" / "A_0003.jpg", photos / "L" / "A_0003.jpg")
    found = handshape("check", photos, "--json").object
    assert [(issue["path"], issue["suggested"]) for issue in found["label_issues"]] == [("L/A_0003.jpg", "A")]
    assert any("L/A_0003.jpg looks like A" in problem for problem in found["problems"])
    assert "Suspect labels" in handshape("check", photos).out


def test_quick_looks_for_no_hands(photos: Path, looks, handshape: Handshape):
    found = handshape("check", photos, "--quick", "--json").object
    assert looks.looked == []
    assert (found["hands_found"], found["label_issues"], found["ok"]) == (None, None, True)
    assert "with a hand" not in handshape("check", photos, "--quick").out


def test_goes_on_without_the_hand_models(photos: Path, handshape: Handshape, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(tmp_path / "nowhere"))
    outcome = handshape("check", photos, "--json")
    assert outcome.code == 0
    assert outcome.object["hands_found"] is None
    assert "Going on without finding hands" in outcome.err


def test_where_nothing_is_usable_no_hand_is_looked_for(handshape: Handshape, looks, tmp_path: Path):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "broken.jpg").write_bytes(b"no image")
    outcome = handshape("check", tmp_path, "--json")
    assert (outcome.code, outcome.object["hands_found"], looks.looked) == (1, None, [])


def test_says_what_each_signer_showed(photos: Path, looks, handshape: Handshape, tmp_path: Path):
    table = signers_of(photos, tmp_path / "signers.csv", 4)
    for file in photos.glob("5/*.jpg"):
        if f"5/{file.name},person3" in table.read_text().split():
            file.unlink()
    outcome = handshape("check", photos, "--groups", table, "--json")
    assert outcome.code == 0
    assert outcome.object["signers"] == {
        f"person{number}": {"images": 12 - 3 * (number == 3), "absent_classes": ["5"] * (number == 3)}
        for number in range(4)
    }
    said = handshape("check", photos, "--groups", table)
    assert "classes not shown" in said.out
    assert f"handshape train {photos} --set data.groups={table}" in said.err


@pytest.mark.parametrize("rule", ["auto", "none"])
def test_rules_that_name_nobody_count_no_signers(rule: str, photos: Path, looks, handshape: Handshape):
    assert handshape("check", photos, "--groups", rule, "--json").object["signers"] == {}


def test_a_rule_at_fault_is_told(photos: Path, looks, handshape: Handshape, tmp_path: Path):
    table = signers_of(photos, tmp_path / "signers.csv", 2)
    for rule, told in ((table, "finds only 2 signers"), (tmp_path / "none.csv", "cannot be read")):
        outcome = handshape("check", photos, "--groups", rule, "--json")
        assert outcome.code == 1
        assert told in outcome.object["error"]
        assert looks.looked == []


@pytest.mark.photographs
@pytest.mark.parametrize("by_signer", [True, False])
def test_finds_the_swapped_labels_among_photographs(
    by_signer: bool, photographs: Path, models: HandModels, handshape: Handshape, tmp_path: Path
):
    for label in "01345678":  # eight classes are enough, and quick
        (tmp_path / label).symlink_to(photographs / "asl36_5_hands" / label)
    rule = r"/(?P<signer>hand\d)_" if by_signer else "auto"
    found = handshape("check", tmp_path, "--groups", rule, "--json").object
    names = {Path(issue["path"]).name for issue in found["label_issues"]}
    swapped = {f"hand2_{label}_dif_seg_{number}_cropped.jpg" for label in "45" for number in range(1, 6)}
    assert swapped <= names
    assert len(names - swapped) <= 2
    assert len(found["signers"]) == (5 if by_signer else 0)
