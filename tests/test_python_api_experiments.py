"""Searches, ensembles of saved models, lists of runs, labels, explanations and the page, as functions."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SETTINGS, Handshape, PretendHands, Trained
from mislabelled import WRONG, hands_of, mislabelled
from PIL import Image
from pretended_search import pretend_trials

import handshape as package
from handshape.api import settings as words
from handshape.config import load_settings
from handshape.data.samples import list_samples
from handshape.errors import DataError, HandshapeError, ImageError, ModelError, RunError, SettingsError
from handshape.serving import site

SMALL = {name.split(".")[1]: value for name, value in SETTINGS.items()}


class StoppedError(Exception):
    """Stands for all that would come next."""


@pytest.fixture
def experiments(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two runs: one that is complete, and the same under another name, stopped."""
    shutil.copytree(trained.folder, tmp_path / "runs" / "first")
    shutil.copytree(trained.folder, tmp_path / "runs" / "<second>")
    record = tmp_path / "runs" / "<second>" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "state": "interrupted"}))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


# What runs where


@pytest.mark.parametrize("verb", ["crossval", "ensemble", "tune"])
@pytest.mark.parametrize("is_resumed", [False, True])
def test_trainings_run_in_as_many_processes_as_asked_for(verb: str, is_resumed: bool, drawn: Path, monkeypatch):
    seen: list[int] = []

    def begin(*arguments: Any) -> None:
        seen.append(arguments[-1].workers)
        raise StoppedError

    for name in ("crossval.cross_validate", "ensemble.make.train_ensemble", "tuning.tune.tune"):
        monkeypatch.setattr(f"handshape.workflow.{name}", begin)
    for name in ("crossval.resume_crossval", "ensemble.make.resume_ensemble", "tuning.tune.resume_tuning"):
        monkeypatch.setattr(f"handshape.workflow.{name}", begin)
    for processes in (1, 3):
        with pytest.raises(StoppedError):
            getattr(package, verb)(drawn, resume="run" if is_resumed else None, quiet=True, processes=processes)
    assert seen == [1, 3]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"processes": 0}, "processes cannot be 0."),
        ({"processes": "2"}, "processes cannot be '2'."),
        ({"processes": 2, "cluster": "auto"}, "processes cannot be 2 with a cluster."),
    ],
)
def test_what_trainings_cannot_run_on(asked: dict[str, Any], told: str, drawn: Path):
    with pytest.raises(SettingsError, match=told):
        package.crossval(drawn, quiet=True, **asked)


# Searches


@pytest.mark.parametrize(
    ("trials", "asked", "expected"),
    [
        (None, {}, (20, None)),
        (None, {"minutes": 5}, (None, 5)),
        (7, {"minutes": 0.5}, (7, 0.5)),
        (None, {"minutes": None, "pruner": None}, (20, None)),
    ],
)
def test_how_much_is_tried(trials: int | None, asked: dict[str, Any], expected: tuple[Any, Any]):
    options = words.tune_options(trials, None, asked)
    assert (options.trials, options.minutes) == expected
    assert (options.pruner, options.folds, asked) == ("median", 3, {})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"trials": 0}, "trials cannot be 0"),
        ({"minutes": -1}, "minutes cannot be -1"),
        ({"minutes": float("inf")}, "minutes cannot be inf"),
        ({"folds": 1}, "folds cannot be 1"),
        ({"pruner": "hyperbands"}, "Did you mean hyperband?"),
        ({"against": "seconds"}, "milliseconds or size"),
        ({"minute": 3}, "Did you mean minutes?"),
        ({"external": "office"}, "no setting 'external'"),
        ({"space": "nowhere.yaml"}, "nowhere.yaml"),
        ({"resume": "runs/s", "folds": 4}, "cannot be given with it"),
        ({"resume": "runs/s", "epochs": 4}, "cannot be given with it"),
        ({"resume": "runs/s", "space": "space.yaml"}, "cannot be given with it"),
    ],
)
def test_searches_that_cannot_be(asked: dict[str, Any], told: str, drawn: Path):
    with pytest.raises(HandshapeError) as caught:
        package.tune(drawn, quiet=True, **asked)
    assert told in caught.value.text


