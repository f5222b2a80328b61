"""Places for trials, several processes, and what becomes of the trial of one that was killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="a search needs Optuna")

from handshape.errors import RuntimeUnavailableError, SettingsError
from handshape.workflow.tuning import study as module
from handshape.workflow.tuning import trials as trials_module
from handshape.workflow.tuning.search_space import Range
from handshape.workflow.tuning.study import (
    FOLDS,
    StudyOptions,
    best_of,
    counting,
    finished,
    importance_of,
    open_study,
    require_optuna,
    require_place,
    sampler_of,
    sqlite_url,
)
from handshape.workflow.tuning.trials import Trials, run_trials

SPACE = {"landmark_stream.dropout": Range(0.0, 0.9), "hand_stream.dropout": Range(0.0, 0.9)}
START = {"landmark_stream.dropout": 0.4, "hand_stream.dropout": 0.4}
WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_study
test_study.work(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
"""


def options(file: Path, **changes) -> StudyOptions:
    made = {"url": sqlite_url(file), "name": "s", "directions": ("maximize",), "pruner": "none", "folds": 2}
    return StudyOptions(**made | changes)


def quick_heartbeat(patch=None) -> None:
    for place, name, value in ((module, "HEARTBEAT", 1), (module, "SILENCE", 3), (trials_module, "WAIT", 0.1)):
        setattr(place, name, value) if patch is None else patch.setattr(place, name, value)


def answer(trial, most: int = 8, seconds: float = 0.0) -> float:
    require_place(trial.study, trial, most)
    landmarks, hand = (trial.suggest_float(name, 0, 0.9) for name in SPACE)
    trial.set_user_attr(FOLDS, [*trial.user_attrs.get(FOLDS, ()), round(1 - abs(landmarks - 0.2), 3)])
    time.sleep(seconds)
    return 1 - abs(landmarks - 0.2) - 0.1 * abs(hand - 0.6)


def work(file: Path, name: str, seconds: float) -> None:
    """What another process does."""
    quick_heartbeat()
    study, _ = open_study(options(file))
    choose = sampler_of(SPACE, START, 0, shared=True)
    (file.parent / f"{name}.ready").touch()
    run_trials(study, Trials(lambda trial: answer(trial, 8, seconds), choose, lambda study, trial: None, 8))


def started(folder: Path, name: str, seconds: float) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER.format(tests=str(Path(__file__).parent)), str(folder / "study.db"), name]
    return subprocess.Popen([*command, str(seconds)], env=os.environ)


def search(study, most=8, objective=answer, until=float("inf"), shared=False, at_a_time=1) -> None:
    choose = sampler_of(SPACE, START, 0, shared)
    trials = Trials(lambda trial: objective(trial, most), choose, lambda study, trial: None, most, until)
    run_trials(study, trials, at_a_time)


def test_so_many_trials_and_no_more(tmp_path):
    study, is_new = open_study(options(tmp_path / "study.db"))
    assert is_new
    study.enqueue_trial(START)
    search(study)
    assert len(finished(study)) == len(counting(study)) == 8
    assert finished(study)[0].params == START  # those to start from come first
    search(study)
    assert len(study.trials) == 8
    again, is_new = open_study(options(tmp_path / "study.db"))
    assert not is_new
    search(again, most=10)
    assert len(finished(again)) == 10
    assert best_of(again).value == max(trial.value for trial in again.trials)


def test_the_same_seed_tries_the_same(tmp_path):
    tried = []
    for name in ("one", "other"):
        study, _ = open_study(options(tmp_path / f"{name}.db"))
        search(study)
        tried.append([trial.params for trial in study.trials])
    assert tried[0] == tried[1]


def test_one_stream_changes_at_a_time(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))
    study.enqueue_trial(START)
    search(study)
    for before, trial in zip(study.trials[:-1], study.trials[1:], strict=True):
        best = max(study.trials[: before.number + 1], key=lambda each: (each.value, -each.number))
        assert sum(trial.params[name] != best.params[name] for name in SPACE) == 1


