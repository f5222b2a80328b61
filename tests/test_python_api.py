"""The verbs as functions: what they take, what they return, how they stop, and the examples of docs/python.md."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SETTINGS, Handshape, Trained
from PIL import Image
from pretended_search import pretend_trials

import handshape as package
from handshape import config
from handshape.api.measured import TrainingResult
from handshape.api.settings import crossval_options, external_of, settings_of
from handshape.errors import DataError, HandshapeError, ImageError, ModelError, RunError, SettingsError
from handshape.export.exports import Export, Exports
from handshape.export.formats import FORMATS
from handshape.reporting.wording import for_terminal, percent
from handshape.serving import site
from handshape.workflow.run import read_record

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
SMALL = {name.split(".")[1]: value for name, value in SETTINGS.items()}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same handshapes by other drawn signers."""
    folder = tmp_path_factory.mktemp("others") / "strangers"
    return package.sample(folder, 5, ["A", "B", "L", "5"], size=96, seed=7, quiet=True).folder


@pytest.fixture(scope="module")
def training(drawn: Path, others: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    out = tmp_path_factory.mktemp("python") / "runs"
    external = {"<strangers>": others}
    return package.train(drawn, out, "first", groups=drawn / "signers.csv", external=external, quiet=True, **SMALL)


# Settings


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"batch_size": 32, "seed": 1, "views": 8}, {"model.batch_size": 32, "data.seed": 1, "augmentation.views": 8}),
        ({"epochs": 3}, {"model.num_epochs": 3}),
        ({"epochs": np.int64(3)}, {"model.num_epochs": 3}),
        ({"model": {"num_epochs": 3, "dropout": 0.1}, "img_size": 96}, {"model.num_epochs": 3, "model.img_size": 96}),
        ({"groups": Path("signers.csv"), "negatives": Path("rooms")}, {"data.negatives": ["rooms"]}),
        ({"negatives": ["rooms", Path("idle")]}, {"data.negatives": ["rooms", "idle"]}),
        ({"streams": "landmarks"}, {"model.streams": ["landmarks"]}),
        ({"profile": "gtx1650"}, {"model.batch_size": 32, "gpu.workers": 2}),
        ({"profile": "gtx1650", "batch_size": 16}, {"model.batch_size": 16, "gpu.workers": 2}),
        ({"config": "my.yaml", "refit": "off"}, {"model.num_epochs": 7, "training.refit": "off"}),
        ({"find": False}, {"hands.find": "off"}),
        ({"epochs": None, "groups": None, "profile": None}, {"model.num_epochs": 25, "data.groups": "auto"}),
    ],
)
def test_settings_by_name(words: Mapping[str, Any], expected: Mapping[str, Any], tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("model:\n  num_epochs: 7\n")
    settings = settings_of("photos", words).model_dump()
    assert settings["data"]["original_data_dir"] == "photos"
    for name, value in expected.items():
        section, key = name.split(".")
        assert settings[section][key] == value


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"batchsize": 32}, "Did you mean batch_size?"),
        ({"epoch": 3}, "Did you mean epochs?"),
        ({"repeat": 3}, "Did you mean repeats?"),
        ({"modell": {}}, "Did you mean model?"),
        ({"xyzzy": 1}, "--help-settings"),
        ({"model": {"num_epoch": 3}}, "Did you mean model.num_epochs?"),
        ({"model": 3}, "a dictionary"),
        ({"epochs": 3, "model": {"num_epochs": 4}}, "given twice"),
        ({"batch_size": 0}, "model.batch_size cannot be 0"),
        ({"profile": "huge"}, "no profile 'huge'"),
        ({"streams": "landmarks", "find": "off"}, "looks for none"),
    ],
)
def test_settings_that_cannot_be(words: Mapping[str, Any], text: str):
    with pytest.raises(SettingsError) as caught:
        settings_of("photos", words, ["repeats"])
    assert text in caught.value.text


def test_photographs_that_nobody_named(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="No photographs were named"):
        package.train(quiet=True)
    (tmp_path / "mine").mkdir()
    assert settings_of(None, {"original_data_dir": "mine"}).data.original_data_dir == "mine"


