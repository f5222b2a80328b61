"""handshape evaluate: what it says, what it writes, and what the run then lists."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.console import Console
from handshape.practice import draw_practice_set
from handshape.workflow import external_report

pytest.importorskip("matplotlib", reason="figures need matplotlib")

FIGURES = 5  # as .png and .jpg


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hands of other drawn people, and a class that the model does not know."""
    folder = tmp_path_factory.mktemp("elsewhere") / "other people"
    draw_practice_set(folder, 4, 7, ["A", "B", "L", "Y"], 96, Console(quiet=True))
    return folder


@pytest.fixture
def run(trained: Trained, tmp_path: Path) -> Path:
    """A copy of the run, which a test may change."""
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder, ignore=shutil.ignore_patterns("logs", "models", "*.jpg"))
    return folder


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, which take the longest."""
    monkeypatch.setattr("handshape.reporting.plots.draw_figures", lambda *_: [])


def listing(*folders: Path) -> dict[Path, bytes]:
    """Every file below folders, and what is in it."""
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def records(run: Path) -> dict[str, dict]:
    return {file.name: json.loads(file.read_text()) for file in sorted((run / "results" / "external").glob("*"))}


@pytest.mark.parametrize("quiet", [True, False])
def test_the_result_goes_to_stdout_and_nothing_is_written(
    quiet: bool, run: Path, others: Path, handshape: Handshape, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = listing(tmp_path, others)
    outcome = handshape("evaluate", run, others, *(["--quiet"] if quiet else []))
    assert outcome.code == 0
    table, _, told = outcome.out.partition("\n\nother people: ")
    headline, answers, *_ = f"other people: {told}".splitlines()
    found = re.fullmatch(
        r"other people: (\S+)% right, (\d+) of 12 photographs of 3 classes \(95% interval \d+ to \d+%\)", headline
    )
    assert found and float(found[1]) == pytest.approx(100 * int(found[2]) / 12, abs=0.06)
    assert answers.startswith("   It names a sign in ")
    assert "classes the model does not know: Y" in outcome.err
    assert "most often read as" in table
    assert ("Evaluated in " in outcome.err) == (not quiet)
    assert listing(tmp_path, others) == before


def test_each_answer_is_told_to_machines(run: Path, others: Path, handshape: Handshape) -> None:
    said = handshape("evaluate", run, others, "--json").object
    names, answers = said["class_names"], said["answers"]
    assert (said["n"], said["left_out"], said["external"], said["report"]) == (12, ["Y"], True, None)
    assert Counter(answer["label"] for answer in answers) == {"A": 4, "B": 4, "L": 4}
    counted = np.zeros((4, 4), int)
    for answer in answers:
        assert set(answer) == {"path", "label", "decision", "confidence", "top"}
        assert (others / answer["path"]).is_file() and Path(answer["path"]).parent.name == answer["label"]
        assert len(answer["top"]) == 3 and answer["confidence"] == answer["top"][0][1]
        assert answer["decision"] in (answer["top"][0][0], "unknown")
        counted[names.index(answer["label"]), names.index(answer["top"][0][0])] += 1
    assert said["confusion_matrix"] == counted.tolist()
    assert said["accuracy"] == pytest.approx(np.trace(counted) / 12)
    assert said["interval"][0] <= said["accuracy"] <= said["interval"][1]
    accepted = [answer["decision"] != "unknown" for answer in answers]
    assert said["decisions"]["accepted"] == pytest.approx(np.mean(accepted))
    assert said["verdict"]["level"] in ("good", "fair", "poor") and said["slices"]["by_brightness"]


def test_a_page_is_written_and_the_run_lists_it(run: Path, others: Path, handshape: Handshape, tmp_path: Path) -> None:
    assert 'href="evaluations.html"' in (run / "report.html").read_text()
    assert "None yet" in (run / "evaluations.html").read_text()
    out = tmp_path / "a report"
    said = handshape("evaluate", run, others, "--out", out, "--json").object
    assert said["report"] == str(out / "report.html")
    files = sorted(file.name for file in out.iterdir())
    assert len(files) == 2 * FIGURES + 2 and {"report.html", "results.json", "confusion_matrix.png"} < set(files)
    kept = json.loads((out / "results.json").read_text())
    assert {name: kept[name] for name in said if name != "report"} == {
        name: value for name, value in said.items() if name != "report"
    }
    page = (out / "report.html").read_text()
    for part in ("other people", "Verdict", "Where it looked", "does not know these classes", "of the model"):
        assert part in page
    assert page.count("<img ") > FIGURES
    (name, record), *more = records(run).items()
    assert (name, more) == ("other people.json", [])
    assert (record["n"], record["right"]) == (12, round(12 * said["accuracy"]))
    listed = (run / "evaluations.html").read_text()
    assert "None yet" not in listed and 'href="../a%20report/report.html"' in listed
    assert (run / record["page"]).resolve() == (out / "report.html").resolve()


@pytest.mark.usefixtures("no_figures")
def test_an_earlier_evaluation_is_written_again_and_nothing_else_is(
    run: Path, others: Path, handshape: Handshape, tmp_path: Path
) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    for _ in range(2):
        assert handshape("evaluate", run, others, "--out", out).code == 0
    assert len(records(run)) == 1
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place, told in (
        (mine, "something else in"),
        (tmp_path / "file", "is a file"),
        (others / "report", "among the photographs"),
    ):
        outcome = handshape("evaluate", run, others, "--out", place, "--json")
        assert outcome.code == 1 and told in outcome.object["error"]
    assert [file.name for file in mine.iterdir()] == ["notes.txt"]
    assert not (others / "report").exists()


@pytest.mark.usefixtures("no_figures")
def test_each_set_of_photographs_has_its_record(run: Path, others: Path, handshape: Handshape, tmp_path: Path) -> None:
    twin = shutil.copytree(others, tmp_path / "elsewhere" / others.name)
    for number, data in enumerate((others, twin, others)):
        assert handshape("evaluate", run, data, "--out", tmp_path / f"out {number}").code == 0
    found = records(run)
    assert list(found) == ["other people.json", "other people_2.json"]
    assert [record["photographs"] for record in found.values()] == [str(others), str(twin)]
    assert found["other people.json"]["page"] == "../out 2/report.html"
    (run / "results" / "external" / "damaged.json").write_text("{")
    assert handshape("evaluate", run, others, "--out", tmp_path / "out 3").code == 0
    assert (run / "evaluations.html").read_text().count("<tr>") == 3


@pytest.mark.usefixtures("no_figures")
def test_a_run_that_cannot_be_written_only_goes_without(
    run: Path, others: Path, handshape: Handshape, tmp_path: Path
) -> None:
    (run / "results" / "external").write_text("a file in the way")
    outcome = handshape("evaluate", run, others, "--out", tmp_path / "out")
    assert outcome.code == 0 and "its report does not list this evaluation" in outcome.err
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.usefixtures("no_figures")
def test_a_model_without_a_run_keeps_no_list(run: Path, others: Path, handshape: Handshape, tmp_path: Path) -> None:
    alone = shutil.copytree(run / "bundle", tmp_path / "alone" / "bundle")
    assert handshape("evaluate", alone, others, "--out", tmp_path / "out").code == 0
    assert [file.name for file in alone.parent.iterdir()] == ["bundle"]


@pytest.mark.usefixtures("no_figures")
def test_photographs_it_learned_from_are_left_out_and_named(
    run: Path, trained: Trained, others: Path, handshape: Handshape, tmp_path: Path
) -> None:
    data = shutil.copytree(others, tmp_path / "mixed")
    shutil.copy(trained.data / "A" / "A_0001.jpg", data / "A" / "known.jpg")
    (data / "B" / "broken.jpg").write_bytes(b"no image")
    said = handshape("evaluate", run, data, "--out", tmp_path / "out", "--json").object
    assert (said["n"], said["seen_in_training"], said["unreadable"]) == (12, 1, ["B/broken.jpg"])
    assert set(said["left_out_photographs"]) == {"A/known.jpg", "B/broken.jpg"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the model learned from it" in page and "cannot be used" in page


@pytest.mark.usefixtures("no_figures")
def test_nothing_but_photographs_it_learned_from_is_no_evaluation_of_others(
    run: Path, trained: Trained, handshape: Handshape, tmp_path: Path
) -> None:
    outcome = handshape("evaluate", run, trained.data, "--out", tmp_path / "out")
    assert "learned from these very photographs" in outcome.err
    assert "learned from these very photographs" in (tmp_path / "out" / "report.html").read_text()
    assert not records(run) and "None yet" in (run / "evaluations.html").read_text()


def test_what_a_page_needs_is_asked_for_before_anything_is_read(
    run: Path, others: Path, handshape: Handshape, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(external_report, "is_installed", lambda name: name != "jinja2")
    outcome = handshape("evaluate", run, others, "--out", tmp_path / "out", "--json")
    assert outcome.code == 1 and "A report needs jinja2." in outcome.object["error"] and ".[train]" in outcome.err
    assert "Reading" not in outcome.err and not (tmp_path / "out").exists()
    assert handshape("evaluate", run, others).code == 0