def test_several_at_a_time_share_the_places(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))
    study.enqueue_trial(START)
    together, most = [0], [0]

    def slow(trial, places):
        together[0] += 1
        most[0] = max(most[0], together[0])
        value = answer(trial, places, 0.2)
        together[0] -= 1
        return value

    search(study, objective=slow, at_a_time=3)
    assert len(finished(study)) == len(counting(study)) == 8
    assert len({tuple(trial.params.items()) for trial in finished(study)}) == 8
    assert most[0] > 1


def test_what_stops_one_of_several_stops_all(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))

    begun = threading.Event()

    def refuse(trial, places):
        if trial.number == 0:
            begun.wait(60)
            raise SettingsError("No.")
        begun.set()
        time.sleep(1)
        raise CancelledError  # its worker is ended

    with pytest.raises(SettingsError):
        search(study, objective=refuse, at_a_time=2)
    deadline = time.monotonic() + 60
    while [trial for trial in study.trials if trial.state.name == "RUNNING"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL", "WAITING"]  # to be taken up again


def test_processes_share_the_places(tmp_path):
    open_study(options(tmp_path / "study.db"))
    workers = [started(tmp_path, name, 0.05) for name in ("one", "two")]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    study, _ = open_study(options(tmp_path / "study.db"))
    assert len(finished(study)) == len(counting(study)) == 8
    seen = [tuple(trial.params.items()) for trial in finished(study)]
    assert len(set(seen)) == 8


def test_the_trial_of_a_killed_process_is_taken_up_again(tmp_path, monkeypatch):
    quick_heartbeat(monkeypatch)
    study, _ = open_study(options(tmp_path / "study.db"))
    worker = started(tmp_path, "one", 600)
    try:
        deadline = time.monotonic() + 120
        while not [trial for trial in study.trials if FOLDS in trial.user_attrs]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    (killed,) = study.trials
    search(study, shared=True)
    assert len(finished(study)) == len(counting(study)) == 8
    (again,) = [trial for trial in finished(study) if trial.params == killed.params]
    assert again.user_attrs[FOLDS][:1] == killed.user_attrs[FOLDS]  # a fold that was done stays


def test_ctrl_c_loses_nothing(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))

    def stopped_in_third(trial, most):
        value = answer(trial, most)
        if trial.number == 2:
            raise KeyboardInterrupt
        return value

    with pytest.raises(KeyboardInterrupt):
        search(study, objective=stopped_in_third)
    stopped = study.trials[2]
    search(study)
    assert len(finished(study)) == len(counting(study)) == 8
    (again,) = [trial for trial in finished(study) if trial.params == stopped.params]
    assert len(again.user_attrs[FOLDS]) == 2


def test_a_trial_without_a_place_is_given_up(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))
    others = [study.ask() for _ in range(2)]  # another process's, begun at once
    with pytest.raises(module.NoPlaceError):
        require_place(study, others[1], 1)
    require_place(study, others[0], 1)
    require_place(study, others[1], None)


def test_time_is_up(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))
    search(study, most=None, objective=lambda trial, most: answer(trial, 99, 0.2), until=time.monotonic() + 1)
    assert 1 <= len(study.trials) < 20


def test_what_counts(tmp_path):
    study, _ = open_study(options(tmp_path / "study.db"))
    assert importance_of(study) == {}
    search(study, most=30)
    importance = importance_of(study)
    assert next(iter(importance)) == "landmark_stream.dropout"
    assert sum(importance.values()) == pytest.approx(1)


def test_what_cannot_be_opened_is_told(tmp_path, monkeypatch):
    for url in ("nonsense", f"sqlite:///{tmp_path}/absent/study.db", "strange://host/base"):
        with pytest.raises(SettingsError, match="cannot be opened"):
            open_study(options(tmp_path / "x", url=url))
    open_study(options(tmp_path / "study.db"))
    with pytest.raises(SettingsError, match="other objectives"):
        open_study(options(tmp_path / "study.db", directions=("maximize", "minimize")))
    monkeypatch.setattr(module, "is_installed", lambda name: False)
    with pytest.raises(RuntimeUnavailableError) as error:
        require_optuna()
    assert error.value.text == "Searching settings needs the extra [tune]: pip install 'handshape[tune]'."