def test_photographs_from_elsewhere_have_names(tmp_path: Path):
    assert external_of(None) == {}
    assert external_of(str(tmp_path / "office")) == {"office": tmp_path / "office"}
    assert external_of({"office": "a", "school": "b"}) == {"office": Path("a"), "school": Path("b")}


def test_what_a_cross_validation_is_asked_for():
    words = {"repeats": 2, "compare_random": True, "epochs": 3}
    options = crossval_options("signers", {"office": Path("a")}, words)
    assert (options.folds, options.repeats, options.compare_random) == ("signers", 2, True)
    assert options.external == {"office": Path("a")}
    assert words == {"epochs": 3}  # what is left are settings


@pytest.mark.parametrize("given", [{"folds": 2}, {"folds": "people"}, {"folds": 2.5}, {"repeats": 0}])
def test_folds_that_cannot_be(given: dict, drawn: Path):
    with pytest.raises(SettingsError):
        package.crossval(drawn, quiet=True, **given)


# Results


def test_sample_draws_a_set(tmp_path: Path, capsys):
    drawn = package.sample(tmp_path / "<practice>", 2, ["A", "B"], size=64, seed=5, quiet=True)
    assert (drawn.images, len(list(drawn.folder.glob("*/*.jpg")))) == (4, 4)
    assert drawn.signers.read_text().startswith("path,signer\n")
    shown = drawn._repr_html_()
    assert shown.count("data:image/jpeg;base64,") == 4
    assert "&lt;practice&gt;" in shown
    assert capsys.readouterr().err == ""
    with pytest.raises(DataError, match="not empty"):
        package.sample(drawn.folder, 1)
    with pytest.raises(SettingsError, match="seed"):
        package.sample(tmp_path / "new", 1, seed=-1)


def test_check_says_what_the_command_line_says(drawn: Path, handshape: Handshape, tmp_path: Path):
    data = tmp_path / "photos"
    shutil.copytree(drawn, data)
    (data / "A" / "A_0001.jpg").write_bytes(b"no image")
    (data / "L").rename(data / "<i>L")
    report = package.check(data, hands=False, quiet=True)
    said = handshape("check", data, "--quick", "--json").object
    assert {**report.as_dict(), "hands_found": report.hands_found} == said
    assert not report.ok
    assert repr(report) == "<CheckResult: 47 of 48 images in 4 classes usable: 1 finding>"
    shown = report._repr_html_()
    assert "&lt;i&gt;L" in shown
    assert "<i>" not in shown
    with pytest.raises(DataError):
        package.check(tmp_path / "nowhere", quiet=True)
    with pytest.raises(SettingsError):
        package.check(data, groups="(", hands=False, quiet=True)


def test_check_finds_hands(models, drawn: Path):
    report = package.check(drawn, groups=drawn / "signers.csv", quiet=True)
    assert report.hands_found is not None
    assert sum(report.hands_found.values()) > 24
    assert len(report.signers) == 12
    assert "with a hand" in report._repr_html_()


def test_training_is_what_its_run_says(training: TrainingResult):
    said = json.loads((training.folder / "results" / "evaluation_results.json").read_text())
    assert training.accuracy == said["accuracy"]["test"]
    assert training.validation.accuracy == said["accuracy"]["validation"]
    assert training.confusion.tolist() == said["test"]["confusion_matrix"]
    assert {score.label: score.support for score in training.per_class} == {
        label: score["support"] for label, score in said["test"]["per_class"].items() if score["support"]
    }
    assert training.verdict.as_dict() == said["verdict"]
    assert [each.text for each in training.advice] == said["advice"]
    assert training.decisions.as_dict() == said["decisions"]
    assert training.external["<strangers>"].accuracy == said["external"]["<strangers>"]["accuracy"]
    assert training.class_names == tuple(sorted("ABL5"))
    assert training.predictions.probabilities.shape == (training.metrics.n, 4)
    assert training.report.is_file()
    assert set(training.seconds) >= {"read", "train", "report"}


