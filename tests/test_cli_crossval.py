"""``handshape crossval`` on drawn hands: folds, what they come to, going on after a stop."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Handshape, assignments

from handshape.workflow import crossval_fold
from handshape.workflow.crossval_result import mean_of, spread_of
from handshape.workflow.run import read_record

SMALL = assignments(model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1, model__weights="none")


@pytest.fixture
def photos(drawn: Path, tmp_path: Path) -> Path:
    """The drawn hands without the table of their signers."""
    place = tmp_path / "photos"
    shutil.copytree(drawn, place, ignore=shutil.ignore_patterns("*.csv"))
    return place


def test_every_photograph_is_tested_once(photos: Path, handshape: Handshape, tmp_path: Path):
    words = ("--folds", 3, "--compare-random", "--external", f"again={photos}", "--name", "cv", "--json")
    outcome = handshape("crossval", photos, "--out", tmp_path / "runs", *words, *SMALL)
    assert outcome.code == 0, outcome.err
    found, folder = outcome.object, tmp_path / "runs" / "cv"
    assert [fold["name"] for fold in found["folds"]] == ["fold 1", "fold 2", "fold 3"]
    assert sum(fold["n"] for fold in found["folds"]) == found["all_images"]["n"] == 48
    assert found["mean"] == pytest.approx(sum(fold["accuracy"] for fold in found["folds"]) / 3)
    assert sum(each["n"] for each in found["per_class"]) == 48
    assert len(found["random"]["folds"]) == 3
    assert found["external"]["again"]["n"] == 48
    assert found["worst_signer"] is None
    assert json.loads((folder / "results" / "crossval.json").read_text())["mean"] == found["mean"]
    written = {"report.html", "config.yaml", "folds", "photographs.sha256", "results", "run.json", "training.log"}
    assert written == {path.name for path in folder.iterdir()}
    assert "fold 2" in (folder / "report.html").read_text(encoding="utf-8")
    assert read_record(folder)["state"] == "complete"


def test_each_signer_is_kept_out_once(drawn: Path, handshape: Handshape, tmp_path: Path):
    signers = sorted({line.split(",")[1] for line in (drawn / "signers.csv").read_text().split()[1:]})
    groups = ("--set", f"data.groups={drawn / 'signers.csv'}")
    words = ("crossval", drawn, "--folds", "signers", "--out", tmp_path, "--json", *SMALL, *groups)
    outcome = handshape(*words)
    assert outcome.code == 0, outcome.err
    found = outcome.object
    assert sorted(fold["name"] for fold in found["folds"]) == signers
    assert found["worst_signer"]["name"] in signers
    assert found["worst_signer"]["accuracy"] == min(each["accuracy"] for each in found["per_signer"])


def test_goes_on_with_the_fold_it_was_at(
    photos: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fits, fit = [], crossval_fold.fit

    def stopped_at_second(*arguments):
        fits.append(arguments)
        if len(fits) == 2:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(crossval_fold, "fit", stopped_at_second)
    folder = tmp_path / "runs" / "cv"
    outcome = handshape("crossval", photos, "--folds", 3, "--out", folder.parent, "--name", "cv", *SMALL)
    assert outcome.code == 130
    assert f"Go on with: handshape crossval --resume {folder}" in outcome.err
    assert len(list((folder / "folds").glob("*.npz"))) == 1

    refused = handshape("train", "--resume", folder)
    assert refused.code == 1
    assert f"handshape crossval --resume {folder}" in refused.err

    moved = tmp_path / "moved"
    photos.rename(moved)
    lost = handshape("crossval", "--resume", folder)
    assert lost.code == 1
    assert "no longer in" in lost.err
    resumed = handshape("crossval", "--resume", folder, moved, "--json")
    assert resumed.code == 0, resumed.err
    assert len(fits) == 4  # the first fold was not fitted again
    assert len(resumed.object["folds"]) == 3
    again = handshape("crossval", "--resume", folder)
    assert again.code == 1
    assert "already complete" in again.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--folds", "2"), 2, "neither a number from 3 on nor the word signers"),
        (("--folds", "many"), 2, "neither a number"),
        (("--repeats", "0"), 1, "--repeats cannot be 0"),
        (("--folds", "signers"), 1, "needs to know who signed what"),
        (("--folds", "40"), 1, "--folds"),
    ],
)
def test_what_cannot_be_is_told(
    words: tuple[str, ...], code: int, told: str, photos: Path, handshape: Handshape, tmp_path: Path
):
    try:
        outcome = handshape("crossval", photos, "--out", tmp_path / "runs", *words, *SMALL)
    except SystemExit as stopped:
        assert stopped.code == code
        return
    assert (outcome.code, told in outcome.err) == (code, True), outcome.err
    assert not (tmp_path / "runs").exists()


def test_mean_and_spread_are_those_of_the_folds():
    from handshape.evaluation.slices import Slice

    slices = [Slice("1", 10, 9), Slice("2", 20, 16), Slice("3", 10, 10)]
    assert mean_of(slices) == pytest.approx(0.9)
    assert spread_of(slices) == pytest.approx(0.1)
    assert spread_of(slices[:1]) == 0.0
