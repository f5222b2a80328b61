"""``handshape train`` through the command line, on a few drawn hands."""

import csv
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from conftest import SETTINGS, Handshape, Trained, assignments
from helpers import copy_some, own_weights, results_of, watched_trunks
from PIL import Image

pytest.importorskip("keras")

from handshape.cli import main
from handshape.config import load_settings
from handshape.export.bundle import find_bundle
from handshape.training import pixels
from handshape.workflow import publish
from handshape.workflow.run import Run, open_run, read_record

FIGURES = (
    "confusion_matrix",
    "confusion_matrix_normalized",
    "accuracy_plot",
    "loss_plot",
    "per_class_accuracy",
    "confidence_distribution",
    "training_summary",
    "performance_metrics",
)


def test_every_file_has_the_specified_name(trained: Trained):
    stamp = read_record(trained.folder)["timestamp"]
    assert re.fullmatch(r"\d{8}_\d{6}", stamp)
    files = {path.relative_to(trained.folder).as_posix() for path in trained.folder.rglob("*") if path.is_file()}
    events = {file for file in files if file.startswith(f"logs/{stamp}/events.out.tfevents.")}
    assert events
    assert files - events == {
        "training.log",
        "run.json",
        "splits.csv",
        "photographs.npz",
        "photographs.sha256",
        "report.html",
        "evaluations.html",
        f"models/best_model_{stamp}.h5",
        f"models/final_sign_model_{stamp}.keras",
        f"models/label_map_{stamp}.json",
        f"models/config_{stamp}.yaml",
        "results/evaluation_results.json",
        "results/classification_report.json",
        "results/test_answers.csv",
        *(f"results/{figure}{suffix}" for figure in FIGURES for suffix in (".png", ".jpg")),
        "bundle/bundle.json",
        "bundle/CARD.md",
        "bundle/model.tflite",
        "bundle/model.keras",
        "bundle/class_activation.npy",
    }


def test_figures_are_pictures_at_300_dpi(trained: Trained):
    for figure in FIGURES:
        for suffix in (".png", ".jpg"):
            with Image.open(trained.folder / "results" / f"{figure}{suffix}") as image:
                image.load()
                assert [round(dots) for dots in image.info["dpi"]] == [300, 300]
                assert min(image.size) > 1000


def test_the_json_object_says_what_came_out(trained: Trained):
    said = trained.outcome.object
    assert set(said) == {"run", "bundle", "accuracy", "external", "verdict", "report", "seconds"}
    assert Path(said["run"]) == trained.folder
    assert Path(said["bundle"]) == trained.folder / "bundle"
    assert set(said["accuracy"]) == {"validation", "test"}
    assert said["accuracy"] == results_of(trained.folder)["accuracy"]
    assert said["verdict"] == results_of(trained.folder)["verdict"]
    assert said["external"] == {}
    assert Path(said["report"]) == trained.folder / "report.html"
    assert said["seconds"]["train"] > 0
    assert {"read", "group", "features", "train", "fine_tune", "calibrate", "evaluate", "figures", "save"} <= set(
        said["seconds"]
    )


def test_drawn_hands_are_learned(trained: Trained):
    assert trained.outcome.object["accuracy"]["test"] > 0.5  # chance is a quarter


def test_the_record_the_settings_the_labels_and_the_split(trained: Trained):
    run = open_run(trained.folder, Run)
    record = read_record(run.folder)
    assert record.pop("seconds").keys() >= {"read", "train", "evaluate", "report"}
    assert record == {
        "format": 1,
        "kind": "train",
        "timestamp": run.timestamp,
        "state": "complete",
        "data": str(trained.data),
        "labels_file": {"moved": 0, "left_out": 0, "sha256": ""},
        "external": {},
        "start": {"weights": "own", "sha256": own_weights().sha256, "backend": "tensorflow", "hands": "off"},
    }
    kept = load_settings(config_file=run.config)
    assert kept.data.original_data_dir == str(trained.data)
    values = kept.model_dump()
    assert {name: values[name.split(".")[0]][name.split(".")[1]] for name in SETTINGS} == SETTINGS
    assert json.loads(run.label_map.read_text()) == {"0": "5", "1": "A", "2": "B", "3": "L"}
    with run.splits.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["path"] for row in rows}) == len(rows) == 48
    parts = Counter(row["part"] for row in rows)
    assert parts["test"] == pytest.approx(0.2 * 48, abs=2)
    assert parts["validation"] == pytest.approx(0.1 * 48, abs=2)
    split = results_of(run.folder)["split"]
    assert split == {"by": split["by"], "grouping": "signer", **parts}


