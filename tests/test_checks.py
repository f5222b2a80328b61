import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import checked, encoded, fill
from PIL import Image

from handshape.data.checks import require_trainable, with_label_issues, with_signers
from handshape.data.label_issues import Signs
from handshape.errors import DataError
from handshape.images import read_image


def photo(seed: int, kind: str = "JPEG", side: int = 40, mode: str = "RGB") -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return encoded(Image.fromarray(noise).convert(mode), kind)


def sound(class_names: str = "AB", each: int = 4) -> dict[str, bytes]:
    seeds = iter(range(1000))
    return {f"{label}/{number}.jpg": photo(next(seeds)) for label in class_names for number in range(each)}


def test_sound_photographs_have_no_problems(tmp_path: Path) -> None:
    report = checked(fill(tmp_path, sound()))
    assert report.ok
    assert report.problems == report.fatal == ()
    assert (report.images, report.usable, report.imbalance) == (8, 8, 1.0)
    assert report.usable_classes == ("A", "B")
    require_trainable(report)


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    files = sound() | {"A/zero.jpg": b"", "A/copy.jpg": photo(0), "B/notes.txt": b"x"}
    (fill(tmp_path, files) / "C").mkdir()
    values = json.loads(json.dumps(checked(tmp_path).as_dict()))
    assert values["classes"] == {"A": 6, "B": 4, "C": 0}
    assert (values["images"], values["usable"]) == (10, 9)
    assert values["corrupt"] == ["A/zero.jpg"]
    assert values["empty_classes"] == ["C"]
    assert values["duplicates"] == [["A/0.jpg", "A/copy.jpg"]]
    assert values["imbalance"] == 1.25
    assert values["strays"] == ["B/notes.txt"]
    assert values["ok"] is False
    assert len(values["problems"]) == 4


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("zero.jpg", b"", "empty (0 bytes)"),
        ("cut.jpg", photo(7)[:600], "cut short"),
        ("cut.png", photo(7, "PNG")[:-2000], "cut short"),
        ("words.jpg", b"not a picture", "not an image"),
        ("page.gif", b"<html>", "web page"),
        ("float.tif", photo(7, "TIFF", mode="F"), "floating point"),
    ],
)
def test_unusable_images_are_named_with_their_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    report = checked(fill(tmp_path, sound() | {f"A/{name}": data}))
    assert report.corrupt == (f"A/{name}",)
    assert reason in report.reasons[f"A/{name}"]
    assert str(tmp_path) not in report.reasons[f"A/{name}"]
    assert report.usable == 8
    assert f"A/{name}" not in report.digests
    assert len(report.problems) == 1
    assert f"A/{name}: " in report.problems[0]
    require_trainable(report)


