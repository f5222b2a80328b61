"""``handshape tune``: a search on drawn hands, what it leaves, going on after a stop, and people kept out of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, assignments

pytest.importorskip("optuna", reason="a search needs Optuna")

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.errors import DataError, RunError
from handshape.evaluation.slices import Slice
from handshape.workflow.context import Context
from handshape.workflow.loading import load
from handshape.workflow.run import read_record
from handshape.workflow.tuning import objective, study, tune
from handshape.workflow.tuning.confirm import Confirmation
from handshape.workflow.tuning.plan import tune_plan
from handshape.workflow.tuning.result import Tried, chosen
from handshape.workflow.tuning.start import TuneOptions

SMALL = assignments(
    model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1, model__weights="none", data__test_split=0.3
)
SPACE = "model.dropout: {low: 0.0, high: 0.9}\nmodel.learning_rate: {low: 1e-4, high: 1e-2, log: true}\n"


@pytest.fixture
def words(drawn: Path, tmp_path: Path) -> list[object]:
    """A search in a folder of this test's own."""
    space = tmp_path / "space.yaml"
    space.write_text(SPACE, encoding="utf-8")
    groups = ("--set", f"data.groups={drawn / 'signers.csv'}")
    return ["tune", drawn, "--out", tmp_path / "runs", "--name", "s", "--space", space, "--folds", 2, *SMALL, *groups]


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Trials that train nothing: the less is dropped, the better; what was tried."""
    tried: list[float] = []

    def accuracy_on(split, settings, streams, context):
        tried.append(settings.model.dropout)
        return 0.9 - 0.5 * settings.model.dropout

    def confirm(dataset, splits, arms, folder, context, executor):
        shares = [arms[name].model.dropout for name in ("defaults", "found")]
        people = [tuple(Slice(f"p{i}", 100, round(90 - 50 * share) + i) for share in shares) for i in (1, 2, 3)]
        return Confirmation(tuple(people), tuple(people), "people")

    monkeypatch.setattr(objective, "accuracy_on", accuracy_on)
    monkeypatch.setattr(objective, "cost_on", lambda *_: 2.0)
    monkeypatch.setattr(tune, "confirm", confirm)
    return tried


def trials_of(folder: Path):
    return study.open_study(study.StudyOptions(study.sqlite_url(folder / "study.db"), "s", ("maximize",), "none", 2))[0]


def test_a_search_from_photographs_to_settings(words, drawn: Path, handshape: Handshape, tmp_path: Path):
    outcome = handshape(*words, "--trials", 3, "--pruner", "none", "--json")
    assert outcome.code == 0, outcome.err
    found, folder = outcome.object, tmp_path / "runs" / "s"
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 3
    assert found["trials"][0]["settings"] == {"model.dropout": 0.2, "model.learning_rate": 0.001}  # the defaults
    assert found["best"]["accuracy"] == max(trial["accuracy"] for trial in found["trials"])
    for trial in found["trials"]:
        assert trial["accuracy"] == pytest.approx(np.mean(trial["folds"]))
    assert json.loads((folder / "results" / "tune.json").read_text())["verdict"] == found["verdict"]
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "config.yaml", "space.yaml", "best.yaml", "folds", "results", "run.json", "study.db",
        "training.log", "photographs.sha256",
    }  # fmt: skip
    assert {path.name for path in (folder / "results").glob("*.png")} >= {"search_history.png"}
    assert read_record(folder)["state"] == "complete"
    assert len(trials_of(folder).trials) == 3
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "optuna-dashboard" in page
    settings = load_settings(config_file=folder / "best.yaml")
    assert settings.model.dropout == found["best"]["settings"]["model.dropout"]
    assert settings.data.original_data_dir == Settings().data.original_data_dir
    if found["confirmation"]:
        assert found["confirmation"]["people"] == found["kept_out"]
        assert found["confirmation"]["images"] == sum(fold["n"] for fold in found["confirmation"]["folds"])
    refused = handshape("tune", "--resume", folder)
    assert "already complete" in refused.err


def test_what_is_better_is_found_and_said(words, pretended, handshape: Handshape, tmp_path: Path):
    outcome = handshape(*words, "--trials", 12, "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.object
    assert found["best"]["settings"]["model.dropout"] < 0.2
    assert found["defaults"]["trial"] == 1
    assert found["changes"]["model.dropout"]["from"] == 0.2
    assert found["verdict"].startswith("better by ")
    assert found["verdict"].endswith("points on 3 people whom no trial saw")
    assert {trial["state"] for trial in found["trials"]} == {"complete", "pruned"}
    assert all(len(trial["folds"]) == (2 if trial["state"] == "complete" else 1) for trial in found["trials"])
    best = (tmp_path / "runs" / "s" / "best.yaml").read_text()
    assert "Better by" in best
    assert "num_epochs: 1" in best
    assert "patience" not in best  # a default
    assert "trial 12 of 12" in outcome.err
    assert "best so far" in outcome.err


def test_nothing_better_than_the_defaults(words, pretended, handshape: Handshape, tmp_path: Path):
    words[words.index("--space") + 1].write_text("model.dropout: {low: 0.2, high: 0.9}\n")
    outcome = handshape(*words, "--trials", 4, "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.object
    assert found["confirmation"] is None
    assert found["changes"] == {}
    assert found["verdict"] == "the defaults are the best of 4 trials: keep them"


def test_two_objectives(words, pretended, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    costs = iter([3.0, 2.5, 2.0, 1.5, 4.0, 5.0])
    monkeypatch.setattr(objective, "cost_on", lambda *_: next(costs))
    outcome = handshape(*words, "--trials", 6, "--against", "milliseconds", "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.object
    done = {trial["trial"]: trial for trial in found["trials"]}
    for number in found["front"]:
        one = done[number]
        assert not [each for each in done.values() if each["accuracy"] > one["accuracy"] and each["cost"] < one["cost"]]
    assert found["best"]["trial"] in found["front"]
    assert "0.5 points" in found["choice"]
    assert (tmp_path / "runs" / "s" / "results" / "trade_off.png").is_file()


def test_ctrl_c_and_on(words, pretended, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    accuracy_on, folder = objective.accuracy_on, tmp_path / "runs" / "s"

    def stopped(*arguments):
        if len(pretended) == 5:
            raise KeyboardInterrupt
        return accuracy_on(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(objective, "accuracy_on", stopped)
        outcome = handshape(*words, "--trials", 6, "--pruner", "none")
    assert outcome.code == 130
    assert f"Go on with: handshape tune --resume {folder}" in outcome.err
    assert read_record(folder)["state"] == "interrupted"
    assert "--pruner" not in handshape("tune", "--resume", folder, "--against", "size").out
    refused = handshape("tune", "--resume", folder, "--set", "model.dropout=0.1")
    assert "as it was begun" in refused.err
    assert f"handshape tune --resume {folder}" in handshape("train", "--resume", folder).err
    resumed = handshape("tune", "--resume", folder, "--json")
    assert resumed.code == 0, resumed.err
    assert len(resumed.object["trials"]) == 6
    assert len(pretended) == 12  # no fold twice
    assert all(len(trial["folds"]) == 2 for trial in resumed.object["trials"])


def test_a_shared_study_is_joined(words, pretended, handshape: Handshape, tmp_path: Path, monkeypatch):
    shared = ("--storage", f"sqlite:///{tmp_path}/shared.db", "--trials", 5, "--pruner", "none")

    def stopped(trial, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(objective, "accuracy_on", stopped)
        assert handshape(*words, *shared).code == 130
    helped = handshape(*words, *shared)
    assert helped.code == 0, helped.err
    assert "Joining the study s" in helped.err
    assert "the process that began the study confirms" in helped.err
    assert len(pretended) == 10
    other = handshape(*words, *shared, "--set", "data.seed=8")
    assert other.code == 1
    assert "searches something else" in other.err
    ended = handshape("tune", "--resume", tmp_path / "runs" / "s", "--json")
    assert ended.code == 0, ended.err
    assert len(ended.object["trials"]) == 5
    assert len(pretended) == 10


def test_people_kept_out_are_in_no_split_of_the_search(drawn: Path, console: Console):
    words = [word for word in SMALL if word != "--set"]
    settings = load_settings(
        assignments=[*words, f"data.groups={drawn / 'signers.csv'}", f"data.original_data_dir={drawn}"]
    )
    dataset = load(settings, Context(console))
    plan = tune_plan(dataset, settings, 3)
    people = {part: set(dataset.group_names(np.concatenate([getattr(each, part) for each in plan.confirm])))
              for part in ("train", "test")}  # fmt: skip
    searched = set(dataset.group_names(np.concatenate([each.all for each in plan.search])))
    assert not searched & people["test"]
    assert len(searched) == plan.searched
    assert len(people["test"]) == plan.kept_out
    assert people["test"] & people["train"]  # the others that are kept out train
    tested = np.concatenate([each.test for each in plan.confirm])
    assert len(tested) == len(set(tested)) > 0
    for each in (*plan.search, *plan.confirm):
        groups = [set(dataset.group_names(rows)) for rows in each.parts.values()]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
        for cell in set(each.cells):  # every cell stands on one side, so that all splits share trunk features
            parts = [rows for rows in each.parts.values() if (each.cells[rows] == cell).any()]
            assert len(parts) <= 1
    with pytest.raises(DataError, match="too few groups to search on 9 folds"):
        tune_plan(dataset, settings, 9)


def people(*pairs: tuple[int, int]) -> Confirmation:
    slices = tuple((Slice(str(n), 10, usual), Slice(str(n), 10, found)) for n, (usual, found) in enumerate(pairs))
    return Confirmation(slices[:1], slices, "people")


@pytest.mark.parametrize(
    ("confirmation", "is_better", "verdict"),
    [
        (people((8, 9), (7, 8), (9, 10)), True, "better by 10.0 ± 0.0 points on 3 people whom no trial saw"),
        (
            people((8, 9), (7, 7), (9, 9), (5, 5)),
            False,
            "not shown to be better (+2.5 ± 8.0 points on 4 people whom no trial saw): keep the defaults",
        ),
        (
            people((8, 6), (7, 6), (9, 8)),
            False,
            "not shown to be better (-13.3 ± 14.3 points on 3 people whom no trial saw): keep the defaults",
        ),
        (
            people((5, 10)),
            False,
            "not shown to be better (+50.0 points on 1 people whom no trial saw): keep the defaults",
        ),
    ],
)
def test_what_a_confirmation_comes_to(confirmation, is_better, verdict):
    assert confirmation.is_better == is_better
    assert confirmation.verdict == verdict
    assert confirmation.as_dict()["people"] == len(confirmation.people)


def test_the_cheapest_of_the_nearly_best_is_chosen():
    front = [Tried(n, "complete", a, c, (), {}, 1.0) for n, a, c in ((1, 0.95, 9), (2, 0.947, 4), (3, 0.9, 1))]
    assert chosen(front).number == 2
    assert chosen(front[:1]).number == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--folds", "1"), 1, "--folds cannot be 1"),
        (("--trials", "0"), 2, "no whole number from 1 on"),
        (("--minutes", "soon"), 2, "no number of minutes"),
        (("--storage", "sqlite:///x.db"), 1, "--storage needs --name"),
        (("--set", "model.streams=[hand]", "--set", "hands.find=auto"), 1, "not trained here"),
    ],
)
def test_what_cannot_be_is_told(words, code, told, drawn: Path, handshape: Handshape, tmp_path: Path, capfd):
    space = tmp_path / "space.yaml"
    space.write_text(SPACE)
    try:
        outcome = handshape("tune", drawn, "--out", tmp_path / "runs", "--space", space, *SMALL, *words)
    except SystemExit as stopped:
        assert stopped.code == code
        assert told in capfd.readouterr().err
        return
    assert (outcome.code, told in outcome.err) == (code, True), outcome.err


def test_what_is_searched_is_shown(handshape: Handshape, tmp_path: Path):
    outcome = handshape("tune", "--show-space")
    assert outcome.code == 0
    file = tmp_path / "space.yaml"
    file.write_text(outcome.out)
    assert handshape("tune", "--show-space", "--space", file).out == outcome.out
    assert "model.dropout" in handshape("tune", "--show-space", "--set", "hands.find=off").out
    told = handshape("tune", "--show-space", "--against", "size", "--json").object
    assert told["model.streams"] == {"choices": [["landmarks", "hand"], ["landmarks"], ["hand"]]}


def test_without_the_extra_one_line_says_what_to_install(drawn: Path, handshape: Handshape, monkeypatch):
    monkeypatch.setattr(study, "is_installed", lambda name: False)
    outcome = handshape("tune", drawn)
    assert outcome.code == 1
    assert len(outcome.err.strip().splitlines()) == 1
    assert "pip install 'handshape[tune]'" in outcome.err


def test_another_space_does_not_go_on(words, pretended, handshape: Handshape, tmp_path: Path, monkeypatch):
    folder = tmp_path / "runs" / "s"

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(objective, "accuracy_on", stopped)
        handshape(*words, "--trials", 2)
    space = folder / "space.yaml"
    shutil.copy(space, tmp_path / "before.yaml")
    space.write_text("model.dropout: [0.1, 0.2]\n")
    refused = handshape("tune", "--resume", folder)
    assert refused.code == 1
    assert "searches something else" in refused.err
    shutil.copy(tmp_path / "before.yaml", space)
    assert handshape("tune", "--resume", folder).code == 0


def test_one_is_no_run_of_another_kind(trained, handshape: Handshape):
    with pytest.raises(RunError, match="handshape train"):
        tune.resume_tuning(trained.folder, Console(quiet=True), None, TuneOptions())