def test_both_histories_are_joined(trained: Trained):
    training = results_of(trained.folder)["training"]
    assert training["epochs"] == {"1": 4, "2": 2}
    assert {len(values) for values in training["history"].values()} == {6}


def test_the_log_has_time_level_and_the_whole_story(trained: Trained):
    lines = (trained.folder / "training.log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING) ", line) for line in lines)
    log = "\n".join(lines)
    for told in ("Reading", "Split", "backend: ", "XLA: ", "Phase 1", "Phase 2", "Accuracy on the test images"):
        assert told in log


def test_the_same_seed_gives_the_same_numbers(trained: Trained, handshape: Handshape, tmp_path: Path):
    again = handshape("train", trained.data, "--out", tmp_path, "--name", "again", "--json", *assignments())
    assert again.object["accuracy"] == trained.outcome.object["accuracy"]
    first, second = results_of(trained.folder), results_of(tmp_path / "again")
    assert first == second
    tflite = Path("bundle") / "model.tflite"
    assert (trained.folder / tflite).read_bytes() == (tmp_path / "again" / tflite).read_bytes()


def test_uneven_classes_a_settings_file_and_the_split_as_folders(
    drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data, config = tmp_path / "Gebärden 手", tmp_path / "my settings.yaml"
    shutil.copytree(drawn, data)
    for image in sorted((data / "A").iterdir())[4:]:
        image.unlink()
    config.write_text(
        "data:\n  layout: link\n  groups: none\nhands:\n  find: off\nmodel:\n  fine_tune_epochs: 0\n  num_epochs: 9\n"
    )
    weighed = []
    weigh = pixels.class_weights_of
    monkeypatch.setattr(pixels, "class_weights_of", lambda *args: weighed.append(weigh(*args)) or weighed[-1])
    monkeypatch.setattr(publish, "draw_figures", lambda *args: None)
    monkeypatch.chdir(tmp_path)
    words = ["train", data, "--out", "my runs", "--config", config, "--set", "model.num_epochs=1"]
    small = ["--set", "model.img_size=96", "--set", "augmentation.views=1", "--set", "model.weights=none"]
    outcome = handshape(*words, *small)
    assert outcome.code == 0
    assert outcome.out.startswith("Test images\n")
    assert "   handshape predict 'my runs/" in outcome.out  # the next commands can be pasted
    epoch = r"   epoch 1/1: accuracy [\d.]+%, loss [\d.]+; validation [\d.]+%, loss [\d.]+; [\d.]+ s"
    epoch += r"(; [\d.]+ GiB(, data \d+%)?)?"  # as far as the system tells
    assert re.search(rf"^{epoch}$", outcome.err, re.MULTILINE)
    assert re.search(r"^Trained in [\d.]+ s$", outcome.err, re.MULTILINE)
    (run,) = (tmp_path / "my runs").iterdir()
    settings = load_settings(config_file=open_run(run, Run).config)
    assert (settings.model.num_epochs, settings.model.fine_tune_epochs, settings.data.layout) == (1, 0, "link")
    with open_run(run, Run).splits.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for part, folder in {"train": "train", "validation": "val", "test": "test"}.items():
        place = tmp_path / "temp_data" / folder
        laid = {path.relative_to(place).as_posix() for path in place.rglob("*.jpg")}
        assert laid == {row["path"] for row in rows if row["part"] == part}
    assert (tmp_path / "temp_data" / "train" / rows[0]["path"]).samefile(data / rows[0]["path"])
    weights = weighed[0]
    assert weights is not None
    assert weights[1] > 2 * weights[0]  # A is rare
    assert "Learning from the validation and test images too" in outcome.err
    assert find_bundle(run).details["learned_from_all"] is True


def test_a_second_training_computes_no_features(drawn: Path, home: Path, handshape: Handshape, tmp_path, monkeypatch):
    seen = watched_trunks(monkeypatch)
    monkeypatch.setattr(publish, "draw_figures", lambda *args: None)
    short = assignments(model__num_epochs=1, model__fine_tune_epochs=1, training__refit="on")
    said, images = [], []
    for name in ("1", "2"):
        said.append(handshape("train", drawn, "--out", tmp_path / name, "--json", *short).object)
        images.append(seen.images)
    assert images[0] == images[1] > 2 * 48  # two views of the training images, then two others of all for the refit
    assert seen.made == 1
    assert said[0]["accuracy"] == said[1]["accuracy"]
    assert [path.name for path in home.iterdir()] == ["features"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "model.colour=red"], ["no setting 'model.colour'", "model.img_size"]),
        (["--set", "model.batch_size=many"], ["model.batch_size cannot be 'many'", "integer"]),
        (["--set", "model.img_size=100"], ["model.img_size cannot be 100", "multiple of 32"]),
        (["--set", "data.test_split=0.9"], ["data.test_split", "less than 0.9"]),
        (["--set", "rubbish"], ["Cannot read the setting 'rubbish'", "section.key=value"]),
        (["--set", "data.groups=nobody.csv"], ["nobody.csv"]),
        (["--set", "model.weights=none.h5"], ["no weights file", "auto, imagenet, own, none"]),
        (["--config", "broken.yaml"], ["not valid YAML", "line"]),
        (["--config", "missing.yaml"], ["missing.yaml"]),
        (["--profile", "gtx9"], ["no profile 'gtx9'", "gtx1650"]),
        (["--name", "a/b"], ["'a/b' cannot be the name of a run"]),
        (["--name", ""], ["'' cannot be the name of a run"]),
        (["--name", "x" * 300], ["cannot be the name of a run"]),
        (["--out", "broken.yaml"], ["Cannot write", "broken.yaml is a file"]),
    ],
)
def test_bad_settings_are_told_and_leave_nothing(words, told, drawn, handshape, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text("model:\n  batch_size: [1\n")
    outcome = handshape("train", drawn, *words)
    assert outcome.code == 1
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    for part in told:
        assert part in outcome.err
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("counts", "broken", "told"),
    [
        (None, 0, "There is no folder"),
        ({}, 0, "holds no class folders"),
        ({"A": 0, "B": 0}, 0, "not one usable image"),
        ({"A": 12}, 0, "Only one class"),
        ({"A": 12, "B": 1}, 0, "B (1)"),
        ({"A": 12, "B": 12, "L": 0}, 2, "only images that cannot be used: L"),
    ],
)
def test_bad_photographs_are_told_and_leave_nothing(counts, broken, told, drawn, handshape, tmp_path):
    data = tmp_path / "photos"
    if counts is not None:
        data.mkdir()
        copy_some(drawn, data, counts)
    for number in range(broken):
        (data / "L" / f"{number}.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    outcome = handshape("train", data, "--out", tmp_path / "runs", "--json")
    assert outcome.code == 1
    assert told in outcome.object["error"]
    assert told in outcome.err
    assert "Fix: " in outcome.err
    assert not (tmp_path / "runs").exists()
    assert before == {path: path.stat().st_mtime_ns for path in data.rglob("*")}


def test_no_photographs_named_and_none_where_the_settings_say(handshape, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = handshape("train")
    assert outcome.code == 1
    assert "No photographs were named" in outcome.err
    assert "dataset/train/" in outcome.err
    assert "handshape train FOLDER" in outcome.err


def test_a_run_never_goes_among_the_photographs(drawn, handshape, monkeypatch):
    monkeypatch.chdir(drawn)
    outcome = handshape("train", ".")
    assert outcome.code == 1
    assert "among the photographs" in outcome.err
    assert not (drawn / "runs").exists()


def test_a_taken_name_is_refused(trained: Trained, handshape: Handshape):
    outcome = handshape("train", trained.data, "--out", trained.folder.parent, "--name", "first")
    assert outcome.code == 1
    assert "There is already a run" in outcome.err


def test_resume_takes_no_other_settings_and_no_finished_run(trained: Trained, handshape: Handshape):
    for words in (["--set", "model.num_epochs=9"], ["--name", "x"], ["--external", "a=b"], ["--profile", "gtx1650"]):
        outcome = handshape("train", "--resume", trained.folder, *words)
        assert outcome.code == 1
        assert "goes on with a run as it was begun" in outcome.err
    outcome = handshape("train", "--resume", trained.folder)
    assert outcome.code == 1
    assert "already complete" in outcome.err
    outcome = handshape("train", "--resume", trained.data)
    assert outcome.code == 1
    assert "is not a run folder" in outcome.err


def test_the_settings_are_listed(handshape: Handshape):
    outcome = handshape("train", "--help-settings")
    assert outcome.code == 0
    assert "data.groups='auto'" in outcome.out
    assert handshape("train", "--help-settings", "--json").object["model.img_size"]["default"] == "128"


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]):
    for words in ([], ["fly"], ["train", "--colour"], ["predict", "model"]):
        try:
            code: object = main(words)
        except SystemExit as ended:
            code = ended.code
        assert code == 2
        assert "usage: handshape" in capsys.readouterr().err