def test_unreadable_files_are_reported_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, sound())
    (tmp_path / "A" / "ghost.jpg").symlink_to(tmp_path / "absent")
    whole = os.open

    def refuse(path: str, *rest: Any, **options: Any) -> int:
        if str(path).endswith("B/0.jpg"):
            raise PermissionError(13, "Permission denied")
        return whole(path, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    report = checked(tmp_path)
    assert set(report.corrupt) == {"A/ghost.jpg", "B/0.jpg"}
    assert "permission denied" in report.reasons["B/0.jpg"]
    assert "no such file" in report.reasons["A/ghost.jpg"]


@pytest.mark.parametrize(
    ("name", "kind", "is_misnamed"),
    [("x.png", "JPEG", True), ("x.jpg", "PNG", True), ("x.JPEG", "JPEG", False), ("x.tiff", "TIFF", False),
     ("x.jpeg.png", "PNG", False), ("x.gif", "WEBP", True)],
)  # fmt: skip
def test_wrong_endings_are_reported_but_usable(tmp_path: Path, name: str, kind: str, is_misnamed: bool) -> None:
    report = checked(fill(tmp_path, sound() | {f"A/{name}": photo(99, kind)}))
    assert report.misnamed == ((f"A/{name}",) if is_misnamed else ())
    assert report.usable == 9
    assert report.ok is not is_misnamed


@pytest.mark.parametrize(("side", "is_tiny"), [(8, True), (31, True), (32, False)])
def test_tiny_images(tmp_path: Path, side: int, is_tiny: bool) -> None:
    report = checked(fill(tmp_path, sound() | {"A/small.png": photo(99, "PNG", side)}))
    assert report.tiny == (("A/small.png",) if is_tiny else ())
    assert report.usable == 9


def test_copies_across_classes_are_a_conflict(tmp_path: Path) -> None:
    files = sound() | {"A/same.jpg": photo(500), "B/other name.jpg": photo(500), "B/0 copy.jpg": sound()["B/0.jpg"]}
    report = checked(fill(tmp_path, files))
    assert report.duplicates == (("A/same.jpg", "B/other name.jpg"), ("B/0 copy.jpg", "B/0.jpg"))
    assert report.conflicts == (("A/same.jpg", "B/other name.jpg"),)
    assert sum("more than one class" in text for text in report.problems) == 1
    assert sum("1 image is a byte-identical copy" in text for text in report.problems) == 1
    assert report.digests["A/same.jpg"] == hashlib.sha256(photo(500)).hexdigest()


def test_broken_files_are_not_copies_of_each_other(tmp_path: Path) -> None:
    report = checked(fill(tmp_path, sound() | {"A/x.jpg": b"", "B/x.jpg": b""}))
    assert report.duplicates == ()


@pytest.mark.parametrize(("extra", "is_problem"), [(8, False), (9, True)])
def test_imbalance_over_three_is_a_problem(tmp_path: Path, extra: int, is_problem: bool) -> None:
    files = sound(each=4) | {f"A/more{number}.jpg": photo(100 + number) for number in range(extra)}
    report = checked(fill(tmp_path, files))
    assert report.imbalance == (4 + extra) / 4
    assert any("uneven" in text for text in report.problems) is is_problem


def test_imbalance_counts_what_is_usable(tmp_path: Path) -> None:
    files = sound() | {f"A/broken{number}.jpg": b"" for number in range(40)}
    assert checked(fill(tmp_path, files)).imbalance == 1.0


@pytest.mark.parametrize(
    ("files", "happened", "fix"),
    [
        ({"A/1.jpg": b""}, ["not one usable image"], "Add photographs"),
        (sound("A"), ["Only one class has usable images: A"], "another sign"),
        (sound() | {"C/1.jpg": b"", "C/2.jpg": b"x"}, ["1 class holds only images that cannot be used: C"], "Replace"),
        (sound() | {"C/1.jpg": photo(99)}, ["1 class has fewer than 3 usable images: C (1)"], "add photographs"),
        (sound() | {"C/1.jpg": photo(99), "D/1.jpg": b""}, ["C (1)", "cannot be used: D"], "Replace"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tmp_path: Path, files: dict[str, bytes], happened: list[str], fix: str
) -> None:
    report = checked(fill(tmp_path, files))
    assert report.fatal
    with pytest.raises(DataError) as caught:
        require_trainable(report)
    assert all(words in caught.value.happened for words in happened)
    assert fix in caught.value.fix


def test_a_folder_of_empty_classes(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    report = checked(tmp_path)
    assert report.empty_classes == ("A", "B")
    assert report.imbalance == 1.0
    with pytest.raises(DataError, match="not one usable image"):
        require_trainable(report)


def test_an_empty_class_does_not_prevent_training(tmp_path: Path) -> None:
    (fill(tmp_path, sound()) / "C").mkdir()
    report = checked(tmp_path)
    assert not report.ok
    require_trainable(report)


def test_the_folder_above_the_classes_is_recognised(tmp_path: Path) -> None:
    fill(tmp_path / "photographs", sound())
    with pytest.raises(DataError) as caught:
        require_trainable(checked(tmp_path))
    assert str(tmp_path / "photographs") in caught.value.fix


def test_nothing_is_changed(tmp_path: Path) -> None:
    fill(tmp_path, sound() | {"A/zero.jpg": b"", "A/x.png": photo(3), "notes.txt": b"n"})
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.rglob("*")}
    checked(tmp_path)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.rglob("*")} == before


def stored_anew(seed: int, quality: int = 50) -> bytes:
    return encoded(read_image(photo(seed)), "JPEG", quality=quality)


def test_near_copies(tmp_path: Path) -> None:
    files = sound() | {"A/0 anew.jpg": stored_anew(0), "A/0 copy.jpg": photo(0), "A/1 copy.jpg": photo(1)}
    report = checked(fill(tmp_path, files))
    (group,) = report.near_duplicates
    assert set(group) == {"A/0.jpg", "A/0 anew.jpg", "A/0 copy.jpg"}
    assert report.near_duplicate_share == 3 / 11
    assert report.near_conflicts == ()
    assert sum("27% of the images look almost like another" in text for text in report.problems) == 1
    values = json.loads(json.dumps(report.as_dict()))
    assert values["near_duplicates"] == [list(group) for group in report.near_duplicates]
    assert values["near_duplicate_share"] == 0.2727
    assert values["near_conflicts"] == []
    assert values["label_issues"] is None
    assert values["signers"] == {}


def test_one_picture_stored_anew_in_two_classes(tmp_path: Path) -> None:
    report = checked(fill(tmp_path, sound(each=20) | {"B/x.jpg": stored_anew(3, 90)}))
    assert report.near_conflicts == (("A/3.jpg", "B/x.jpg"),)
    assert report.conflicts == ()
    assert [text for text in report.problems if "stored anew: A/3.jpg = B/x.jpg" in text] == list(report.problems)


def test_suspects_join_the_report(tmp_path: Path) -> None:
    report = checked(fill(tmp_path, sound(each=20)))
    samples = report.usable_samples[1:]  # no hand was found in the first
    features = np.random.default_rng(0).normal(size=(39, 2)).astype(np.float32)
    features += [[9] if sample.label == "A" else [0] for sample in samples]
    features[4] -= 9
    groups = {sample.path: sample.path for sample in samples}
    told = with_label_issues(report, samples, Signs(features), groups)
    (issue,) = told.label_issues
    assert (issue.path, issue.label, issue.suggested) == (samples[4].path, "A", "B")
    assert told.as_dict()["label_issues"] == [issue.as_dict()]
    assert f"1 label is suspect, the clearest first: {samples[4].path} looks like B." in told.problems[-1]
    assert with_label_issues(report, samples[:4], Signs(features[:4]), groups).problems == ()  # too few to tell


def test_signers_join_the_report(tmp_path: Path) -> None:
    report = checked(fill(tmp_path, sound()))
    groups = {sample.path: f"s{Path(sample.path).stem}" for sample in report.usable_samples} | {"B/2.jpg": "s10"}
    told = with_signers(report, groups | {"B/3.jpg": "s10"})
    assert told.as_dict()["signers"] == {
        "s0": {"images": 2, "absent_classes": []},
        "s1": {"images": 2, "absent_classes": []},
        "s2": {"images": 1, "absent_classes": ["B"]},
        "s3": {"images": 1, "absent_classes": ["B"]},
        "s10": {"images": 2, "absent_classes": ["A"]},
    }
    assert told.ok
    few = with_signers(report, dict.fromkeys(groups, "s0") | {"A/1.jpg": "s1", "A/2.jpg": "s2"})
    assert "1 class is shown by fewer than 3 signers: B (1)." in few.problems[0]


@pytest.mark.photographs
def test_real_photographs(tmp_path: Path, photographs: Path) -> None:
    """A copy of a real set, with the faults people's sets have."""
    source = photographs / "asl26_hazy_room"
    for label in ("A", "B", "C"):
        shutil.copytree(source / label, tmp_path / label)
    first, second, third, *_ = sorted((tmp_path / "A").iterdir())
    shutil.copy(first, tmp_path / "A" / "again.jpg")
    shutil.copy(second, tmp_path / "B" / "wrong class.jpg")
    third.write_bytes(third.read_bytes()[:1500])
    Image.open(first).save(tmp_path / "C" / "really a png.jpg", "PNG")
    report = checked(tmp_path)
    assert report.corrupt == (f"A/{third.name}",)
    assert report.misnamed == ("C/really a png.jpg",)
    assert report.conflicts == ((f"A/{second.name}", "B/wrong class.jpg"),)
    assert {frozenset(group) for group in report.duplicates} == {
        frozenset({f"A/{first.name}", "A/again.jpg"}),
        frozenset({f"A/{second.name}", "B/wrong class.jpg"}),
    }
    assert report.usable == report.images - 1
    require_trainable(report)


@pytest.mark.photographs
def test_a_real_set_is_wholly_usable(photographs: Path) -> None:
    report = checked(photographs / "asl36_5_hands")
    assert report.usable == report.images == 1018
    assert len(report.problems) == 1
    assert "look almost like another" in report.problems[0]
    assert 0.4 < report.near_duplicate_share < 0.7
    assert report.near_conflicts == ()
