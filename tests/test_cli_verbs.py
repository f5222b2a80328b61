"""Every verb but train through the command line: what people see, what machines read, and bad input."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from conftest import Handshape, Trained, square_of

import handshape as package
from handshape.cli import main
from handshape.cli.parser import build_parser

VERBS = (
    "check",
    "labels",
    "train",
    "crossval",
    "ensemble",
    "tune",
    "runs",
    "evaluate",
    "predict",
    "live",
    "explain",
    "models",
    "export",
    "serve",
    "sample",
    "data",
    "cache",
    "doctor",
)


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_itself_with_examples(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"examples:\n  handshape {verb}" in said
    assert "--json" in said
    assert max(map(len, said.split("examples:")[0].splitlines())) <= 80


def test_help_lists_the_verbs(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert tuple(re.findall(r"^    ([a-z]+) ", said, re.MULTILINE)) == VERBS
    assert "does not translate" in said
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"handshape {package.__version__}\n"


def test_examples_in_the_help_are_commands_that_parse():
    import shlex

    actions = build_parser()._subparsers
    assert actions is not None
    for verb, parser in actions._group_actions[0].choices.items():  # type: ignore[union-attr]
        lines = [line for line in parser.epilog.splitlines()[1:] if line.startswith("  handshape ")]
        assert lines
        for line in lines:
            words = takewhile(lambda word: word not in ("|", ">"), shlex.split(line)[1:])
            assert build_parser().parse_args(list(words)).verb == verb


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["trian", "photos"], "train"),
        (["model"], "models"),
        (["Predict", "model", "photo.jpg"], "predict"),
        (["models", "lst"], "list"),
        (["models", "rolback", "asl"], "rollback"),
        (["--versoin"], "--version"),
        (["check", "photos", "--quik"], "--quick"),
        (["check", "photos", "--qiet", "--jason"], "--quiet and --json"),
        (["train", "photos", "--nmae", "first"], "--name"),
        (["serve", "--alow-host=sign.example"], "--allow-host"),
        (["models", "list", "--jsn"], "--json"),
        (["models", "--jsn"], "--json"),
        (["photos"], None),
        (["check", "photos", "--xyz"], None),
        (["check", "photos", "others"], None),
    ],
)
def test_a_mistyped_word_is_wrong_usage_and_may_be_guessed(words: list[str], meant: str | None, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert re.findall("Did you mean (.+)\\?", said) == ([meant] if meant else [])
    verb = words[0] if words[0] in VERBS else ""
    assert said.startswith(f"usage: handshape {verb}")


def test_help_and_import_load_no_framework():
    heavy = {"tensorflow", "keras", "rich", "numpy", "pydantic", "PIL", "logging"}
    code = f"import sys, handshape.cli.parser as p; p.build_parser().format_help(); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_check_for_machines(drawn: Path, handshape: Handshape):
    outcome = handshape("check", drawn, "--json")
    assert outcome.code == 0
    found = outcome.object
    assert found["classes"] == {"5": 12, "A": 12, "B": 12, "L": 12}
    assert (found["images"], found["usable"], found["imbalance"], found["ok"]) == (48, 48, 1.0, True)
    assert found["corrupt"] == found["empty_classes"] == found["duplicates"] == found["problems"] == []


def test_check_names_what_is_wrong(drawn: Path, handshape: Handshape, tmp_path: Path):
    data = tmp_path / "photos"
    shutil.copytree(drawn, data)
    (data / "empty").mkdir()
    (data / "A" / "none.jpg").write_bytes(b"")
    (data / "A" / "cut.jpg").write_bytes((data / "A" / "A_0001.jpg").read_bytes()[:900])
    shutil.copy(data / "A" / "A_0001.jpg", data / "B" / "other.jpg")
    outcome = handshape("check", data, "--json")
    assert outcome.code == 0  # it can still be trained on
    found = outcome.object
    assert sorted(found["corrupt"]) == ["A/cut.jpg", "A/none.jpg"]
    assert found["empty_classes"] == ["empty"]
    assert found["duplicates"] == [["A/A_0001.jpg", "B/other.jpg"]]
    assert found["ok"] is False
    people = handshape("check", data)
    assert "byte for byte" in people.out
    assert people.out == handshape("check", data, "--quiet").out


def test_check_of_what_cannot_be_trained_on(handshape: Handshape, tmp_path: Path):
    outcome = handshape("check", tmp_path / "nowhere", "--json")
    assert (outcome.code, list(outcome.object)) == (1, ["error"])
    (tmp_path / "A").mkdir()
    outcome = handshape("check", tmp_path, "--json")
    assert outcome.code == 1
    assert outcome.object["ok"] is False


def test_evaluate_for_machines(trained: Trained, handshape: Handshape):
    outcome = handshape("evaluate", trained.folder, trained.data, "--json")
    assert outcome.code == 0
    measured = outcome.object
    assert measured["n"] == 48
    assert measured["classes"] == ["5", "A", "B", "L"]
    assert set(measured["per_class"]) == {"5", "A", "B", "L"}
    assert set(measured["per_class"]["A"]) == {"precision", "recall", "f1", "support"}
    assert measured["accuracy"] == pytest.approx(
        sum(score["recall"] * score["support"] for score in measured["per_class"].values()) / 48
    )
    assert measured["accuracy"] <= measured["top3"] <= 1
    assert 0 <= measured["ece"] <= 1
    assert 0 < measured["macro_f1"] <= 1


def test_evaluate_leaves_out_classes_the_model_lacks(trained: Trained, handshape: Handshape, tmp_path: Path):
    data = tmp_path / "others"
    shutil.copytree(trained.data / "A", data / "a")  # the case may differ
    shutil.copytree(trained.data / "B", data / "B")
    shutil.copytree(trained.data / "L", data / "Zebra")
    (data / "B" / "broken.jpg").write_bytes(b"no image")
    outcome = handshape("evaluate", trained.folder / "bundle", data, "--json")
    assert outcome.code == 0
    assert outcome.object["classes"] == ["A", "B"]
    assert outcome.object["n"] == 24
    assert outcome.object["left_out"] == ["Zebra"]
    assert outcome.object["unreadable"] == ["B/broken.jpg"]
    people = handshape("evaluate", trained.folder, data)
    assert "classes the model does not know: Zebra" in people.err
    assert "unreadable images: B/broken.jpg" in people.err
    shutil.rmtree(data / "a")
    shutil.rmtree(data / "B")
    outcome = handshape("evaluate", trained.folder, data, "--json")
    assert outcome.code == 1
    assert "knows none of the classes" in outcome.object["error"]


def test_predict_equals_keras_and_evaluate(trained: Trained, handshape: Handshape):
    keras = pytest.importorskip("keras")
    import numpy as np

    from handshape.export.bundle import find_bundle

    bundle = find_bundle(trained.folder)
    outcome = handshape("predict", trained.folder, trained.data, "--json")
    assert outcome.code == 0
    *answers, left_out = outcome.objects
    assert len(answers) == 48
    assert left_out == {"path": str(trained.data / "signers.csv"), "left_out": "no image by its name"}
    images = np.stack([square_of(Path(answer["path"]), bundle.size) for answer in answers])
    model = keras.models.load_model(bundle.keras, compile=False)
    expected = np.asarray(model.predict(images.astype(np.float32), verbose=0)["probabilities"])
    for answer, row in zip(answers, expected, strict=True):
        assert set(answer) == {"path", "decision", "confidence", "top", "hand", "milliseconds"}
        said = dict(answer["top"])
        assert [said[label] for label in bundle.class_names] == pytest.approx(row.tolist(), abs=1e-4)
        assert [probability for _, probability in answer["top"]] == sorted(said.values(), reverse=True)
        best, confidence = answer["top"][0]
        assert answer["confidence"] == confidence
        assert answer["decision"] == (best if confidence >= bundle.thresholds.with_hand else "unknown")
        assert answer["hand"] is None  # none was looked for
        assert answer["milliseconds"] > 0
    right = [Path(answer["path"]).parent.name == answer["top"][0][0] for answer in answers]
    measured = handshape("evaluate", trained.folder, trained.data, "--json").object
    assert measured["accuracy"] == sum(right) / 48
    accepted = [answer["decision"] != "unknown" for answer in answers]
    assert measured["decisions"]["accepted"] == sum(accepted) / 48
    assert measured["decisions"]["unknown"] == pytest.approx(1 - sum(accepted) / 48)
    assert measured["decisions"]["no_hand"] == 0
    rightly = sum(one and other for one, other in zip(right, accepted, strict=True))
    assert measured["decisions"]["accuracy_of_accepted"] == pytest.approx(rightly / sum(accepted))
    assert measured["hands_found"] is None


def test_predict_goes_on_after_a_bad_image(trained: Trained, handshape: Handshape, tmp_path: Path):
    broken, missing = tmp_path / "broken Ä.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0")
    good = trained.data / "A" / "A_0001.jpg"
    outcome = handshape("predict", trained.folder, broken, good, missing, "--json")
    assert outcome.code == 1
    assert [set(answer) for answer in outcome.objects[::2]] == [{"path", "error"}] * 2
    assert [answer["path"] for answer in outcome.objects] == [str(broken), str(good), str(missing)]
    assert outcome.objects[1]["decision"]
    people = handshape("predict", trained.folder, broken, good)
    assert people.code == 1
    assert people.out.startswith(f"{good}: ")
    assert people.out.count("\n") == 1
    assert "broken Ä.jpg" in people.err
    assert handshape("predict", trained.folder, broken, missing, "--json").code == 1
    assert handshape("predict", trained.folder, tmp_path / "nowhere").code == 1
    too_long = handshape("predict", trained.folder, "a" * 300, good, "--json")
    assert (too_long.code, set(too_long.objects[0])) == (1, {"path", "error"})
    assert len(too_long.objects) == 2


def test_predict_writes_names_that_are_no_text(trained: Trained, handshape: Handshape, tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        shutil.copy(trained.data / "A" / "A_0001.jpg", tmp_path / name)
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    assert handshape("predict", trained.folder, tmp_path).code == 0
    assert "decision" in handshape("predict", trained.folder, tmp_path, "--json").object


def test_nothing_but_answers_reaches_the_screen(trained: Trained):
    command = [sys.executable, "-m", "handshape", "predict", str(trained.folder)]
    done = subprocess.run(
        [*command, str(trained.data / "A" / "A_0001.jpg")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_folder_that_is_no_model(verb, trained: Trained, handshape: Handshape, tmp_path: Path):
    for place, told in ((tmp_path, "There is no model in"), (tmp_path / "nowhere", "There is no folder")):
        outcome = handshape(verb, place, trained.data, "--json")
        assert outcome.code == 1
        assert told in outcome.object["error"]
        assert "Traceback" not in outcome.err


def test_sample_for_machines(handshape: Handshape, tmp_path: Path):
    out = tmp_path / "practice set"
    outcome = handshape("sample", out, "--per-class", 2, "--classes", "A", "B", "--size", 64, "--json")
    assert outcome.code == 0
    assert outcome.object == {"folder": str(out), "images": 4, "signers": str(out / "signers.csv")}
    assert len(list(out.rglob("*.jpg"))) == 4
    again = handshape("sample", out, "--json")
    assert again.code == 1
    assert "error" in again.object
    assert handshape("sample", tmp_path / "x", "--seed", "-1").code == 1
    assert not (tmp_path / "x").exists()


def test_sample_says_how_to_train_on_it(handshape: Handshape, tmp_path: Path):
    outcome = handshape("sample", tmp_path / "practice set", "--per-class", 1, "--classes", "A", "--size", 64)
    assert outcome.out == f"Drew 1 image into {tmp_path}/practice set\n"
    assert f"handshape train '{tmp_path}/practice set'" in outcome.err


def test_doctor(handshape: Handshape):
    outcome = handshape("doctor", "--json")
    assert outcome.code == 0
    found = outcome.object
    assert set(found) == {"machine", "versions", "chosen", "fix", "ok"}
    assert found["ok"] is True
    topics = {decision["what"] for decision in found["chosen"]}
    assert {"backend", "device", "mixed precision", "XLA", "memory growth", "workers", "queue"} <= topics
    assert all(decision["why"] for decision in found["chosen"])
    people = handshape("doctor")
    assert people.err == ""
    for told in ("memory runs out", "training is too slow", "no GPU is used", "poor accuracy"):
        assert told in people.out


def test_doctor_finds_a_missing_backend(handshape: Handshape, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    outcome = handshape("doctor", "--json")
    assert outcome.code == 1
    assert outcome.object["ok"] is False
    assert "'abacus'" in outcome.object["fix"][0]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["check", "{near}"], "{data}"),
        (["predict", "{model}", "{near}/A/A_0001.jpg"], "{data}/A/A_0001.jpg"),
        (["evaluate", "{model}", "{near}"], "{data}"),
        (["evaluate", "{model}x", "{data}"], "{model}"),
        (["train", "{near}"], "{data}"),
        (["train", "{data}", "--negatives", "{near}"], "{data}"),
        (["train", "{data}", "--external", "other={near}"], "{data}"),
        (["train", "{data}", "--profile", "gtx1560"], "gtx1650"),
        (["train", "--resume", "{model}x"], "{model}"),
        (["export", "{model}", "--to", "litert", "--data", "{near}"], "{data}"),
        (["serve", "{model}", "--limit", "imges=3"], "images"),
    ],
)
def test_what_was_mistyped_may_be_guessed(words: list[str], meant: str, trained: Trained, handshape, tmp_path: Path):
    data = tmp_path / "photographs"
    shutil.copytree(trained.data, data)
    names = {"data": data, "near": tmp_path / "photogrphs", "model": trained.folder}
    outcome = handshape(*(word.format(**names) for word in words))
    assert outcome.code == 1
    assert f"Did you mean {meant.format(**names)}?" in outcome.err


def test_quiet_says_only_what_went_wrong(drawn: Path, trained: Trained, handshape: Handshape):
    assert handshape("check", drawn, "--quiet").err == ""
    said = handshape("evaluate", trained.folder, drawn, "--quiet").err
    assert said.startswith("warn: The model learned from these very photographs") and said.count("\n") == 1
    assert "error: " in handshape("check", drawn / "nowhere", "--quiet").err


def test_memory_that_runs_out_is_told(handshape: Handshape, drawn: Path, monkeypatch):
    def gone(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("handshape.workflow.check.check_folder", gone)
    outcome = handshape("check", drawn, "--json")
    assert outcome.code == 1
    assert "memory of this machine ran out" in outcome.object["error"]
    assert json.loads(outcome.out)


@pytest.mark.parametrize("verb", [("predict", "model"), ("explain", "model"), ("evaluate", "model"), ("check",)])
def test_an_empty_word_is_not_the_current_folder(verb: tuple[str, ...], capsys):
    with pytest.raises(SystemExit) as ended:
        main([*verb, ""])
    assert ended.value.code == 2
    assert "an empty word is no path" in capsys.readouterr().err
