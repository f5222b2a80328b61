"""Real local Ray clusters: the numbers of one process, to the last digit, whatever becomes of the machines."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, assignments

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.workflow.crossval import CrossvalOptions, cross_validate, resume_crossval
from handshape.workflow.crossval_fold import FoldAnswers
from handshape.workflow.executor import executor_of

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

SMALL = assignments(model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1, model__weights="none")
OPTIONS = CrossvalOptions(folds=4)


@pytest.fixture(scope="module")
def settings(drawn: Path) -> Settings:
    return load_settings("default", None, [f"data.original_data_dir={drawn}", *SMALL[1::2]])


@pytest.fixture(scope="module")
def alone(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cross-validation in one process."""
    out = tmp_path_factory.mktemp("alone")
    return cross_validate(settings, out, "alone", OPTIONS, Console(quiet=True)).run.folder


@pytest.fixture
def nodes() -> Iterator[tuple[object, Sequence[object]]]:
    """A cluster of two nodes on this machine, one CPU each; the first is its head."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    nodes = [cluster.add_node(num_cpus=1, include_dashboard=False) for _ in range(2)]
    yield cluster, nodes
    cluster.shutdown()


def require_equal(folder: Path, other: Path) -> None:
    names = sorted(file.name for file in (folder / "folds").iterdir())
    assert names == sorted(file.name for file in (other / "folds").iterdir())
    for name in names:
        one, two = (FoldAnswers.load(each / "folds" / name) for each in (folder, other))
        assert np.array_equal(one.rows, two.rows)
        assert np.array_equal(one.probabilities, two.probabilities)


def test_a_lost_machine_changes_nothing(nodes, settings, alone, tmp_path, capfd, monkeypatch: pytest.MonkeyPatch):
    cluster, (_, second) = nodes
    saved: list[str] = []
    saved_before: list[str] = []
    save = FoldAnswers.save
    monkeypatch.setattr(FoldAnswers, "save", lambda self, path: (saved.append(path.name), save(self, path)))

    def lose_one() -> None:
        while not saved:
            time.sleep(0.1)
        cluster.remove_node(second, allow_graceful=False)
        saved_before.extend(saved)

    console, loser = Console(quiet=True), threading.Thread(target=lose_one)
    with executor_of(cluster.address, 1, console) as executor:
        assert executor.workers == 2
        loser.start()
        capfd.readouterr()
        run = cross_validate(settings, tmp_path, "two", OPTIONS, console, executor).run
    loser.join()
    require_equal(run.folder, alone)
    assert sorted(saved) == [f"fold_{number:03}.npz" for number in range(1, 5)]
    assert 1 <= len(saved_before) < 4
    assert not capfd.readouterr().out  # Ray itself says nothing


def test_a_run_goes_on_elsewhere(settings, alone, tmp_path, monkeypatch: pytest.MonkeyPatch):
    save = FoldAnswers.save

    def stop_after(self: FoldAnswers, path: Path) -> None:
        save(self, path)
        if len(list(path.parent.iterdir())) in (1, 3):
            raise KeyboardInterrupt

    monkeypatch.setattr(FoldAnswers, "save", stop_after)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(settings, tmp_path, "moved", OPTIONS, Console(quiet=True))
    with pytest.raises(KeyboardInterrupt), executor_of("local", 1, Console(quiet=True)) as executor:
        resume_crossval(tmp_path / "moved", Console(quiet=True), None, executor)
    assert not ray.is_initialized()
    with executor_of(None, 2, Console(quiet=True)) as executor:
        resume_crossval(tmp_path / "moved", Console(quiet=True), None, executor)
    require_equal(tmp_path / "moved", alone)


def test_the_command_line_takes_the_cluster_that_is_there(
    nodes, drawn: Path, alone, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RAY_ADDRESS", nodes[0].address)
    words = ("crossval", drawn, "--folds", 4, "--cluster", "auto", "--out", tmp_path, "--name", "cv", "--json")
    outcome = handshape(*words, *SMALL)
    assert outcome.code == 0, outcome.err
    assert "Working in Ray, 2 CPUs of 2 machines" in outcome.err
    assert "ray::" not in outcome.err
    assert outcome.object["all_images"]["n"] == 48
    require_equal(tmp_path / "cv", alone)


def test_a_search_with_one_worker_tries_the_same(drawn: Path, handshape: Handshape, tmp_path: Path, nodes):
    """Cut to one node of one CPU: one worker."""
    pytest.importorskip("optuna")
    cluster, (_, second) = nodes
    cluster.remove_node(second)
    space = tmp_path / "space.yaml"
    space.write_text("model.dropout: {low: 0.0, high: 0.5}\n", encoding="utf-8")
    words = ("tune", drawn, "--space", space, "--trials", 3, "--folds", 2, "--out", tmp_path, "--json", *SMALL)
    groups = ("--set", f"data.groups={drawn / 'signers.csv'}")
    found = []
    for place in ((), ("--cluster", cluster.address), ("--processes", 2)):
        outcome = handshape(*words, *groups, *place)
        assert outcome.code == 0, outcome.err
        found.append(outcome.object)
    one, clustered, several = found
    assert [trial["folds"] for trial in clustered["trials"]] == [trial["folds"] for trial in one["trials"]]
    assert [trial["settings"] for trial in clustered["trials"]] == [trial["settings"] for trial in one["trials"]]
    assert clustered["confirmation"] == one["confirmation"]
    assert several["trials"][0]["folds"] == one["trials"][0]["folds"]
    assert len(several["trials"]) == 3


def test_an_address_where_nothing_is(drawn: Path, handshape: Handshape, tmp_path: Path):
    outcome = handshape("crossval", drawn, "--cluster", "127.0.0.1:1", "--out", tmp_path, *SMALL)
    assert outcome.code == 1
    assert "The cluster at 127.0.0.1:1 cannot be joined" in outcome.err
    assert not list(tmp_path.iterdir())
