"""Records, checkpoints and answers of runs that somebody damaged: one sentence, never a traceback."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained

from handshape.errors import RunError
from handshape.training.checkpoints import TrainingState, require_fit
from handshape.workflow.crossval import CrossvalOptions
from handshape.workflow.crossval_fold import FoldAnswers
from handshape.workflow.run import RECORD, read_record
from handshape.workflow.run_folder import options_from

WRONG = [None, 0, -1, 3.5, True, "", "x", "../../x", [], [1], {}, {"a": 1}, {"a": {"b": []}}, "\x1b[31m", 10**400]


@pytest.fixture
def run(trained: Trained, tmp_path: Path) -> Path:
    shutil.copytree(trained.folder, tmp_path / "run")
    record = json.loads((tmp_path / "run" / RECORD).read_text())
    (tmp_path / "run" / RECORD).write_text(json.dumps({**record, "state": "interrupted"}))
    return tmp_path / "run"


FIELDS = ("timestamp", "kind", "state", "data", "external", "start", "seconds", "versions", "labels_file")


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_with_other_values(name: str, run: Path, handshape: Handshape):
    record = json.loads((run / RECORD).read_text())
    for value in WRONG:
        (run / RECORD).write_text(json.dumps({**record, name: value}))
        try:
            read_record(run)
        except RunError as error:
            assert str(run) in error.happened
            outcome = handshape("train", "--resume", run, "--json")
            assert outcome.code == 1
            assert "Traceback" not in outcome.err
            assert len(outcome.err) < 2000


@pytest.mark.parametrize(
    "options",
    [{"folds": "many"}, {"folds": 2.5}, {"repeats": []}, {"external": 3}, {"unknown": 1}, {"folds": {"a": 1}}],
)
def test_options_of_other_kinds(options: dict, tmp_path: Path):
    with pytest.raises(RunError, match=r"is damaged: options\."):
        options_from({"options": options}, CrossvalOptions, tmp_path)


def test_options_come_back(tmp_path: Path):
    kept = {"folds": "signers", "repeats": 2, "compare_random": True, "external": {"office": "/photos"}}
    expected = CrossvalOptions("signers", 2, True, {"office": Path("/photos")})
    assert options_from({"options": kept}, CrossvalOptions, tmp_path) == expected


def test_any_bytes_for_a_record(run: Path, handshape: Handshape):
    content, chance = (run / RECORD).read_bytes(), random.Random(0)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        (run / RECORD).write_bytes(bytes(changed[: chance.choice([len(changed), chance.randrange(len(changed))])]))
        try:
            read_record(run)
        except RunError as error:
            assert str(run) in error.happened
    (run / RECORD).write_text("[" * 100_000)
    with pytest.raises(RunError, match="is not a run folder"):
        read_record(run)
    outcome = handshape("runs", run.parent, "--json")
    assert "Traceback" not in outcome.err


def tampered(path: Path, arrays: dict | None = None, **plain: object) -> Path:
    """A checkpoint in which something else stands."""
    state = {"phase": 1, "epoch": 2, "finished": False, "best_loss": 0.5, "best_epoch": 1, "batch_size": 64}
    content = {"plain": np.array(json.dumps({**state, **plain})), **(arrays or {})}
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    "plain",
    [
        {"phase": 3},
        {"phase": "1"},
        {"epoch": -1},
        {"finished": "yes"},
        {"history": []},
        {"counters": {"a": 1}},
        {"unknown": 1},
        {"batch_size": 2.5},
        {"precision": 16},
        {"best_loss": None},
    ],
)
def test_a_checkpoint_with_other_values_is_refused(plain: dict, tmp_path: Path):
    with pytest.raises(RunError, match="cannot be used"):
        TrainingState.load(tampered(tmp_path / "state.npz", **plain))


def test_a_checkpoint_that_pickles_is_not_run(tmp_path: Path):
    path = tmp_path / "state.npz"
    np.savez(path, plain=np.array([{"a": print}], object))
    with pytest.raises(RunError, match="cannot be used"):
        TrainingState.load(path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path):
    arrays = {"best_0000": np.zeros((3, 4), np.float32), "best_0001": np.zeros(4, np.float32)}
    state = TrainingState.load(tampered(tmp_path / "state.npz", arrays))
    require_fit(None, state.best, [np.zeros((3, 4)), np.zeros(4)])
    for other in ([np.zeros((3, 4))], [np.zeros((4, 3)), np.zeros(4)]):
        with pytest.raises(RunError, match="another network"):
            require_fit(None, state.best, other)
    with pytest.raises(RunError, match="no number"):
        require_fit(None, [np.array([np.nan], np.float32)], [np.zeros(1)])


def test_answers_of_a_fold_that_are_none_are_refused(tmp_path: Path):
    for content in (b"", b"PK", b"x" * 1000):
        (tmp_path / "fold.npz").write_bytes(content)
        with pytest.raises(RunError, match="Remove that file"):
            FoldAnswers.load(tmp_path / "fold.npz")
