"""``train_model.py`` run as a script in a folder of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handshape.export.bundle import find_bundle
from handshape.workflow.run import Run, open_run, read_record

SCRIPT = Path(__file__).parents[1] / "train_model.py"
SMALL = """
import sys
sys.path.insert(0, {folder!r})
import train_model
train_model.CONFIG["model"].update(img_size=96, num_epochs=1, fine_tune_epochs=1, weights="none")
train_model.CONFIG["augmentation"].update(views=1)
sys.exit(train_model.main())
"""


def run_script(place: Path) -> subprocess.CompletedProcess[str]:
    code = SMALL.format(folder=str(SCRIPT.parent))
    return subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)


def test_it_writes_everything_right_here(drawn: Path, tmp_path: Path):
    shutil.copytree(drawn, tmp_path / "dataset" / "train")
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Test accuracy" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "bundle",
        "dataset",
        "logs",
        "models",
        "photographs.npz",
        "photographs.sha256",
        "results",
        "run.json",
        "splits.csv",
        "temp_data",
        "training.log",
    }
    run = open_run(tmp_path, Run)
    assert read_record(tmp_path)["state"] == "complete"
    for file in (run.best_model, run.final_model, run.label_map, run.config, run.results / "confusion_matrix.png"):
        assert file.is_file()
    assert json.loads((run.results / "evaluation_results.json").read_text())["split"]["test"] > 0
    assert len(list((tmp_path / "temp_data").rglob("*.jpg"))) == 48
    assert find_bundle(tmp_path).size == 96


def test_without_photographs_it_says_what_is_missing(tmp_path: Path):
    done = run_script(tmp_path)
    assert done.returncode == 1
    assert "There is no folder dataset/train" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_has_the_functions_of_the_specification(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import train_model

    names = (
        "configure_gpu create_directories validate_data split_data create_data_generators build_model create_callbacks "
        "train_model fine_tune_model evaluate_model create_visualizations save_model main"
    )
    assert all(callable(getattr(train_model, name)) for name in names.split())
    assert set(train_model.CONFIG) >= {"data", "model", "augmentation", "training", "gpu"}