def test_a_search_finds_settings_to_train_with(drawn: Path, tmp_path: Path, monkeypatch):
    pytest.importorskip("optuna", reason="a search needs Optuna")
    pretend_trials(monkeypatch)
    space = tmp_path / "space.yaml"
    space.write_text("model.dropout: {low: 0.0, high: 0.9}\n")
    start = {"groups": drawn / "signers.csv", **SMALL}
    found = package.tune(drawn, 8, tmp_path / "runs", space=space, quiet=True, name="<s>", folds=2, **start)
    assert found is not None
    assert (len(found.trials), found.folder.name) == (8, "<s>")
    assert found.best.accuracy == max(each.accuracy or 0 for each in found.trials)
    was, now = found.changes["model.dropout"]
    assert now < was == 0.2
    assert load_settings(config_file=found.config).model.dropout == now
    assert repr(found).startswith(f"<SearchResult: trial {found.best.number} of 8 is the best, accuracy ")
    assert "better by" in repr(found)
    page = found._repr_html_()
    assert page.count("data:image/jpeg;base64,") >= 1
    assert ("&lt;s&gt;" in page, "<s>" in page) == (True, False)
    assert page.count("stopped early") == len([each for each in found.trials if each.state == "pruned"])
    with pytest.raises(RunError, match="already complete"):
        package.tune(resume=found.folder, trials=9, quiet=True)
    listed = package.runs(tmp_path / "runs", kind="tune")
    assert [(run.name, run.state) for run in listed] == [("<s>", "complete")]


# Saved models as one


def test_saved_models_are_joined_and_measured(trained: Trained, tmp_path: Path):
    others = package.sample(tmp_path / "others", 6, ["A", "B", "L", "5"], size=96, seed=7, quiet=True)
    recognizer = package.load(trained.folder)
    models = [trained.folder, recognizer]
    joined = package.ensemble(models, out=tmp_path / "runs", quiet=True, name="<plain>")
    assert (joined.accuracy, joined.gains, joined.folder.name) == (None, (), "<plain>")
    assert repr(joined).startswith("<JoinedResult: 2 models as one, not measured; ")
    assert ("&lt;plain&gt;" in joined._repr_html_(), "<plain>" in joined._repr_html_()) == (True, False)
    photograph = others.folder / "A" / "A_0001.jpg"
    same = joined.load().recognize(photograph).top
    assert dict(same) == pytest.approx(dict(recognizer.recognize(photograph).top), abs=1e-4)

    how = {"on": others.folder, "groups": others.signers, "weigh": "equal"}
    measured = package.ensemble(models, out=tmp_path / "runs", quiet=True, name="measured", **how)
    assert measured.accuracy is not None
    assert [each.weight for each in measured.facts.members] == [0.5, 0.5]
    assert measured.gains[0].difference == 0  # the same model twice
    assert "Two of them give the same answer to 100.0%" in measured._repr_html_()
    assert package.evaluate(measured, others.folder, quiet=True).metrics.n == 24


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"epochs": 3}, "so epochs means nothing"),
        ({"weight": "equal"}, "Did you mean weigh?"),
        ({"weigh": "equally"}, "Did you mean equal?"),
        ({"seeds": 3}, "are not trained"),
        ({"processes": 2}, "so processes means nothing"),
    ],
)
def test_saved_models_are_not_trained(asked: dict[str, Any], told: str, trained: Trained):
    with pytest.raises(SettingsError) as caught:
        package.ensemble([trained.folder, trained.folder], quiet=True, **asked)
    assert told in caught.value.text


def test_one_saved_model_is_none_to_join(trained: Trained, tmp_path: Path):
    for models in ([], [trained.folder]):
        with pytest.raises(ModelError, match="needs no joining"):
            package.ensemble(models, out=tmp_path, quiet=True)


# Runs


def test_runs_are_what_the_command_line_lists(experiments: Path, handshape: Handshape):
    runs = package.runs()
    assert [run.as_dict() for run in runs] == handshape("runs", "--json").objects
    assert {run.name for run in runs} == {"first", "<second>"}
    assert len(package.runs([experiments, experiments / "first"])) == 2
    assert repr(runs) == "<RunList: 2 runs in runs>"
    page = runs._repr_html_()
    assert ("&lt;second&gt;" in page, "<second>" in page) == (True, False)
    assert "95% interval" in page


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"state": "interrupted"}, ["<second>"]),
        ({"state": ["complete", "gone"], "kind": ["train", "tune"]}, ["first"]),
        ({"where": "name=first"}, ["first"]),
        ({"where": ["data.seed=3", "test>=0"], "sort": "name"}, ["<second>", "first"]),
        ({"sort": "name", "reverse": True}, ["first", "<second>"]),
        ({"kind": "crossval"}, []),
    ],
)
def test_runs_are_filtered_and_sorted(asked: dict[str, Any], expected: list[str], experiments: Path):
    runs = package.runs(experiments, **asked)
    assert [run.name for run in runs] == expected
    assert [run.name for run in runs[:1]] == expected[:1]
    assert f"{len(expected)}{' of 2' if len(expected) < 2 else ''} runs" in repr(runs)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "tunes"}, "Did you mean tune?"),
        ({"state": "finished"}, "running, interrupted, failed, complete, gone"),
        ({"where": "test>much"}, "is none"),
        ({"sort": "tests"}, "Did you mean test?"),
        ({"folders": "nowhere"}, "no folder nowhere"),
    ],
)
def test_lists_that_cannot_be(asked: dict[str, Any], told: str, experiments: Path):
    with pytest.raises(HandshapeError) as caught:
        package.runs(**asked)
    assert told in caught.value.text