def test_training_is_shown_in_a_line_and_on_a_page(training: TrainingResult, monkeypatch):
    line = repr(training)
    assert "\n" not in line
    share = for_terminal(percent(training.accuracy))
    assert line.startswith(f"<TrainingResult: test accuracy {share} on {training.metrics.n} images (")
    assert "split by signer (12 signers)" in line
    monkeypatch.chdir(training.folder.parent)
    page = training._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 2
    assert 'href="first/report.html"' in page
    assert "&lt;strangers&gt;" in page
    assert "<strangers>" not in page
    assert "It names a sign in " in page
    monkeypatch.chdir(training.folder / "bundle")
    assert f'href="{training.report.as_uri()}"' in training._repr_html_()


def test_a_model_is_whatever_stands_for_one(training: TrainingResult, drawn: Path, others: Path):
    recognizer = training.load()
    assert package.load(recognizer) is recognizer
    assert recognizer.class_names == training.class_names
    found = [package.evaluate(model, others, quiet=True) for model in (training, training.folder, recognizer)]
    for each in found[1:]:
        np.testing.assert_array_equal(each.predictions.probabilities, found[0].predictions.probabilities)
    assert found[0].is_external
    assert found[0].accuracy == training.external["<strangers>"].accuracy
    assert package.load(training.folder / "bundle").class_names == training.class_names
    for nothing in ("", drawn, None):
        with pytest.raises(ModelError):
            package.load(nothing)  # type: ignore[arg-type]


def test_evaluation_says_what_the_command_line_says(trained: Trained, handshape: Handshape, tmp_path: Path):
    data = tmp_path / "others"
    shutil.copytree(trained.data / "A", data / "a")
    shutil.copytree(trained.data / "L", data / "<Zebra>")
    (data / "a" / "broken.jpg").write_bytes(b"no image")
    result = package.evaluate(trained.folder, data, quiet=True)
    said = handshape("evaluate", trained.folder, data, "--json").object
    assert {**result.metrics.as_dict(), "decisions": result.decisions.as_dict()}.items() <= said.items()
    assert [score.label for score in result.per_class] == said["classes"] == ["A"]
    assert result.is_external is said["external"] is False  # it learned from them
    assert result.verdict.as_dict() == said["verdict"]
    assert result.left_out == said["left_out_photographs"]
    assert (result.unknown_classes, list(result.left_out)) == (("<Zebra>",), ["a/broken.jpg"])
    assert repr(result).startswith(
        f"<EvaluationResult: accuracy {for_terminal(percent(result.accuracy))} on 12 images ("
    )
    assert repr(result).endswith(f"of {data}, which the model learned from>")
    page = result._repr_html_()
    assert "&lt;Zebra&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 1


@pytest.mark.slow
def test_crossval_answers_every_photograph_once(drawn: Path, others: Path, tmp_path: Path):
    out = tmp_path / "runs"
    words = {"groups": str(drawn / "signers.csv"), **SMALL}
    result = package.crossval(drawn, 3, out, external=others, quiet=True, name="folds", **words)
    assert sum(fold.n for fold in result.folds) == result.metrics.n == 48
    assert result.accuracy == result.mean == pytest.approx(np.mean([fold.share for fold in result.folds]))
    assert result.folder == out / "folds"
    mean, spread = (for_terminal(percent(share)) for share in (result.mean, result.spread))
    assert f"accuracy {mean} ± {spread} over 3 folds by signer" in repr(result)
    page = result._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "On strangers: " in page
    with pytest.raises(RunError, match="already complete"):
        package.crossval(resume=result.folder, quiet=True)


@pytest.mark.slow
def test_export_names_what_it_made(training: TrainingResult, tmp_path: Path):
    result = package.export(training, ["litert", "litert-float16"], out=tmp_path / "made", quiet=True)
    assert set(result.paths) == {"litert", "litert-float16"}
    assert all(path.is_file() for path in result.paths.values())
    assert repr(result).startswith(f"<ExportResult: exported litert, litert-float16 to {tmp_path / 'made'}")
    assert result._repr_html_().count("<tr>") == 4


def test_an_export_that_is_no_match_is_an_error(training: TrainingResult, tmp_path: Path, monkeypatch):
    failed = Export(FORMATS["onnx"], 1, 1.0, None, "other answers", {})  # type: ignore[arg-type]
    made = Exports(tmp_path, (failed,), 1, 1.0)
    monkeypatch.setattr("handshape.workflow.export.export_bundle", lambda *arguments: made)
    with pytest.raises(HandshapeError, match="no match for Keras: onnx"):
        package.export(training, "onnx", quiet=True)
    with pytest.raises(HandshapeError, match="no export format 'abacus'"):
        package.export(training, "abacus", quiet=True)


