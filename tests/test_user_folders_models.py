"""Finished models and trainings that meet users' other folders. Each situation is a row of docs/inputs.md."""

import shutil
from pathlib import Path

import pytest
from conftest import Handshape, Trained, assignments, fill
from user_folders import Build, Files, Situation, photo, sound

pytest.importorskip("keras")

PREDICT = ("predict", "{model}", "{data}", "--json")
EVALUATE = ("evaluate", "{model}", "{data}", "--json")
SHORT = assignments(model__num_epochs=1, model__fine_tune_epochs=0)
TRAIN = ("train", "{photos}", "--json", "--out", "{runs}", *SHORT)
ABOUT_ALL = "The model learned from these very photographs"
INBOX = {"1.jpg": photo(1), "2.jfif": photo(2), "3.jpe": photo(3)}
ROOMS = {f"{number}.jpg": photo(200 + number) for number in range(4)}


def copied(*labels: str, extra: Files | None = None) -> Build:
    """Photographs that the model learned from, and others."""

    def build(root: Path) -> None:
        for label in labels:
            shutil.copytree(PHOTOS["drawn"] / label, root / label)
        fill(root, extra or {})

    return build


def links(root: Path) -> None:
    """An inbox of links to folders."""
    fill(root.parent / "elsewhere", INBOX)
    (root / "today").symlink_to(root.parent / "elsewhere")


def external(situation: str, build: Build | Files, says: tuple[str, ...]) -> Situation:
    """Photographs from elsewhere that cannot be measured on: said before anything is learned."""
    return Situation(situation, build, says, 1, (*TRAIN, "--external", "them={data}"), hushes=("Phase 1",))


PHOTOS: dict[str, Path] = {}

ANSWERS = [
    Situation("predict-jfif", INBOX, ("1.jpg", "2.jfif", "3.jpe"), words=PREDICT, hushes=("left out",)),
    Situation(
        "predict-leaves-out",
        INBOX | {"clip.mp4": b"x", "notes.txt": b"x"},
        ("2 files are left out", "clip.mp4", "notes.txt", "Take frames of videos"),
        words=PREDICT,
    ),
    Situation(
        "predict-hidden",
        INBOX | {name: photo(9) for name in ("._1.jpg", ".ipynb_checkpoints/1-checkpoint.jpg", "__MACOSX/._2.jpg")},
        words=PREDICT,
        hushes=("._", "checkpoint", "error"),
    ),
    Situation("predict-links", links, ("today/1.jpg", "today/2.jfif"), words=PREDICT),
    Situation("predict-nothing", {"clip.mp4": b"x"}, ("holds no images, but 1 file is left out",), 1, PREDICT),
    Situation("predict-bad-file", INBOX | {"4.jpg": b"<html>"}, ("is a web page", "1.jpg"), 1, PREDICT),
    Situation(
        "predict-cut-heic", {"IMG_1.HEIC": b"\0\0\0\x18ftypheic\0\0\0\0"}, ("is cut short or damaged",), 1, PREDICT
    ),
    Situation(
        "explain-hidden",
        INBOX | {"._1.jpg": photo(9), "clip.mp4": b"x"},
        ("1 file is left out",),
        words=("explain", "{model}", "{data}", "--json", "--out", "{runs}"),
        hushes=("._1",),
    ),
    Situation(
        "evaluate-leaves-out",
        sound("A", "B", "zebra", first=300) | {"L/1.jpg": photo(5)[:500], "L/2.mp4": b"x", "5/1.jpg": b""},
        (
            "classes the model does not know: zebra",
            "5/1.jpg (empty (0 bytes))",
            "L/1.jpg (cut short",
            "going by their names: L/2.mp4",
            "Nothing is measured of 5, L: no image there can be used",
        ),
        words=EVALUATE,
        facts={"left_out": ["zebra"], "unreadable": ["5/1.jpg", "L/1.jpg"], "strays": ["L/2.mp4"], "n": 8},
    ),
    Situation("evaluate-knows-none", sound("zebra", "yak"), ("knows none of the classes", "Rename"), 1, EVALUATE),
    Situation("evaluate-other-names", sound("a ", "\u24b7", first=300), facts={"n": 8, "left_out": []}, words=EVALUATE),
    Situation(
        "evaluate-proposes-test",
        sound("train/A", "train/B", "test/A", "test/B"),
        ("Name the part to measure on, for example {data}/test.",),
        1,
        EVALUATE,
    ),
    Situation("evaluate-proposes-valid", sound("train/A", "train/B", "val/A", "val/B"), ("{data}/val.",), 1, EVALUATE),
    Situation("evaluate-flat", ROOMS, ("holds 4 images but no class folders",), 1, EVALUATE),
    Situation("evaluate-learned", copied("A", "B"), (ABOUT_ALL,), words=EVALUATE, facts={"external": False, "n": 24}),
    Situation(
        "evaluate-partly-learned",
        copied("A", extra=sound("B", first=300)),
        ("12 of 16 photographs", "are among those the model learned from; left out"),
        words=EVALUATE,
        facts={"external": True, "n": 4, "seen_in_training": 12},
    ),
    external("external-flat", ROOMS, ("holds 4 images but no class folders",)),
    external("external-unknown", sound("zebra", "yak"), ("knows none of the classes",)),
    external("external-parts", sound("train/A", "train/B", "test/A", "test/B"), ("for example {data}/test.",)),
    external("external-unreadable", {"A/1.jpg": b"", "B/1.jpg": b"x"}, ("No image in {data} can be read",)),
    Situation(
        "external-missing", lambda root: root.rmdir(), ("There is no folder",), 1, (*TRAIN, "--external", "x={data}")
    ),
    Situation(
        "negatives-none",
        {"1.jpg": b""},
        ("1 cannot be read",),
        1,
        (*TRAIN, "--negatives", "{data}"),
        hushes=("Phase 1",),
    ),
]

