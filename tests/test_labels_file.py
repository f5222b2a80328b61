"""labels.csv in a folder of photographs: what it changes, what is wrong with it, how it is written."""

import csv
import json
from pathlib import Path

import pytest
from conftest import Handshape, PretendHands, assignments, fill
from helpers import results_of
from mislabelled import WRONG, hands_of, mislabelled
from user_folders import sound

from handshape.data.label_file import LabelFile
from handshape.data.label_table import Decision, read_decisions
from handshape.data.samples import list_samples
from handshape.errors import DataError, HandshapeError, SettingsError

LABELS = "path,label,kept\nA/0.jpg,B,\nA/1.jpg,,\nB/2.jpg,B,yes\n"
FEW = assignments(model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of six photographs, no two alike."""
    return fill(tmp_path / "photos", sound(each=6))


@pytest.fixture
def wrong(drawn: Path, tmp_path: Path, pretend_hands: PretendHands) -> Path:
    """Drawn hands, two of them in the wrong class."""
    pretend_hands(hands_of(drawn))
    return mislabelled(drawn, tmp_path / "photos")


def labels_of(root: Path) -> dict[str, str]:
    return {sample.path: sample.label for sample in list_samples(root).samples}


@pytest.mark.parametrize(
    "content",
    [
        LABELS.encode(),
        b"\xef\xbb\xbf" + LABELS.encode(),
        LABELS.replace(",", ";").replace("\n", "\r\n").encode(),
        LABELS.replace(",", "\t").encode(),
        LABELS.replace("/", "\\").encode(),
        LABELS.replace("A/", "./A/").encode(),
        LABELS.replace("path,label,kept", "Path, LABEL ,Kept").encode(),
        LABELS.replace("yes", "x").replace("0.jpg,B", "0.jpg, b ").encode(),
        b"kept,note,label,path\n,blurred,,A/1.jpg\n,,B,A/0.jpg\nja,odd,,B/2.jpg\n",
    ],
    ids=["plain", "mark", "semicolons", "tabs", "backslashes", "dots", "header", "spellings", "order"],
)
def test_labels_are_as_the_table_says_whoever_wrote_it(photos: Path, content: bytes) -> None:
    before = labels_of(photos)
    fill(photos, {"labels.csv": content})
    folder = list_samples(photos)
    changed = {**before, "A/0.jpg": "B"}
    del changed["A/1.jpg"]
    assert labels_of(photos) == changed
    assert [sample.label for sample in folder.samples] == ["A"] * 4 + ["B"] * 7
    corrections = folder.corrections
    assert (corrections.moved, corrections.left_out, corrections.kept) == ({"A/0.jpg": "B"}, ("A/1.jpg",), ("B/2.jpg",))
    assert corrections.in_words == "1 moved, 1 left out, 1 looked at and kept"
    assert (folder.beside, folder.strays) == ((), ())


AT_FAULT = [
    (
        "path,label\nA/9.jpg,B\nA/x.jpg,\nA/0.jpg,B",
        "names 2 images that are not there: A/9.jpg, A/x.jpg",
        "Did you mean",
    ),
    ("path,label\nphotos/A/0.jpg,B", "names 1 image that is not there: photos/A/0.jpg", "such as A/0.jpg"),
    ("path,label\nA/0.jpg,C", "moves images to 1 class without a folder: C", "make the folder"),
    (
        "path,label\nA/0.jpg,B\nA/0.jpg,",
        "says two things of A/0.jpg: B, and left out (line 3)",
        "one line a photograph",
    ),
    ("path,label,kept\nA/0.jpg,A,yes\n.\\A\\0.jpg,A,", "A, kept, and A (line 3)", "one line a photograph"),
]


@pytest.mark.parametrize(("content", "happened", "helps"), AT_FAULT)
def test_a_table_at_fault_is_an_error_that_says_what_to_do(
    photos: Path, content: str, happened: str, helps: str, handshape: Handshape
) -> None:
    fill(photos, {"labels.csv": content.encode()})
    with pytest.raises(DataError) as raised:
        list_samples(photos)
    assert happened in raised.value.happened and helps in raised.value.text
    for verb in (("check", photos, "--quick"), ("train", photos, "--out", photos.parent / "runs")):
        outcome = handshape(*verb)
        assert outcome.code == 1 and happened in " ".join(outcome.err.split())
    assert not (photos.parent / "runs").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_another_encoding_is_an_error(photos: Path, encoding: str) -> None:
    fill(photos, {"labels.csv": (LABELS + "A/größe.jpg,B,").encode(encoding)})
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        list_samples(photos)


def test_an_empty_class_folder_may_be_filled_by_the_table(photos: Path) -> None:
    (photos / "C").mkdir()
    fill(photos, {"labels.csv": b"path,label\nA/0.jpg,c\n"})
    assert list_samples(photos).counts() == {"A": 5, "B": 6, "C": 1}


@pytest.mark.parametrize(
    ("header", "is_told"), [("image,class", False), ("filename,label", True), ("path,sign", True), ("", False)]
)
def test_a_table_of_another_kind_changes_nothing(
    photos: Path, header: str, is_told: bool, handshape: Handshape
) -> None:
    before = labels_of(photos)
    fill(photos, {"labels.csv": f"{header}\nA/0.jpg,B\n".encode()})
    assert labels_of(photos) == before
    outcome = handshape("check", photos, "--quick")
    assert outcome.code == 0 and "Not read, since not in a class folder: labels.csv" in outcome.out
    assert ("so it changes no label" in outcome.err) == is_told
    with pytest.raises(DataError, match="of another kind"):
        LabelFile(photos).decide("A/0.jpg", "A", Decision("B"))


def test_check_says_what_it_changes(photos: Path, handshape: Handshape) -> None:
    fill(photos, {"labels.csv": LABELS.encode()})
    outcome = handshape("check", photos, "--quick")
    assert f"{photos / 'labels.csv'}: 1 moved, 1 left out, 1 looked at and kept" in outcome.err
    assert "Not read" not in outcome.out
    found = handshape("check", photos, "--quick", "--json").object
    assert (found["classes"], found["beside"]) == ({"A": 4, "B": 7}, [])
    assert found["corrections"] == {"moved": {"A/0.jpg": "B"}, "left_out": ["A/1.jpg"], "kept": ["B/2.jpg"]}


def test_nobody_is_asked_again_about_what_was_decided(wrong: Path, handshape: Handshape) -> None:
    found = handshape("check", wrong, "--json").object
    assert {issue["path"]: issue["suggested"] for issue in found["label_issues"]} == WRONG
    (said,) = [problem for problem in found["problems"] if "suspect" in problem]
    assert "handshape labels" in said and "labels.csv" in said and "to leave it out" in said
    assert f"handshape labels {wrong}" in handshape("check", wrong).err
    fill(wrong, {"labels.csv": b"path,label,kept\nL/A_0003.jpg,L,yes\nB/5_0004.jpg,5,\n"})
    found = handshape("check", wrong, "--json").object
    assert (found["label_issues"], found["classes"]) == ([], {"5": 12, "A": 11, "B": 12, "L": 13})


def test_training_and_crossval_and_evaluate_go_by_it(drawn: Path, tmp_path: Path, handshape: Handshape) -> None:
    data = mislabelled(drawn, tmp_path / "photos")
    fill(data, {"labels.csv": b"path,label\nL/A_0003.jpg,A\nB/5_0004.jpg,\n"})
    laid = {f"data__temp_{part}_dir": tmp_path / part for part in ("train", "val", "test")}
    words = assignments(
        model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1, data__layout="copy", **laid
    )
    outcome = handshape("train", data, "--out", tmp_path, "--name", "run", "--external", f"same={data}", *words)
    assert outcome.code == 0, outcome.err
    said = f"{data / 'labels.csv'}: 1 moved, 1 left out"
    assert outcome.err.count(said) == 2  # of what is learned from, and of what is measured on
    with (tmp_path / "run" / "splits.csv").open(encoding="utf-8", newline="") as file:
        split = {row["path"]: row["label"] for row in csv.DictReader(file)}
    assert split["L/A_0003.jpg"] == "A" and "B/5_0004.jpg" not in split and len(split) == 47
    record = json.loads((tmp_path / "run" / "run.json").read_text())["labels_file"]
    assert (record["moved"], record["left_out"], len(record["sha256"])) == (1, 1, 64)
    assert results_of(tmp_path / "run")["corrections"]["moved"] == {"L/A_0003.jpg": "A"}
    assert "1 moved, 1 left out" in (tmp_path / "run" / "report.html").read_text()
    placed = [path for part in ("train", "val", "test") for path in (tmp_path / part).rglob("A_0003.jpg")]
    assert [path.parts[-3:] for path in placed] == [("A", "L", "A_0003.jpg")]  # and so of class A for whoever lists it
    crossed = handshape("crossval", data, "--out", tmp_path, "--name", "folds", "--folds", "3", *FEW)
    assert crossed.code == 0 and said in crossed.err
    assert "1 moved, 1 left out" in (tmp_path / "folds" / "report.html").read_text()
    measured = handshape("evaluate", tmp_path / "run", data, "--json")
    assert said in measured.err
    assert measured.object["left_out_photographs"]["B/5_0004.jpg"] == "labels.csv leaves it out"
    assert measured.object["corrections"]["left_out"] == ["B/5_0004.jpg"]


@pytest.mark.parametrize("verb", ["train", "crossval"])
def test_a_resumed_run_says_that_its_labels_are_others(
    verb: str, drawn: Path, tmp_path: Path, handshape: Handshape
) -> None:
    data, run = mislabelled(drawn, tmp_path / "photos"), tmp_path / "run"
    fill(data, {"labels.csv": b"path,label,kept\nL/A_0003.jpg,A,\n"})
    made = handshape(verb, data, "--out", tmp_path, "--name", "run", *(("--folds", "3") * (verb == "crossval")), *FEW)
    assert made.code == 0, made.err
    record = json.loads((run / "run.json").read_text())
    fill(run, {"run.json": json.dumps(record | {"state": "interrupted"}).encode()})
    fill(data, {"labels.csv": b"path,label,kept\nL/A_0003.jpg,A,\nB/5_0004.jpg,,\n"})
    refused = handshape(verb, "--resume", run)
    said = " ".join(refused.err.split())
    assert refused.code == 1 and "labels.csv is not as it was" in said
    assert "then 1 moved, 0 left out; now 1 moved, 1 left out" in said
    fill(data, {"labels.csv": b"path,label,kept\nL/A_0003.jpg,A,\nA/A_0001.jpg,A,yes\n"})  # which changes nothing
    assert handshape(verb, "--resume", run).code == 0


DECISIONS = [
    (None, "A/0.jpg", Decision("B"), b"path,label,kept\nA/0.jpg,B,\n"),
    (None, "A/0.jpg", Decision("A", kept=True), b"path,label,kept\nA/0.jpg,A,yes\n"),
    (None, "A/0.jpg", Decision(""), b"path,label,kept\nA/0.jpg,,\n"),
    (None, "A/0.jpg", None, None),
    (b"path,label,kept\nA/0.jpg,B,\n", "A/0.jpg", None, None),
    (b"path,label\nA/1.jpg,B\n", "A/0.jpg", Decision(""), b"path,label,kept\nA/1.jpg,B\nA/0.jpg,,\n"),
    (
        b"\xef\xbb\xbfnote;path;label;kept\r\n\"odd; blurred\";.\\A\\0.jpg;B;\r\n\r\nx;A/1.jpg;;\r\n",
        "A/0.jpg",
        None,
        b"\xef\xbb\xbfnote;path;label;kept\r\n\"odd; blurred\";.\\A\\0.jpg;A;\r\n\r\nx;A/1.jpg;;\r\n",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "path", "decision", "after"), DECISIONS)
def test_a_decision_changes_its_line_and_nothing_else(
    photos: Path, before: bytes | None, path: str, decision: Decision | None, after: bytes | None
) -> None:
    file = photos / "labels.csv"
    if before is not None:
        fill(photos, {"labels.csv": before})
    LabelFile(photos).decide(path, "A", decision)
    assert (file.read_bytes() if file.exists() else None) == after
    assert sorted(each.name for each in photos.iterdir()) == ["A", "B", *(["labels.csv"] if after else [])]


@pytest.mark.parametrize("path", ["A/a,b.jpg", 'A/a "b".jpg', "A/a;b.jpg", "A/größe.jpg"])
def test_odd_names_come_back(photos: Path, path: str) -> None:
    fill(photos, sound(each=1) | {path: (photos / "A" / "0.jpg").read_bytes()})
    LabelFile(photos).decide(path, "A", Decision("B"))
    assert list_samples(photos).corrections.moved == {path: "B"}
    assert read_decisions(photos / "labels.csv") == {path: Decision("B")}


def test_what_is_written_meanwhile_is_kept(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program writes the file between reading and replacing it; each time its lines are there too."""
    from handshape.data import label_file

    synced, writes = label_file.sync, iter(range(2))

    def meanwhile(file: Path) -> None:
        synced(file)
        for number in writes:
            with (photos / "labels.csv").open("a") as text:
                text.write("path,label,kept\n" * (number == 0) + f"B/{number}.jpg,A,\n")
            break

    monkeypatch.setattr(label_file, "sync", meanwhile)
    LabelFile(photos).decide("A/0.jpg", "A", Decision("B"))
    assert list_samples(photos).corrections.moved == {"A/0.jpg": "B", "B/0.jpg": "A", "B/1.jpg": "A"}


def test_a_file_that_was_damaged_meanwhile_is_not_written_over(photos: Path) -> None:
    file = LabelFile(photos)
    file.decide("A/0.jpg", "A", Decision("B"))
    damaged = b"path,label\nA/0.jpg,B\nA/0.jpg,\n"
    fill(photos, {"labels.csv": damaged})
    with pytest.raises(HandshapeError, match="says two things"):
        file.decide("A/1.jpg", "A", Decision("B"))
    assert (photos / "labels.csv").read_bytes() == damaged


def test_labels_lists_the_suspects(wrong: Path, handshape: Handshape) -> None:
    found = handshape("labels", wrong, "--json").object
    assert {each["path"]: each["suggested"] for each in found["suspects"]} == WRONG
    assert (found["folder"], found["corrections"]) == (str(wrong), None)
    listed = handshape("labels", wrong, "--list")
    assert listed.code == 0 and "L/A_0003.jpg" in listed.out and "--move" in listed.err
    assert not (wrong / "labels.csv").exists()


def test_labels_decides_on_the_command_line(wrong: Path, handshape: Handshape) -> None:
    here = wrong / "B" / "5_0004.jpg"
    outcome = handshape("labels", wrong, "--move", "L/A_0003.jpg", "a", "--leave-out", here, "--keep", "A/A_0001.jpg")
    assert (
        outcome.code == 0 and "1 moved, 1 left out, 1 looked at and kept. Nothing was moved on the disk" in outcome.out
    )
    assert (wrong / "L" / "A_0003.jpg").exists() and here.exists()
    assert list_samples(wrong).corrections.moved == {"L/A_0003.jpg": "A"}
    assert handshape("labels", wrong, "--json").object["suspects"] == []
    assert "No label is suspect" in handshape("labels", wrong).out  # and no page is served
    for path in ("L/A_0003.jpg", here, "A/A_0001.jpg"):
        assert handshape("labels", wrong, "--undo", path).code == 0
    assert not (wrong / "labels.csv").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--move", "A/0.jpg", "C"), "There is no class folder C"),
        (("--keep", "A/00.jpg"), "Did you mean A/0.jpg?"),
        (("--leave-out", "C/0.jpg"), "There is no photograph C/0.jpg"),
    ],
)
def test_labels_refuses_what_is_not_there(
    photos: Path, words: tuple[str, ...], says: str, handshape: Handshape
) -> None:
    outcome = handshape("labels", photos, *words)
    assert outcome.code == 1 and says in outcome.err
    assert not (photos / "labels.csv").exists()


def test_without_hands_nobody_can_say(photos: Path, handshape: Handshape, pretend_hands: PretendHands) -> None:
    pretend_hands(lambda photograph: None)
    outcome = handshape("labels", photos)
    assert outcome.code == 0 and "No hand was found" in outcome.err
    assert handshape("labels", photos, "--json").object["suspects"] is None
