"""The photographs on which exports are calibrated and proved."""

from pathlib import Path

import pytest
from conftest import Trained, fill

from handshape.console import Console
from handshape.data.samples import Sample
from handshape.data.splits import read_splits
from handshape.errors import DataError
from handshape.export.bundle import Bundle
from handshape.model.decisions import Thresholds
from handshape.workflow.export import CALIBRATE, PROVE, choose_from_folder, choose_from_split, load_photographs

BUNDLE = Bundle(("A", "B", "L", "5"), 96, Thresholds(0.5), 0, Path("bundle"), {})


def folder_of(root: Path, counts: dict[str, int]) -> Path:
    for label, count in counts.items():
        fill(root, {f"{label}/{number:04}.jpg": b"" for number in range(count)} or {f"{label}/.none": b""})
    return root


def test_a_fifth_calibrates_and_the_others_prove(tmp_path: Path) -> None:
    chosen = choose_from_folder(folder_of(tmp_path, {"A": 50, "B": 25}), BUNDLE)
    assert len(chosen.calibration) == 15
    assert len(chosen.proof) == 60
    assert not {each.path for each in chosen.calibration} & {each.path for each in chosen.proof}
    assert {each.label for each in chosen.calibration} == {each.label for each in chosen.proof} == {"A", "B"}


def test_many_photographs_are_thinned_out_evenly(tmp_path: Path) -> None:
    chosen = choose_from_folder(folder_of(tmp_path, {"A": 1500, "B": 1500}), BUNDLE)
    assert (len(chosen.calibration), len(chosen.proof)) == (CALIBRATE, PROVE)
    assert len(set(chosen.proof)) == PROVE
    assert abs(sum(each.label == "A" for each in chosen.proof) - PROVE / 2) <= 1


def test_labels_are_the_models(tmp_path: Path) -> None:
    chosen = choose_from_folder(folder_of(tmp_path, {"a": 5, "strange": 5}), BUNDLE)
    assert {each.label for each in (*chosen.calibration, *chosen.proof)} == {"A"}


@pytest.mark.parametrize("counts", [{"A": 1}, {"strange": 9}, {"A": 0, "B": 0}])
def test_too_few_photographs_are_refused(tmp_path: Path, counts: dict[str, int]) -> None:
    with pytest.raises(DataError, match="too few photographs"):
        choose_from_folder(folder_of(tmp_path, counts), BUNDLE)


def test_a_runs_photographs_keep_their_parts(trained: Trained) -> None:
    parts = read_splits(trained.folder / "splits.csv")
    chosen = choose_from_split(trained.data, parts)
    assert set(chosen.calibration) == set(parts["train"])
    assert set(chosen.proof) == {*parts["validation"], *parts["test"]}


def test_a_runs_photographs_may_be_gone(tmp_path: Path) -> None:
    parts = {part: (Sample(f"A/{part}.jpg", "A"),) for part in ("train", "validation", "test")}
    for root in (tmp_path, tmp_path / "moved"):
        with pytest.raises(DataError, match="no longer in") as caught:
            choose_from_split(root, parts)
        assert "--data" in caught.value.fix


def test_unreadable_photographs_are_left_out(
    drawn: Path, tmp_path: Path, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = next((drawn / "L").glob("*.jpg")).read_bytes()
    fill(tmp_path, {"L/half.jpg": whole[:400], "L/whole.jpg": whole})
    samples = [Sample(f"L/{name}.jpg", "L") for name in ("half", "whole")]
    photographs = load_photographs(tmp_path, samples, BUNDLE, None, console)
    assert photographs.targets.tolist() == [2]
    assert photographs.inputs.image.shape == (1, 96, 96, 3)
    assert "unreadable images: 1" in capsys.readouterr().err
    with pytest.raises(DataError, match="None of the 1 photographs"):
        load_photographs(tmp_path, samples[:1], BUNDLE, None, console)