def test_no_runs_are_an_empty_list(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = package.runs()
    assert (len(runs), repr(runs)) == (0, "<RunList: 0 runs in runs>")
    assert "<table>" not in runs._repr_html_()


def test_runs_are_compared(experiments: Path, handshape: Handshape, tmp_path: Path):
    runs = package.runs()
    compared = runs.compare("first", "<second>")
    assert compared.as_dict() == handshape("runs", "--compare", "first", "<second>", "--json").object
    assert runs[:0].compare("first", runs[0] if runs[0].name != "first" else runs[1]).names == compared.names
    assert set(runs.compare().names) == {"first", "<second>"}
    assert compared.differences[0].points == 0
    page = compared._repr_html_()
    assert ("&lt;second&gt;" in page, "<second>" in page, "Measures (95% interval)" in page) == (True, False, True)
    assert repr(compared).startswith("<ComparedRuns: 2 runs compared. On the ")
    for shown, title in ((runs, "Runs in runs"), (compared, "Runs compared")):
        file = shown.write_page(tmp_path / "page.html")
        assert title in file.read_text(encoding="utf-8")
    with pytest.raises(RunError, match="no run third"):
        runs.compare("first", "third")
    with pytest.raises(SettingsError, match="Nothing to compare"):
        runs.compare("first")


# Labels


def test_suspect_labels_are_decided_on(drawn: Path, pretend_hands: PretendHands, handshape: Handshape, tmp_path: Path):
    pretend_hands(hands_of(drawn))
    data = mislabelled(drawn, tmp_path / "<photos>")
    review = package.labels(data, quiet=True)
    assert review.suspects is not None
    said = handshape("labels", data, "--json").object["suspects"]
    assert [{**each.as_dict(), "signer": None} for each in review.suspects] == said
    assert {each.path: each.suggested for each in review.suspects} == WRONG
    assert [row["decision"] for row in review.table] == ["", ""]
    first, second = review.suspects
    review.move(first.path, first.suggested).leave_out(data / second.path).keep("A/A_0001.jpg")
    assert {row["path"]: row["decision"] for row in review.table} == {
        first.path: f"moved to {first.suggested}",
        second.path: "left out",
    }
    page = review._repr_html_()
    assert ("&lt;photos&gt;" in page, "<photos>" in page) == (True, False)
    assert page.count("data:image/jpeg;base64,") == 2
    assert "labels.csv: 1 moved, 1 left out, 1 looked at and kept" in repr(review)
    corrections = list_samples(data).corrections
    assert (dict(corrections.moved), corrections.left_out) == ({first.path: first.suggested}, (second.path,))
    assert all((data / each.path).is_file() for each in (first, second))
    review.undo(first.path, second.path)
    assert (dict(review.corrections.moved), review.corrections.left_out) == ({}, ())


def test_labels_are_decided_without_looking(drawn: Path, tmp_path: Path, monkeypatch):
    def find_nothing(*arguments: Any) -> None:
        raise AssertionError("no hand is looked for")

    monkeypatch.setattr("handshape.workflow.labels.find_suspects", find_nothing)
    data = tmp_path / "photos"
    shutil.copytree(drawn, data)
    review = package.labels(data, suspects=False).move("A/A_0001.jpg", "B")
    assert (review.suspects, review.table) == (None, ())
    assert repr(review) == f"<LabelReview: labels of {data}; labels.csv: 1 moved>"
    for path, label, told in (("A/none.jpg", "B", "no photograph"), ("A/A_0002.jpg", "Z", "no class folder Z")):
        with pytest.raises(DataError, match=told):
            review.move(path, label)
    with pytest.raises(DataError):
        package.labels(tmp_path / "nowhere", suspects=False)


# Models


def test_an_explanation_is_the_command_line_s(trained: Trained, handshape: Handshape, tmp_path: Path):
    photograph = trained.data / "A" / "A_0001.jpg"
    assert handshape("explain", trained.folder, photograph, "--out", tmp_path / "said").code == 0
    found = package.explain(trained.folder, photograph)
    (said,) = (tmp_path / "said").iterdir()
    assert found.save(tmp_path / "mine.png").read_bytes() == said.read_bytes() == found.png
    assert found.answer.decision == package.load(trained.folder).recognize(photograph).decision
    assert found.answer.decision in repr(found)
    assert found._repr_html_().count("data:image/jpeg;base64,") == 1
    with pytest.raises(RunError, match="already"):
        found.save(tmp_path / "mine.png")
    with pytest.raises(ImageError):
        package.explain(trained.folder, tmp_path / "missing.jpg")


def test_pictures_in_memory_are_explained_as_their_files(trained: Trained):
    photograph = trained.data / "L" / "L_0002.jpg"
    found = package.explain(trained.folder, str(photograph))
    opened = Image.open(photograph)
    for picture in (photograph.read_bytes(), opened, np.asarray(opened)):
        other = package.explain(trained.folder, picture)
        assert other.answer.top == found.answer.top
        np.testing.assert_array_equal(np.asarray(other.image), np.asarray(found.image))


def test_the_page_is_exported(trained: Trained, tmp_path: Path, monkeypatch):
    runtime = tmp_path / "litert"
    (runtime / "wasm").mkdir(parents=True)
    (runtime / "wasm" / "litert.wasm").write_bytes(b"\0asm")
    monkeypatch.setattr(site, "litert_js_folder", lambda console: runtime)
    made = package.export(trained.folder, "web", out=tmp_path / "site", quiet=True)
    assert made.paths == {"web": tmp_path / "site"}
    assert made.page is not None
    assert made.page.files == sum(len(files) for _, _, files in os.walk(tmp_path / "site"))
    assert repr(made) == f"<ExportResult: exported web to {tmp_path / 'site'}>"
    assert f"The page has {made.page.files} files" in made._repr_html_()
    assert (tmp_path / "site" / "index.html").is_file()
    with pytest.raises(HandshapeError, match="Did you mean web"):
        package.export(trained.folder, ["webb"], quiet=True)


def test_models_are_kept_by_name(trained: Trained, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "<registry>"))
    models = package.models()
    assert (models.names, repr(models)) == ((), f"<ModelList: 0 models in {tmp_path / '<registry>'}>")
    first = models.add(trained.folder, "mine")
    again = models.add(package.load(trained.folder), "mine")
    assert (str(first), str(again), models.names) == ("mine@1", "mine@1", ("mine",))
    assert models.promote(first).aliases == ("production",)
    assert package.load("mine@production").bundle.sha256 == first.sha256
    page = models._repr_html_()
    assert ("&lt;registry&gt;" in page, "<registry>" in page, "production" in page, "asl" in page) == (
        True,
        False,
        True,
        True,
    )
    for change, told in (
        (lambda: models.rollback("mine"), "no earlier version"),
        (lambda: models.remove("mine@1"), "production"),
        (lambda: models.remove("mine"), "does not say which version"),
        (lambda: models.promote("mine@2"), "mine@2"),
        (lambda: models.add(trained.folder, "a/b"), "a/b"),
        (lambda: models.versions("other"), "other"),
    ):
        with pytest.raises(ModelError, match=told):
            change()
    models.remove("mine@production")
    models.remove("mine@1")
    assert models.names == ()


