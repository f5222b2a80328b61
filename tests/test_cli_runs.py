"""``handshape runs``: what runs left behind, listed, filtered, compared, on a terminal, as JSON and as a page."""

import csv
import hashlib
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.config import Settings, with_values
from handshape.evaluation.compare import unpaired_interval
from handshape.evaluation.metrics import measure
from handshape.evaluation.slices import Slice
from handshape.files import write_json, write_text
from handshape.workflow.claim import locked
from handshape.workflow.crossval_result import CrossvalResult
from handshape.workflow.run import CrossvalRun, Run, TuneRun
from handshape.workflow.tuning.confirm import Confirmation

DATA = "/photos"
DAYS = {name: day for day, name in enumerate(("first", "second", "third", "lost", "folds", "search", "elsewhere"), 10)}


def begun(folder: Path, kind: type[Run] = Run, state: str = "complete", **settings: Any) -> Run:
    """A run folder with its record and settings."""
    run = kind(folder, f"202601{DAYS[folder.name]}_120000")
    run.create_folders()
    run.record(state=state, data=settings.pop("data", DATA))
    values = {name.replace("__", "."): value for name, value in settings.items()}
    write_text(run.config, with_values(Settings(), values).to_yaml())
    return run


def measured(run: Run, right: list[bool], external: Mapping[str, float] | None = None, **record: Any) -> Run:
    """The same with what a training leaves: measures, a split and answers to ten photographs or however many."""
    rows = [(f"A/{number}.jpg", "A", "A" if is_right else "B") for number, is_right in enumerate(right)]
    of_test = {"accuracy": sum(right) / len(right), "n": len(right), "top3": 1.0, "macro_f1": 0.5, "ece": 0.1}
    found = {
        "validation": {**of_test, "accuracy": 0.5, "n": 4},
        "test": of_test,
        "external": {name: {"accuracy": share, "n": 40} for name, share in (external or {}).items()},
        "slices": {"worst_signer": {"name": "eva", "n": 10, "accuracy": 0.5}},
    }
    write_json(run.results / "evaluation_results.json", found)
    lines = [f"{path},{label},{answer},0.9,{number:016x}" for number, (path, label, answer) in enumerate(rows)]
    write_text(run.results / "test_answers.csv", "\n".join(["path,label,answer,confidence,sha256", *lines]) + "\n")
    write_text(run.splits, "path,label,part,group\n" + "".join(f"{path},A,test,\n" for path, *_ in rows))
    run.record(**record)
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three trainings, a cross-validation, a search, one that was interrupted and one whose process is gone."""
    place = tmp_path / "runs"
    measured(begun(place / "first"), [True] * 80 + [False] * 20, {"office": 0.6, "street": 0.8}, seconds={"train": 9.0})
    other = begun(place / "second", data__seed=1, model__streams=["hand"])
    measured(other, [True] * 97 + [False] * 3, versions={"numpy": "2"})
    begun(place / "deep" / "third", state="interrupted")
    begun(place / "lost", state="running")
    crossval(begun(place / "folds", CrossvalRun))
    search(begun(place / "search", TuneRun))
    (place / "damaged").mkdir()
    (place / "damaged" / "run.json").write_text("{")
    return place


def crossval(run: Run) -> None:
    """Two folds, each photograph twice."""
    targets = np.array([0, 0, 1, 1] * 2)
    probabilities = np.eye(2)[[0, 0, 1, 0] * 2]
    result = CrossvalResult(
        run=run,
        grouping="by signer",
        folds=(Slice("fold 1", 4, 4), Slice("fold 2", 4, 2)),
        metrics=measure(probabilities, targets, ("A", "B")),
        per_class=(Slice("A", 4, 4), Slice("B", 4, 2)),
        per_signer=(Slice("eva", 4, 2),),
        random=(),
        external={"office": (Slice("fold 1", 10, 8), Slice("fold 2", 10, 6))},
        seconds={"read": 1.0, "train": 2.0},
    )
    write_json(run.results / "crossval.json", result.as_dict())
    run.record(options={"folds": 2, "repeats": 2})


def search(run: Run) -> None:
    pairs = ((Slice("eva", 10, 8), Slice("eva", 10, 9)), (Slice("ida", 10, 8), Slice("ida", 10, 9)))
    confirmation = Confirmation(pairs, pairs, "people").as_dict()
    found = {"best": {"accuracy": 0.95}, "confirmation": confirmation, "seconds": {"search": 3.0}}
    write_json(run.results / "tune.json", found)


def names(outcome: Any) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [each["name"] for each in outcome.objects]


def test_all_are_listed_the_newest_first(runs: Path, handshape: Handshape):
    outcome = handshape("runs", runs, "--json")
    listed = {each["name"]: each for each in outcome.objects}
    assert names(outcome) == sorted(listed, key=lambda name: listed[name]["when"], reverse=True)
    assert {name: (each["kind"], each["state"]) for name, each in listed.items()} == {
        "first": ("train", "complete"),
        "second": ("train", "complete"),
        "deep/third": ("train", "interrupted"),
        "lost": ("train", "gone"),
        "folds": ("crossval", "complete"),
        "search": ("tune", "complete"),
    }
    first = listed["first"]
    assert first["test"]["accuracy"] == 0.8
    assert (first["test"]["low"], first["test"]["high"]) == Slice("", 100, 80).interval
    assert (first["photographs"], first["classes"], first["seconds"]) == (100, 1, 9.0)
    assert first["external_mean"] == pytest.approx(0.7)
    assert first["settings"]["data.seed"] == 0
    assert listed["deep/third"]["test"] is None


def test_a_cross_validation_counts_each_photograph_once_and_a_search_tells_what_it_confirmed(runs, handshape):
    folds, found = (handshape("runs", runs, "--kind", kind, "--json").object for kind in ("crossval", "tune"))
    assert (folds["photographs"], folds["classes"], folds["seconds"]) == (4, 2, 3.0)
    assert (folds["test"]["n"], folds["test"]["accuracy"]) == (4, 0.75)
    assert (folds["external"]["office"]["n"], folds["external_mean"]) == (10, 0.7)
    assert folds["worst_signer"]["name"] == "eva"
    assert (found["test"]["n"], found["test"]["accuracy"]) == (20, 0.9)
    assert found["measures"] == {"best_trial": 0.95, "defaults": 0.8}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--where", "test>0.9"], {"second"}),
        (["--where", "test>=80%", "--kind", "train"], {"first", "second"}),
        (["--where", "test<0.9", "--where", "kind!=crossval"], {"first"}),
        (["--where", "data.seed=1"], {"second"}),
        (["--where", "data.seed != 1", "--state", "complete"], {"first", "folds", "search"}),
        (["--where", "model.streams=landmarks,hand", "--where", "test>0"], {"first", "folds", "search"}),
        (["--where", "model.streams!=landmarks+hand"], {"second"}),
        (["--where", "external.street=0.8"], {"first"}),
        (["--where", "gpu.use_xla=off"], set()),
        (["--where", "name=FOLDS"], {"folds"}),
        (["--where", "when<=2026-01-10"], {"first"}),
        (["--where", "when=2026-01-10"], {"first"}),
        (["--where", f"data={DATA}", "--state", "gone", "--state", "interrupted"], {"lost", "deep/third"}),
        (["--where", "validation=1"], set()),
    ],
)
def test_which_runs(words: list[str], expected: set[str], runs: Path, handshape: Handshape):
    assert set(names(handshape("runs", runs, "--json", *words))) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sort", "test"], ["second", "search", "first", "folds"]),
        (["--sort", "test", "--reverse"], ["folds", "first", "search", "second"]),
        (["--sort", "test", "--limit", "2"], ["second", "search"]),
        (["--sort", "name", "--kind", "train"], ["deep/third", "first", "lost", "second"]),
        (["--sort", "data.seed", "--limit", "1"], ["second"]),
        (["--sort", "seconds", "--limit", "3"], ["first", "search", "folds"]),
        (["--reverse", "--limit", "1"], ["first"]),
    ],
)
def test_in_which_order(words: list[str], expected: list[str], runs: Path, handshape: Handshape):
    found = names(handshape("runs", runs, "--json", *words))
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) or "--limit" not in words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--where", "tset>0.9"], "Did you mean test?"),
        (["--where", "model.batchsize=64"], "Did you mean model.batch_size?"),
        (["--where", "external.ofice>0.9"], "Did you mean external.office?"),
        (["--where", "test"], "--where 'test>0.9'"),
        (["--where", "test>high"], "test is a number, and 'high' is none"),
        (["--where", "test>90"], "test>90%"),
        (["--where", "model.weights>3"], "words can be = or !="),
        (["--sort", "tests"], "Did you mean test?"),
        (["--compare", "frist", "second"], "Did you mean first?"),
        (["--compare", "first"], "two different runs or more"),
        (["--compare", "first", "second", "first"], "each named once"),
    ],
)
def test_what_cannot_be_understood(words: list[str], told: str, runs: Path, handshape: Handshape):
    outcome = handshape("runs", runs, *words)
    assert outcome.code == 1
    assert told in outcome.err


def test_words_that_argparse_refuses(runs: Path, capsys: pytest.CaptureFixture[str]):
    from handshape.cli import main

    for words, told in ((["--state", "complet"], "Did you mean complete?"), (["--limit", "0"], "no whole number")):
        with pytest.raises(SystemExit):
            main(["runs", str(runs), *words])
        assert told in capsys.readouterr().err


def test_no_runs_and_no_folder(tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    outcome = handshape("runs")
    assert (outcome.code, outcome.out) == (0, "")
    assert "No runs in runs yet" in outcome.err
    (tmp_path / "runs").mkdir()
    outcome = handshape("runs", "rusn")
    assert outcome.code == 1
    assert "Did you mean runs?" in outcome.err


def test_a_run_is_running_as_long_as_its_process_holds_it(runs: Path, handshape: Handshape):
    with locked(runs / "lost"):
        assert names(handshape("runs", runs, "--state", "running", "--json")) == ["lost"]
    (runs / "lost" / "run.lock").write_text('{"pid": 1}')  # what a killed process leaves: a lock that nobody holds
    outcome = handshape("runs", runs, "--state", "gone")
    assert "lost" in outcome.out
    assert f"handshape train --resume {runs / 'lost'}" in outcome.err


def test_runs_of_one_name_are_told_by_their_paths(runs: Path, handshape: Handshape, tmp_path: Path):
    shutil.copytree(runs / "first", tmp_path / "others" / "first")
    found = names(handshape("runs", runs, tmp_path / "others", runs / "second", "--kind", "train", "--json"))
    assert str(runs / "first") in found and str(tmp_path / "others" / "first") in found
    assert found.count("second") == 1
    outcome = handshape("runs", runs, tmp_path / "others", "--compare", "first", "second")
    assert outcome.code == 1
    assert "There are 2 runs called first" in outcome.err


def test_compared_on_the_same_photographs(runs: Path, handshape: Handshape):
    compared = handshape("runs", runs, "--compare", "first", "second", "--json").object
    assert compared["settings"] == {
        "data.seed": [0, 1],
        "model.streams": [["landmarks", "hand"], ["hand"]],
    }
    (found,) = compared["differences"]
    assert found["same_photographs"]["n"] == 100
    assert found["same_photographs"]["only_second_right"] == 17
    assert found["difference"] == pytest.approx(0.17)
    assert "On the 100 photographs that both were tested on, second is 17.0 points better" in found["text"]
    assert "more than chance" in found["text"]
    people = handshape("runs", runs, "--compare", "first", runs / "second")
    for told in (
        "data.seed",
        "80.0% (71.1 to 86.7%)",
        "on office",
        "train",
        "in all",
        "shows another person",
    ):
        assert told in people.out, told
    assert "model.dropout" not in people.out


def test_compared_without_answers_to_the_same_photographs(runs: Path, handshape: Handshape):
    (runs / "second" / "results" / "test_answers.csv").unlink()
    (found,) = handshape("runs", runs, "--compare", "first", "second", "--json").object["differences"]
    assert found["same_photographs"] is None
    assert "not kept by second; going by accuracies alone" in found["text"]
    assert found["interval"] == list(unpaired_interval(Slice("", 100, 80), Slice("", 100, 97)))
    measured(begun(runs / "elsewhere", data="/other"), [True] * 10)
    for other, told in (("elsewhere", "different folders"), ("lost", "Nothing was measured"), ("folds", "not kept by")):
        found = handshape("runs", runs, "--compare", "second", other, "--json").object["differences"][0]
        assert told in found["text"], other


def test_the_interval_of_different_photographs_by_hand():
    interval = unpaired_interval(Slice("", 80, 48), Slice("", 70, 56))  # Newcombe 1998, table II, example (a)
    assert interval == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_a_page_that_needs_nothing_else(runs: Path, handshape: Handshape, tmp_path: Path):
    shutil.copytree(runs / "first", runs / "<b>bold")
    for number, words in enumerate((["--sort", "test"], ["--compare", "first", "second", "<b>bold"])):
        page = tmp_path / f"{number}.html"
        outcome = handshape("runs", runs, *words, "--page", page)
        assert outcome.code == 0, outcome.err
        text = page.read_text(encoding="utf-8")
        assert "data:image/jpeg;base64," in text
        assert "&lt;b&gt;bold" in text and "<b>bold" not in text
        assert "http" not in text.replace("http-equiv", "")
    assert "data.seed" in text and "17.0 points better" in text


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal that can be made narrow")
@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("words", [(), ("--compare", "first", "second")])
def test_no_line_is_wider_than_the_terminal(width: int, words: tuple[str, ...], runs: Path):
    lines = on_a_terminal(width, "runs", str(runs), *words).splitlines()
    assert any("97.0%" in line for line in lines)
    assert max(len(line.rstrip()) for line in lines if "/" not in line) < width


def on_a_terminal(width: int, *words: str) -> str:
    """What a command shows on a terminal of so many columns, without colours."""
    import fcntl
    import pty
    import termios

    pid, file = pty.fork()
    if pid == 0:
        environment = os.environ | {"NO_COLOR": "1", "TERM": "xterm", "COLUMNS": str(width)}
        os.execve(sys.executable, [sys.executable, "-m", "handshape", *words], environment)
    fcntl.ioctl(file, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    said = b""
    while True:
        try:
            part = os.read(file, 65536)
        except OSError:  # it has ended
            break
        if not part:
            break
        said += part
    os.waitpid(pid, 0)
    return said.decode()


def test_what_a_training_keeps_for_it(trained: Trained, handshape: Handshape):
    found = handshape("runs", trained.folder.parent, "--json").object
    assert found["name"] == "first"
    assert found["photographs"] == 48
    assert found["test"]["accuracy"] == trained.outcome.object["accuracy"]["test"]
    assert found["stages"].keys() >= {"read", "train", "evaluate", "save"}
    assert found["versions"]["handshape"]
    with (trained.folder / "results" / "test_answers.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == found["test"]["n"]
    assert sum(row["answer"] == row["label"] for row in rows) / len(rows) == found["test"]["accuracy"]
    for row in rows:
        assert hashlib.sha256((trained.data / row["path"]).read_bytes()).hexdigest().startswith(row["sha256"])


def test_tensorboard_shows_settings_and_measures(trained: Trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    from handshape.workflow.run import open_run

    (file,) = open_run(trained.folder, Run).tensorboard.glob("*.hparams")
    events = EventAccumulator(str(file))
    events.Reload()
    accuracy = trained.outcome.object["accuracy"]["test"]
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(accuracy)
    told = events.PluginTagToContent("hparams")
    assert set(told) == {"_hparams_/session_start_info", "_hparams_/session_end_info"}
    begun_with = HParamsPluginData.FromString(told["_hparams_/session_start_info"]).session_start_info.hparams
    assert begun_with["data.seed"].number_value == 3
    assert begun_with["model.streams"].string_value == "pixels"
    assert begun_with["gpu.use_xla"].bool_value is True
    ended = HParamsPluginData.FromString(told["_hparams_/session_end_info"]).session_end_info
    assert ended.status == 1  # STATUS_SUCCESS


def test_listing_needs_no_framework(runs: Path):
    code = (
        "import sys; from handshape.cli import main; main(sys.argv[1:]); "
        "print({'tensorflow', 'keras', 'matplotlib', 'jinja2', 'sklearn'} & set(sys.modules))"
    )
    words = ["runs", str(runs), "--compare", "first", "second"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert done.stderr == ""