SITUATIONS = [
    *ANSWERS,
    Situation("negatives-bad-file", ROOMS | {"._1.jpg": b"x", "5.jpg": photo(5)[:500]}, ("5.jpg",)),
    Situation("external-learned", copied("A", "B"), (ABOUT_ALL,)),
    Situation("photographs-moved", {}),
]


@pytest.fixture(autouse=True)
def learned(trained: Trained) -> None:
    PHOTOS["drawn"] = trained.data


@pytest.mark.parametrize("situation", ANSWERS, ids=lambda each: each.id)
def test_what_a_model_meets_is_said(
    situation: Situation, trained: Trained, tmp_path: Path, handshape: Handshape
) -> None:
    root = situation.prepare(tmp_path / "data")
    places = {"data": root, "model": trained.folder, "photos": trained.data, "runs": tmp_path / "runs"}
    situation.require(root, handshape(*(word.format(**places) if "{" in word else word for word in situation.words)))


def test_bad_negatives_and_photographs_that_were_learned_from_end_no_training(
    trained: Trained, tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hidden file is passed over, the one that is cut short named; what was learned from is not measured on."""
    monkeypatch.setattr("handshape.workflow.publish.draw_figures", lambda *_: None)
    rooms = fill(tmp_path / "rooms", dict(next(each for each in SITUATIONS if each.id == "negatives-bad-file").build))
    words = ("--negatives", rooms, "--external", f"office={trained.data}")
    outcome = handshape("train", trained.data, "--out", tmp_path, "--name", "run", "--json", *SHORT, *words)
    assert outcome.code == 0, outcome.err
    (cut,) = [line for line in outcome.err.splitlines() if "5.jpg" in line]
    assert cut.startswith("warn: ") and "._1.jpg" not in outcome.err
    assert f"{ABOUT_ALL} (office)" in outcome.err
    assert outcome.object["external"] == {}
    assert not any("photographs from elsewhere" in each for each in outcome.object["verdict"]["sentences"])


def test_a_run_goes_on_where_its_photographs_have_moved(
    drawn: Path, tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn, tmp_path / "p")
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("handshape.workflow.fit.build_classifier", stop)
        assert handshape("train", "p", "--out", "runs", "--name", "r", *SHORT).code == 130
    (tmp_path / "p").rename(tmp_path / "q")
    told = handshape("train", "--resume", "runs/r")
    assert told.code == 1
    assert "handshape train --resume runs/r" in told.err and "Check the spelling" not in told.err
    monkeypatch.setattr("handshape.workflow.publish.draw_figures", lambda *_: None)
    assert handshape("train", "--resume", "runs/r", "q").code == 0
    shutil.copytree(drawn, tmp_path / "other")
    (tmp_path / "other" / "A" / "more.jpg").write_bytes(photo(1))
    assert handshape("train", "--resume", "runs/r", "other").code == 1


def stop(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt
