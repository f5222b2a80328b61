"""Independent tasks in this process and in several: the same results, whatever happens to the workers."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import executor_tasks as tasks
import numpy as np
import pytest
from conftest import encoded, fill
from PIL import Image

from handshape.config import load_settings
from handshape.console import Console
from handshape.data.reading import read_files
from handshape.errors import DataError, RuntimeUnavailableError, SettingsError
from handshape.hands.inputs import Photograph
from handshape.hands.search import find_hands, found_before, hands_folder
from handshape.machine import is_installed
from handshape.workflow.context import Context
from handshape.workflow.executor import Executor, HereExecutor, executor_of, photographs
from handshape.workflow.executor.in_processes import ProcessExecutor
from handshape.workflow.executor.parcels import Parcel, opened
from handshape.workflow.executor.photographs import read_elsewhere
from handshape.workflow.loading import load

KINDS = ("here", "processes", pytest.param("ray", marks=pytest.mark.slow))


@pytest.fixture(scope="module", params=KINDS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Each of the implementations, its workers started once."""
    asked = {"here": (None, 1), "processes": (None, 2), "ray": ("local", 1)}
    cluster, processes = asked[request.param]
    if cluster and not is_installed("ray"):
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # of the workers of the Ray that is started
        with executor_of(cluster, processes, Console(quiet=True)) as executor:
            yield executor


def test_results_are_those_of_a_call(executor: Executor):
    shared = executor.share(np.arange(1000.0))
    asked = {executor.submit(tasks.add, shared, number): number for number in range(5)}
    found = {asked[future]: future.result() for future in executor.completed(asked)}
    assert found.keys() == set(range(5))
    assert all(np.array_equal(array, np.arange(1000.0) + number) for number, array in found.items())
    assert found[0].flags.writeable


@pytest.mark.parametrize(
    ("task", "kind", "told"),
    [
        (lambda executor: executor.submit(tasks.refuse, "a.txt"), DataError, "a.txt is no photograph."),
        (lambda executor: executor.submit(tasks.divide, 1.0), ZeroDivisionError, "float division by zero"),
        (lambda executor: executor.submit(tasks.be_odd), (tasks.OddError, RuntimeError), "this and that"),
    ],
)
def test_an_exception_of_the_task_is_raised_as_it_is(
    task: Callable[[Executor], object],
    kind: type[Exception] | tuple[type[Exception], ...],
    told: str,
    executor: Executor,
):
    with pytest.raises(kind) as raised:
        task(executor).result()
    assert told in str(raised.value)
    if isinstance(raised.value, DataError):
        assert (raised.value.expected, raised.value.fix) == ("a photograph", "Remove it.")


def test_what_a_worker_says_and_its_seconds_come_back(executor: Executor):
    said: list[str] = []

    class Heard(Console):
        def log(self, text: str) -> None:
            said.append(text)

        def status(self, kind: str, text: str) -> None:
            said.append(text)

        def warn(self, text: str) -> None:
            said.append(text)

    context = Context(Heard(quiet=True))
    places = [executor.submit(tasks.told, context, str(number)).result() for number in range(3)]
    assert said == ["at 0", "mind 0", "at 1", "mind 1", "at 2", "mind 2"]
    assert list(context.watch.seconds) == ["told"]
    assert all((place == os.getpid()) == isinstance(executor, HereExecutor) for place in places)


def test_what_is_shared_reaches_each_worker_once(executor: Executor):
    shared, again = executor.share(np.zeros(10)), executor.share(np.zeros(10))
    assert shared.digest == again.digest
    asked = [executor.submit(tasks.address_of, each) for each in (shared, again) * 4]
    places = {future.result() for future in executor.completed(asked)}
    if isinstance(executor, HereExecutor):
        assert len(places) == 2  # nothing travels, so that nothing is compared
    else:
        assert len(places) == len({process for process, _ in places}) <= executor.workers


def test_what_does_not_pickle_is_told_and_ends_no_worker(executor: Executor):
    if isinstance(executor, HereExecutor):
        assert callable(executor.submit(tasks.unpicklable).result())
        return
    with pytest.raises((AttributeError, TypeError, RuntimeError), match="pickle"):
        executor.submit(tasks.unpicklable).result()


def test_a_lost_worker_s_task_is_done_again_and_no_other(executor: Executor, tmp_path: Path):
    if isinstance(executor, HereExecutor):
        pytest.skip("this process is not lost")
    asked = [executor.submit(tasks.once_killed, tmp_path, number) for number in range(4)]
    assert sorted(future.result() for future in executor.completed(asked)) == [0, 1, 2, 3]
    assert len(list(tmp_path.glob("1_*"))) == 2
    assert all(len(list(tmp_path.glob(f"{number}_*"))) == 1 for number in (0, 2, 3))


def test_a_task_that_always_ends_its_worker_is_given_up(executor: Executor):
    if isinstance(executor, HereExecutor):
        pytest.skip("this process is not lost")
    with pytest.raises(RuntimeUnavailableError, match=r"4 processes|tried 4 times"):
        executor.submit(tasks.always_killed).result()


