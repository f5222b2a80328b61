"""handshape models through the command line, and every verb that takes the names it gives."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.cli import main
from handshape.export.bundle import ModelDescription, find_bundle, write_bundle

ACTIONS = ("list", "show", "add", "promote", "rollback", "remove", "path", "pack", "compare")


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def other(trained: Trained, tmp_path: Path) -> Path:
    """The same network, whose classes A and B somebody swapped, and one is called otherwise."""
    bundle = find_bundle(trained.folder)
    class_names = [{"A": "B", "B": "A", "L": "Elle"}.get(label, label) for label in bundle.class_names]
    litert, activation = bundle.litert.read_bytes(), np.load(bundle.activation)
    swapped = ModelDescription(tuple(class_names), 96, bundle.thresholds, 0)
    write_bundle(tmp_path / "swapped", swapped, bundle.keras, litert, activation, {})
    return tmp_path / "swapped"


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_a_help_and_takes_json_before_and_after(action: str, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["models", action, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["models", "--help"])
    said = capsys.readouterr().out
    assert f"\n    {action} " in said
    assert max(map(len, said.split("options:")[0].splitlines())) <= 80


def test_from_a_run_to_production_and_back(trained: Trained, other: Path, handshape: Handshape, registry: Path):
    listed = handshape("models", "--json").object
    assert (listed["registry"], listed["models"]) == (str(registry), [])
    assert "handshape models add RUN" in handshape("models").err
    added = handshape("models", "add", trained.folder, "--name", "drawn", "--json").object
    assert (added["model"], added["name"], added["version"], added["new"]) == ("drawn@1", "drawn", 1, True)
    assert added["sha256"] == find_bundle(trained.folder).sha256
    assert handshape("models", "add", other, "--name", "drawn", "--json").object["version"] == 2
    assert handshape("models", "promote", "drawn@1", "--json").object == {
        "name": "drawn",
        "alias": "production",
        "version": 1,
    }
    handshape("models", "promote", "drawn@2", "staging")
    handshape("models", "promote", "drawn@staging")
    listed = {"name": "drawn", "versions": [1, 2], "aliases": {"production": 2, "staging": 2}}
    for words in (("--json",), ("--json", "list"), ("list", "--json")):
        assert handshape("models", *words).object["models"] == [listed]
    assert handshape("models", "rollback", "drawn").out == "drawn@production is now drawn@1\n"
    shown = handshape("models", "show", "drawn", "--json").object
    assert [version["aliases"] for version in shown["versions"]] == [["production"], ["staging"]]
    assert [version["source"] for version in shown["versions"]] == [str(trained.folder), str(other)]
    assert [event["action"] for event in shown["history"]] == [
        "add",
        "add",
        "promote",
        "promote",
        "promote",
        "rollback",
    ]
    assert "rollback" in handshape("models", "show", "drawn").out
    assert "production 1, staging 2" in handshape("models", "--quiet").out
    refused = handshape("models", "remove", "drawn@2", "--json")
    assert refused.code == 1
    assert "in use as staging" in refused.object["error"]
    assert "does not say which version" in handshape("models", "remove", "drawn", "--json").object["error"]
    assert handshape("models", "remove", "drawn@staging").code == 0
    assert handshape("models", "remove", "drawn@2", "--json").object == {"removed": "drawn@2"}
    assert handshape("models", "--json").object["models"] == [
        {"name": "drawn", "versions": [1], "aliases": {"production": 1}}
    ]


def test_every_verb_takes_a_name_and_a_zip(trained: Trained, handshape: Handshape, tmp_path: Path):
    handshape("models", "add", trained.folder, "--name", "drawn")
    handshape("models", "promote", "drawn@1")
    packed = handshape("models", "pack", "drawn", tmp_path / "drawn.zip", "--json").object
    assert packed["bytes"] == (tmp_path / "drawn.zip").stat().st_size
    image, expected = trained.data / "A" / "A_0001.jpg", None
    for model in (trained.folder, "drawn", "drawn@1", "drawn@production", "drawn@newest", tmp_path / "drawn.zip"):
        answer = handshape("predict", model, image, "--json").object["top"]
        expected = expected or answer
        assert answer == expected
    by_name, by_path = (handshape("evaluate", model, trained.data, "--json") for model in ("drawn@1", trained.folder))
    assert by_name.object == by_path.object
    assert handshape("explain", tmp_path / "drawn.zip", image, "--out", tmp_path / "seen").code == 0
    again = handshape("models", "add", tmp_path / "drawn.zip", "--json")
    assert (again.object["model"], again.object["new"]) == ("drawn@1", False)
    again = handshape("models", "add", tmp_path / "drawn.zip").out
    assert again.startswith("drawn@1 is ") and "it was there already" in again
    folder = Path(handshape("models", "path", "drawn").out.strip())
    assert find_bundle(folder).sha256 == find_bundle(trained.folder).sha256
    assert handshape("models", "path", "drawn", "--json").object == {"model": "drawn", "path": str(folder)}
    again = handshape("models", "pack", "drawn", tmp_path / "drawn.zip")
    assert again.code == 1
    assert "already" in again.err


def test_a_model_card_on_the_terminal(trained: Trained, handshape: Handshape):
    handshape("models", "add", trained.folder)
    assert handshape("models", "--json").object["models"][0]["name"] == "first"  # after the run
    for model in (trained.folder, "first@1"):
        assert handshape("models", "show", model).out.startswith("# A recogniser of 4 handshapes\n")
        assert handshape("models", "show", model, "--json").object["manifest"]["labels"] == ["5", "A", "B", "L"]


@pytest.mark.parametrize("verb", ["predict", "evaluate", "explain"])
def test_a_name_that_is_wrong(verb: str, trained: Trained, handshape: Handshape):
    handshape("models", "add", trained.folder, "--name", "drawn")
    outcome = handshape(verb, "drown", trained.data, "--json")
    assert outcome.code == 1
    assert "Did you mean drawn?" in outcome.object["error"]


@pytest.mark.parametrize(
    "words",
    [
        ("add", "{run}", "--name", "No Name"),
        ("add", "{run}", "--name", "first@1"),
        ("promote", "first@1", "newest"),
        ("remove", "first@newest"),
        ("rollback", "first@1"),
    ],
)
def test_names_that_cannot_be(words: tuple[str, ...], trained: Trained, handshape: Handshape):
    handshape("models", "add", trained.folder)
    outcome = handshape("models", *(word.format(run=trained.folder) for word in words), "--json")
    assert outcome.code == 1
    assert "cannot be" in outcome.object["error"]


def test_a_path_comes_before_a_name(trained: Trained, other: Path, handshape: Handshape, monkeypatch):
    handshape("models", "add", trained.folder, "--name", "swapped")
    assert handshape("models", "show", "swapped", "--json").object["name"] == "swapped"
    monkeypatch.chdir(other.parent)
    assert "Elle" in handshape("models", "show", "swapped", "--json").object["manifest"]["labels"]
    assert "Elle" not in handshape("models", "show", "swapped@1", "--json").object["manifest"]["labels"]


def test_a_registry_that_is_a_file(handshape: Handshape, registry: Path):
    registry.write_text("")
    outcome = handshape("models", "--json")
    assert outcome.code == 1
    assert "is a file" in outcome.object["error"]


def test_words_that_are_empty(trained: Trained, handshape: Handshape, capfd):
    outcome = handshape("models", "show", "", "--json")
    assert outcome.code == 1
    assert "An empty word" in outcome.object["error"]
    with pytest.raises(SystemExit) as ended:
        main(["models", "pack", str(trained.folder), ""])
    assert ended.value.code == 2
    assert "an empty word is no path" in capfd.readouterr().err


def test_a_zip_that_cannot_be_written(trained: Trained, handshape: Handshape, tmp_path: Path):
    (tmp_path / "file").write_text("")
    outcome = handshape("models", "pack", trained.folder, tmp_path / "file" / "out.zip", "--json")
    assert outcome.code == 1
    assert "or name another file" in outcome.object["error"]
    assert "--out" not in outcome.object["error"]


def test_a_run_that_lies_elsewhere_may_be_meant(handshape: Handshape, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/first", "bundles"):
        Path(folder).mkdir(parents=True)
    Path("runs/first/run.json").write_text("{}")
    for word, meant in (("first", "runs/first"), ("runs/frist", "runs/first"), ("bundels", "bundles")):
        assert f"Did you mean {meant}?" in handshape("predict", word, "x.jpg").err
    assert "Add one: handshape models add" in handshape("predict", "mine", "x.jpg").err


def test_compare_what_was_measured(trained: Trained, other: Path, handshape: Handshape):
    compared = handshape("models", "compare", trained.folder, other, "--json").object["models"]
    assert [side["model"] for side in compared] == [str(trained.folder), str(other)]
    assert [side["only_here"] for side in compared] == [["L"], ["Elle"]]
    assert compared[0]["accuracy, test"] == find_bundle(trained.folder).details["accuracy"]["test"]
    assert compared[1]["accuracy, test"] is None
    people = handshape("models", "compare", trained.folder, other)
    assert "knows: Elle" in people.out
    assert "To measure both on the same, name a folder" in people.err


def test_compare_on_the_same_photographs(trained: Trained, other: Path, handshape: Handshape):
    measured = [handshape("evaluate", model, trained.data, "--json").object for model in (trained.folder, other)]
    data = handshape("models", "compare", trained.folder, other, trained.data, "--json").object["data"]
    assert data["n"] == 36  # of 5, A and B, which both know
    right = [round(each["accuracy"] * each["n"]) for each in measured]
    l_right = round(measured[0]["per_class"]["L"]["recall"] * 12)
    assert data["both_right"] + data["only_first_right"] == right[0] - l_right
    assert data["both_right"] + data["only_second_right"] == right[1]
    assert data["difference"] == pytest.approx((right[1] - (right[0] - l_right)) / 36)
    people = handshape("models", "compare", trained.folder, other, trained.data).out
    assert "points better" in people or "equally often" in people
    assert "On 36 photographs of" in people


def test_compare_on_what_neither_knows_both(trained: Trained, other: Path, handshape: Handshape, tmp_path: Path):
    shutil.copytree(trained.data / "L", tmp_path / "data" / "L")
    shutil.copytree(trained.data / "L", tmp_path / "data" / "Elle")
    outcome = handshape("models", "compare", trained.folder, other, tmp_path / "data", "--json")
    assert outcome.code == 1
    assert "both know" in outcome.object["error"]


def test_no_framework_is_loaded(trained: Trained):
    words = ["models", "add", str(trained.folder), "--name", "light"]
    loaded = "{'tensorflow', 'keras'} & set(sys.modules)"
    code = f"from handshape.cli import main; import sys; main({words!r}); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