def test_a_film_is_read(trained: Trained, handshape: Handshape, tmp_path: Path):
    shown = [Image.open(trained.data / name).convert("L") for name in ("L/L_0002.jpg", "A/A_0001.jpg")]
    frames = [image.point(lambda grey, more=more: min(255, grey + more)) for image in shown for more in range(12)]
    film = tmp_path / "<film>.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=100, loop=0)
    found = package.watch(trained.folder, film, quiet=True)
    assert (found.frames, found.is_cut_short) == (24, False)
    assert repr(found).startswith(f"<FilmResult: {film}, {found.seconds:.1f} s, 24 frames: spells ")
    assert ("&lt;film&gt;" in found._repr_html_(), "<film>" in found._repr_html_()) == (True, False)
    *said, whole = handshape("predict", trained.folder, film, "--json", "--subtitles", tmp_path / "said.srt").objects
    assert [{"path": str(film), **each.as_dict()} for each in found.segments] == said
    assert (whole["text"], whole["frames"]) == (found.text, found.frames)
    assert found.save_subtitles(tmp_path / "film.vtt").read_text().startswith("WEBVTT")
    assert found.save_subtitles(tmp_path / "film.srt").read_bytes() == (tmp_path / "said.srt").read_bytes()
    for name, error in (("film.vtt", RunError), ("film.txt", SettingsError)):
        with pytest.raises(error):
            found.save_subtitles(tmp_path / name)
    with pytest.raises(ImageError):
        package.watch(trained.folder, tmp_path / "missing.mp4", quiet=True)