@pytest.mark.parametrize("finds_hands", [False, True])
def test_photographs_are_read_elsewhere_as_here(executor: Executor, finds_hands, drawn, models, tmp_path, console):
    files = [*sorted(drawn.glob("*/*.*"))[:20], *fill(tmp_path / "odd", {"a.jpg": b"no image", "b.png": b""}).iterdir()]
    files.insert(3, tmp_path / "missing.jpg")
    search = (lambda photographs: find_hands(photographs, models, tmp_path, console)) if finds_hands else None
    here = read_files(files, search, 64, console)
    there = read_elsewhere(files, finds_hands, 64, console, executor, "Reading")
    again = read_elsewhere(files, finds_hands, 64, console, executor, "Reading")  # hands are known now
    assert sum(bool(each.reason) for each in here.inspections) == 3
    for found in (there, again):
        assert found.inspections == here.inspections
        assert [hand is None for hand in found.hands] == [hand is None for hand in here.hands]
        assert all(np.array_equal(vars(found.inputs)[name], each) for name, each in vars(here.inputs).items())


def test_films_are_read_elsewhere_as_here(executor: Executor, drawn, models, tmp_path, console, home, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
    monkeypatch.setattr(photographs, "CHUNK", 4)
    pixels = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(drawn.glob("[AL]/*.*"))[::12]]
    frames = [np.roll(each, step, axis=1) for each in pixels for step in range(20)]
    contents = [*map(encoded, frames), b"no image"]
    contents.insert(5, contents[4])  # a copy
    contents.insert(9, b"no image")
    folder = fill(tmp_path / "film", {f"{number:03}.png": content for number, content in enumerate(contents)})
    files = [*sorted(folder.iterdir())]
    files.insert(12, folder / "missing.png")
    here = read_files(files, lambda some: find_hands(some, models, tmp_path, console), 64, console)
    anew = read_files(files, lambda some: find_hands(map(without_look, some), models, tmp_path, console), 64, console)
    assert here.inspections == anew.inspections
    assert not np.array_equal(here.inputs.landmarks, anew.inputs.landmarks)  # they are followed
    for _ in range(2):  # the second time the hands are known
        there = read_elsewhere(files, True, 64, console, executor, "Reading")
        assert there.inspections == here.inspections
        assert all(np.array_equal(vars(there.inputs)[name], each) for name, each in vars(here.inputs).items())
    monkeypatch.setattr(photographs, "find_with", lambda *_: pytest.fail("searched again"))
    with found_before(hands_folder(), console) as cache:
        for some in photographs._chunks(map(photographs._opened, files)):
            assert photographs.show(some, photographs._known(some, cache), photographs._contents(models), 64)


def without_look(photograph: Photograph) -> Photograph:
    return replace(photograph, look=b"")


def test_a_data_set_travels_without_what_belongs_to_this_process(drawn: Path, console: Console):
    chosen = [f"data.original_data_dir={drawn}", "hands.find=off", "model.img_size=96"]
    dataset = load(load_settings("default", None, chosen), Context(console))
    dataset.features["kept"] = lambda: None
    parcel, slim = Parcel.of(dataset), Parcel.of(dataset.seen_by(["landmarks", "hand"]))
    there = opened(parcel.parts)
    assert all(np.array_equal(vars(there.inputs)[name], each) for name, each in vars(dataset.inputs).items())
    assert (there.samples, there.search, there.features) == (dataset.samples, None, {})
    pictures = dataset.inputs.image.nbytes
    assert pictures < size_of(parcel) < 1.5 * pictures  # features, zeros all, take no room
    assert size_of(slim) < size_of(parcel) - 0.9 * pictures
    assert len(opened(slim.parts).inputs.image) == len(dataset)
    assert dataset.seen_by(["pixels"]) is dataset


def size_of(parcel: Parcel) -> int:
    return sum(part.nbytes for part in parcel.parts)


def test_ctrl_c_ends_the_workers(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), ProcessExecutor(2, Console(quiet=True)) as executor:
        asked = [executor.submit(tasks.sleep, tmp_path) for _ in range(3)]
        while len(workers := list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        raise KeyboardInterrupt
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(int(worker.name), 0)
    for future in asked:
        with pytest.raises(CancelledError):
            future.result(10)


def test_in_this_process_a_task_runs_when_it_is_asked_for():
    done: list[int] = []
    executor = HereExecutor()
    first, second = executor.submit(done.append, 1), executor.submit(done.append, 2)
    assert done == []
    second.result()
    assert done == [2]
    for future in executor.completed([first, second]):
        future.result()
    assert done == [2, 1]


@pytest.mark.parametrize(
    "value",
    [np.zeros((0, 3)), {"a": np.arange(5.0), "b": [np.ones((2, 2), np.uint8), "text"]}, np.arange(9.0)[::2]],
    ids=["empty", "nested", "strided"],
)
def test_a_parcel_is_opened_as_it_was_packed(value: object):
    parcel = Parcel.of(value)
    assert parcel.digest == Parcel.of(value).digest
    np.testing.assert_equal(opened(parcel.parts), value)


@pytest.mark.parametrize(
    ("cluster", "processes", "told"),
    [(None, 0, "--processes cannot be 0"), ("auto", 2, "--processes cannot be 2 with --cluster")],
)
def test_what_cannot_be_is_told(cluster: str | None, processes: int, told: str):
    with pytest.raises(SettingsError, match=told):
        executor_of(cluster, processes, Console(quiet=True))


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("handshape.workflow.executor.on_ray.is_installed", lambda module: False)
    with pytest.raises(RuntimeUnavailableError) as raised:
        executor_of("auto", 1, Console(quiet=True))
    assert raised.value.text == "Working on a cluster needs the extra [cluster]: pip install 'handshape[cluster]'."


def test_a_check_in_processes_says_the_same(drawn, handshape, home):
    alone = handshape("check", drawn, "--quick", "--json").object
    assert handshape("check", drawn, "--quick", "--json", "--processes", "2").object == alone