# Stopping


def test_an_interrupt_leaves_a_run_that_goes_on(training: TrainingResult, drawn: Path, tmp_path: Path, monkeypatch):
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    words = {"groups": drawn / "signers.csv", "quiet": True, **SMALL}
    with monkeypatch.context() as patch:
        patch.setattr("handshape.workflow.train.convert", stop)
        with pytest.raises(KeyboardInterrupt, match="--resume"):
            package.train(drawn, tmp_path, "stopped", **words)
    assert read_record(tmp_path / "stopped")["state"] == "interrupted"
    with pytest.raises(SettingsError, match="cannot be given with it"):
        package.train(resume=tmp_path / "stopped", epochs=9)
    moved = tmp_path / "moved"
    shutil.copytree(drawn, moved)
    resumed = package.train(moved, resume=tmp_path / "stopped", quiet=True)
    np.testing.assert_array_equal(resumed.predictions.probabilities, training.predictions.probabilities)
    with pytest.raises(RunError, match="already complete"):
        package.train(resume=tmp_path / "stopped", quiet=True)


# Importing, and the page


def test_importing_loads_nothing_heavy_and_keeps_its_functions():
    code = """
import sys, handshape
heavy = {"numpy", "PIL", "rich", "pydantic", "keras", "tensorflow", "jax", "matplotlib", "yaml", "IPython"}
print(sorted(heavy & set(sys.modules)))
import handshape.export.bundle
from handshape.export import formats
print(all(callable(getattr(handshape, name)) for name in handshape.__all__))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_loading_needs_neither_keras_nor_the_report(trained: Trained):
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["keras", "tensorflow", "jinja2", "matplotlib", "sklearn"]))
import handshape
print(handshape.load({str(trained.folder)!r}).recognize({str(next(trained.data.glob("A/*.jpg")))!r}).decision)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"A", "B", "L", "5", "unknown"}


@pytest.mark.slow
@pytest.mark.usefixtures("models")  # suspect labels need hands
def test_every_example_of_the_page_runs(drawn: Path, others: Path, tmp_path: Path, monkeypatch, capsys):
    pytest.importorskip("optuna", reason="a search needs Optuna")
    monkeypatch.chdir(tmp_path)
    sections: dict[str, dict[str, object]] = {}
    for name, value in SETTINGS.items():
        section, key = name.split(".")
        sections.setdefault(section, {})[key] = value
    monkeypatch.setitem(config.PROFILES, "default", sections)  # tiny trainings
    shutil.copytree(drawn, "photos")
    shutil.copytree(others, "other-people")
    shutil.copy(drawn / "signers.csv", tmp_path)
    shutil.copy(drawn / "A" / "A_0001.jpg", "photo.jpg")
    still = Image.open("photo.jpg")
    still.save("film.gif", save_all=True, append_images=[still.rotate(2 * turn) for turn in range(1, 9)], duration=100)
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "registry"))
    runtime = tmp_path / "litert" / "wasm"
    runtime.mkdir(parents=True)
    (runtime / "litert.wasm").write_bytes(b"\0asm")
    monkeypatch.setattr(site, "litert_js_folder", lambda console: runtime.parent)
    pretend_trials(monkeypatch)
    Path("rooms").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64), (60 * number, 90, 120)).save(f"rooms/{number}.png")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) > 7
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    assert "There is no setting 'epoch'. Did you mean epochs?" in said
    assert "<TrainingResult: test accuracy " in said
    assert len(names["folds"].folds) == 3
    assert len(names["together"].ensemble.members) == 2
    assert {run.name for run in names["listed"]} > {"first", "small"}
    assert names["film"].frames == 9
    assert str(names["version"]) == "mine@1"
    assert names["review"].corrections.kept == ("A/A_0001.jpg",)
    assert len(names["found"].trials) == 6
    made = ("site/index.html", "compared.html", "explained.png", "film.srt")
    assert [Path(name).is_file() for name in made] == [True] * len(made)
    assert isinstance(names["answer"], ImageError)
    assert names["recognizer"].class_names == ("5", "A", "B", "L")
