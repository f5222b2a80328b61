"""The registry: versions that never change, aliases that are never half-moved, whoever is killed or comes at once."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Trained
from hypothesis import given, settings
from hypothesis import strategies as st

import handshape
from handshape.console import Console
from handshape.errors import ModelError, RunError, RuntimeUnavailableError
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.files import LEFT_OVER, PARTIAL
from handshape.model.decisions import Thresholds
from handshape.registry import Event, Reference, Registry, name_from, open_registry, parse, path_of, ready, resolve
from handshape.registry.history import read_event, replay


def bundle_of(folder: Path, number: int, name: str = "", **details: object) -> Bundle:
    """A bundle unlike those of other numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{number}.keras"
    model.write_bytes(b"model %d" % number)
    description = ModelDescription(("A", "B"), 96, Thresholds(0.4), 0)
    return write_bundle(folder / (name or str(number)), description, model, None, None, {"made": number, **details})


@pytest.fixture(autouse=True)
def nothing_comes_along(tmp_path: Path, monkeypatch) -> Path:
    """These tests are about what users register; what comes with Handshape is as it is in ``comes_along``."""
    monkeypatch.setattr(ready, "PLACE", tmp_path / "ready")
    return tmp_path / "ready"


@pytest.fixture
def bundles(tmp_path: Path) -> list[Bundle]:
    return [bundle_of(tmp_path / "bundles", number) for number in range(4)]


@pytest.fixture(params=["folder", "url"])
def registry(request, tmp_path: Path, monkeypatch) -> Registry:
    """In a folder, and behind a URL that happens to be in memory."""
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "home"))
    where = str(tmp_path / "models")
    if request.param == "url":
        pytest.importorskip("fsspec")
        where = f"memory://{tmp_path.name}/models"
    monkeypatch.setenv("HANDSHAPE_REGISTRY", where)
    return open_registry()


def test_versions_are_numbered_and_never_change(registry: Registry, bundles: list[Bundle]):
    versions = [registry.add("asl", bundle, "runs/first") for bundle in bundles]
    assert [str(version) for version in versions] == ["asl@1", "asl@2", "asl@3", "asl@4"]
    assert registry.add("asl", bundles[1], "again") == versions[1]  # the same model is the same version
    registry.remove("asl", 4)
    assert registry.add("asl", bundles[3], "back").number == 5  # no number is given twice
    assert [version.number for version in registry.versions("asl")] == [1, 2, 3, 5]
    assert registry.names() == ["asl"]
    for version in registry.versions("asl"):
        assert registry.bundle(version).sha256 == version.sha256
    assert registry.bundle(versions[2]).keras.read_bytes() == b"model 2"
    shutil.rmtree(bundles[2].folder)  # what was added from may go
    assert Registry(registry.storage).bundle(versions[2]).details["made"] == 2


def test_promote_and_roll_back(registry: Registry, bundles: list[Bundle]):
    for bundle in bundles:
        registry.add("asl", bundle, "")
    assert registry.find(parse("asl")).number == 4  # the newest, while nothing is in production
    for number in (1, 3, 3, 2):
        registry.promote(Reference("asl", number))
    assert registry.find(parse("asl")).number == registry.find(parse("asl@production")).number == 2
    assert registry.find(parse("asl@newest")).number == 4
    registry.promote(Reference("asl", "production"), "staging")
    assert registry.find(Reference("asl", 2)).aliases == ("production", "staging")
    registry.remove("asl", 3)  # was in production before
    assert registry.rollback("asl").number == 1
    with pytest.raises(ModelError, match="no earlier version"):
        registry.rollback("asl")
    with pytest.raises(ModelError, match="in use as staging"):
        registry.remove("asl", 2)
    registry.release("asl", "staging")
    registry.remove("asl", 2)
    assert [event.action for event in registry.events("asl")][4:] == [
        *["promote"] * 4,
        "remove",
        "rollback",
        "release",
        "remove",
    ]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("alsl", "Did you mean asl?"),
        ("asl@7", r"There is no asl@7(.|\n)*version \(1\)"),
        ("asl@prodution", "Did you mean asl@production?"),
        ("asl@staging", "There is no asl@staging"),
        ("runs/nothing", "There is no folder runs/nothing"),
        ("ASL", "There is no folder ASL"),
        ("asl@-1", "There is no folder asl@-1"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(word: str, says: str, registry: Registry, bundles: list[Bundle]):
    registry.add("asl", bundles[0], "")
    registry.promote(parse("asl@1"))
    with pytest.raises(ModelError, match=says):
        resolve(word)


def test_an_empty_registry_says_how_to_begin(registry: Registry):
    assert registry.names() == []
    with pytest.raises(ModelError, match="handshape models add RUN --name NAME"):
        resolve("asl")
    for change in (
        lambda: registry.rollback("asl"),
        lambda: registry.remove("asl", 1),
        lambda: registry.find(parse("x")),
    ):
        with pytest.raises(ModelError, match="There is no model"):
            change()


def test_a_path_wins_over_a_name(registry: Registry, bundles: list[Bundle], tmp_path: Path, monkeypatch):
    registry.add("asl", bundles[0], "")
    monkeypatch.chdir(tmp_path)
    assert resolve("asl").details["made"] == 0
    shutil.copytree(bundles[1].folder, tmp_path / "asl")
    assert resolve("asl").details["made"] == 1
    assert resolve(Path("asl@1")).details["made"] == 0


@pytest.fixture
def comes_along(nothing_comes_along: Path, tmp_path: Path) -> Path:
    """Two models come with Handshape; they were made as numbers 8 and 9."""
    sets = {"one room": {"n": 50, "accuracy": 0.9}, "another": {"n": 150, "accuracy": 0.8}}
    for number, name, external in ((8, "asl", sets), (9, "digits", {})):
        says = {"about": f"the {name}", "limits": "it knows nothing else"}
        bundle_of(tmp_path / "made", number, name, ready=says, measures={"external": external})
    shutil.move(tmp_path / "made", nothing_comes_along)
    return nothing_comes_along


def test_a_name_that_nobody_registered_is_what_comes_along(
    comes_along: Path, registry: Registry, bundles: list[Bundle], tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert (resolve("asl").details["made"], resolve("digits").details["made"]) == (8, 9)
    assert path_of("asl") == comes_along / "asl"
    (tmp_path / "asl" / "A").mkdir(parents=True)  # photographs, as it seems
    assert resolve("asl").details["made"] == 8
    registry.add("asl", bundles[0], "")
    assert (resolve("asl").details["made"], path_of("asl")) == (0, None)
    assert resolve("asl@1").details["made"] == 0
    shutil.rmtree(tmp_path / "asl")
    shutil.copytree(bundles[1].folder, tmp_path / "asl")
    assert resolve("asl").details["made"] == 1


def test_a_folder_without_a_model_is_named_where_nothing_has_its_name(registry: Registry, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ModelError, match="There is no model in photos"):
        resolve("photos")
    (tmp_path / "photos" / "run.json").write_text("{}")
    with pytest.raises(ModelError, match="The run photos did not finish"):
        resolve("photos")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("digit", r"Did you mean digits\?"),
        ("ASL", r"There is no folder ASL(.|\n)*Did you mean asl\?"),
        ("asl@1", r"asl comes with Handshape(.|\n)*handshape models add asl"),
        ("nothing", r"There is no model 'nothing'(.|\n)*asl, digits"),
        ("runs/asl", "There is no folder runs/asl"),
    ],
)
def test_what_is_nearly_the_name_of_what_comes_along(word: str, says: str, comes_along: Path, registry: Registry):
    with pytest.raises(ModelError, match=says):
        resolve(word)


def test_it_is_said_which_of_two_models_of_one_name_is_meant(
    comes_along: Path, registry: Registry, bundles: list[Bundle], tmp_path: Path, monkeypatch, capfd
):
    def said(name: str, quiet: bool = False) -> str:
        resolve(name, Console(quiet))
        return capfd.readouterr().err

    monkeypatch.chdir(tmp_path)
    assert said("asl", quiet=True) == ""  # nobody has read it, so it is still to be said
    first = said("asl")
    assert all(words in first for words in ("the asl", "it knows nothing else", "2 sets", "85%", "translates no"))
    assert said("asl") == ""
    assert "not measured on people it never saw" in said("digits")
    registry.add("asl", bundles[0], "")
    for _ in range(2):
        assert said("asl") == "asl is your own registered model, not the one that comes with Handshape\n"
    assert said("asl@1") == ""  # nothing else could be meant
    shutil.copytree(bundles[1].folder, tmp_path / "asl")
    assert said("asl") == "asl is the model in asl, not the one that comes with Handshape\n"


@pytest.mark.parametrize(
    "word", ["", "@", "a b", "ASL", "../asl", "asl@0", "asl@01", "asl@", "asl@A", ".asl", "a" * 65]
)
def test_words_that_are_no_names(word: str):
    with pytest.raises(ModelError, match="cannot be"):
        parse(word)


@pytest.mark.parametrize(
    ("word", "name"), [("First", "first"), ("run 2/x", "run-2-x"), ("..", ""), ("ä", ""), ("20261122_174910",) * 2]
)
def test_a_name_from_that_of_a_run(word: str, name: str):
    assert name_from(word) == name
    if name:
        assert parse(name) == Reference(name)


def test_newest_cannot_be_promoted_to_nor_taken_away(registry: Registry, bundles: list[Bundle]):
    registry.add("asl", bundles[0], "")
    with pytest.raises(ModelError, match="cannot be an alias"):
        registry.promote(parse("asl"), "newest")
    with pytest.raises(ModelError, match=r"asl@newest always is (.|\n)*handshape models remove asl@1"):
        registry.release("asl", "newest")


@pytest.mark.parametrize("name", ["asl@2", "asl@production", "ASL", "../asl", ""])
def test_only_a_bare_name_can_be_added_to(name: str, bundles: list[Bundle], tmp_path: Path):
    registry = open_registry(str(tmp_path / "models"))
    version = registry.add("asl", bundles[0], "")
    for change in (lambda: registry.add(name, bundles[1], ""), lambda: registry.rollback(name)):
        with pytest.raises(ModelError, match="cannot be the name of a model"):
            change()
    shutil.copytree(tmp_path / "models" / "asl", tmp_path / "models" / "asl@2")
    assert registry.names() == ["asl"]
    assert registry.versions("asl") == [version]


def test_a_damaged_version_is_refused(bundles: list[Bundle], tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "models"))
    version = open_registry().add("asl", bundles[0], "")
    (tmp_path / "models" / "asl" / "bundles" / version.sha256 / "model.keras").write_bytes(b"another")
    with pytest.raises(ModelError, match=r"model\.keras has changed"):
        resolve("asl")
    assert open_registry().add("asl", bundles[0], "") == version  # adding it once more mends it
    assert resolve("asl").keras.read_bytes() == b"model 0"


def test_a_url_without_what_it_needs(monkeypatch):
    with pytest.raises(RuntimeUnavailableError, match=r"pip install 'handshape\[remote\]'"):
        open_registry("nonsense://models")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(RuntimeUnavailableError, match=r"pip install 'handshape\[remote\]'"):
        open_registry("s3://models")


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HANDSHAPE_HOME": "/home/h", "XDG_DATA_HOME": "/d"}, "/home/h/registry"),
        ({"XDG_DATA_HOME": "/d"}, "/d/handshape/registry"),
        ({"HANDSHAPE_HOME": "/home/h", "HANDSHAPE_REGISTRY": "/r"}, "/r"),
        ({"HANDSHAPE_REGISTRY": "file:///r"}, "/r"),
    ],
)
def test_where_it_is(variables: dict[str, str], place: str, monkeypatch):
    for name in ("HANDSHAPE_HOME", "XDG_DATA_HOME", "HANDSHAPE_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Path(str(open_registry().storage)) == Path(place)


def test_threads_that_change_it_at_once(registry: Registry, bundles: list[Bundle], tmp_path: Path):
    many = [bundle_of(tmp_path / "bundles", number) for number in range(12)]
    storage = registry.storage
    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(lambda bundle: Registry(storage).add("asl", bundle, ""), many))
        list(pool.map(lambda version: Registry(storage).promote(parse(str(version))), added))
    assert sorted(version.number for version in added) == list(range(1, 13))
    assert {version.number: version.sha256 for version in registry.versions("asl")} == {
        version.number: version.sha256 for version in added
    }
    assert len(registry.events("asl")) == 24


ADD = """
import sys
from pathlib import Path
from handshape.export.bundle import read_bundle
from handshape.registry import open_registry
registry = open_registry(sys.argv[1])
print("ready", flush=True); sys.stdin.readline()
for folder in sys.argv[2:]:
    print(registry.add("asl", read_bundle(Path(folder)), folder).number, flush=True)
"""


def start(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_that_add_at_once(tmp_path: Path):
    many = [bundle_of(tmp_path / "bundles", number).folder for number in range(16)]
    processes = [start(ADD, tmp_path / "models", *part) for part in (many[::2], many[1::2])]
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    numbers = [number for process in processes for number in process.communicate()[0].split()]
    assert sorted(map(int, numbers)) == list(range(1, 17))
    registry = open_registry(str(tmp_path / "models"))
    versions = registry.versions("asl")
    assert {version.source for version in versions} == set(map(str, many))
    for version in versions:
        assert registry.bundle(version) == find_bundle(registry.bundle(version).folder)


KILLED = """
import os, signal, sys
from pathlib import Path
from handshape.export.bundle import read_bundle
from handshape.registry import open_registry, parse
place, step, done = sys.argv[1], int(sys.argv[3]), []
def watch(event, arguments):
    is_new_file = event == "open" and str(arguments[1])[:1] in ("w", "x")
    changes = is_new_file or event in ("os.link", "os.rename", "os.mkdir", "os.remove")
    if changes and str(arguments[0]).startswith(place):
        if len(done) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(event)
        print(event, flush=True)
registry, bundle = open_registry(place), read_bundle(Path(sys.argv[2]))
print("ready", flush=True); sys.stdin.readline()
sys.addaudithook(watch)
registry.promote(parse(str(registry.add("asl", bundle, ""))))
"""


@pytest.mark.parametrize("step", range(14))
def test_killed_at_each_step_of_adding_and_promoting(step: int, tmp_path: Path, bundles: list[Bundle]):
    """After so many changes on the disk comes SIGKILL; each event is there from its link on, and not before."""
    registry = open_registry(str(tmp_path / "models"))
    registry.add("asl", bundles[0], "")
    registry.promote(parse("asl@1"))
    process = start(KILLED, tmp_path / "models", bundles[1].folder, step)
    links = process.communicate("\n")[0].split().count("os.link")
    assert process.returncode == -signal.SIGKILL or (step > 10 and process.returncode == 0)
    registry = open_registry(str(tmp_path / "models"))
    assert len(registry.versions("asl")) == (2 if links else 1)
    serving = registry.find(parse("asl@production"))
    assert serving.number == (2 if links == 2 else 1)
    assert registry.bundle(serving).details["made"] == serving.number - 1
    again = registry.add("asl", bundles[1], "")  # trying once more is all it takes
    assert registry.promote(parse(str(again))).number == 2
    assert resolve(registry.bundle(registry.find(parse("asl"))).folder).details["made"] == 1


def test_killed_at_any_moment(tmp_path: Path):
    many = [bundle_of(tmp_path / "bundles", number).folder for number in range(40)]
    numbers: list[int] = []
    chance = random.Random(0)
    for _ in range(3):
        process = start(ADD, tmp_path / "models", *many)
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        time.sleep(chance.uniform(0.01, 0.08))
        process.kill()
        said = [int(line) for line in process.communicate()[0].split("\n")[:-1]]
        registry = open_registry(str(tmp_path / "models"))
        versions = registry.versions("asl") if registry.names() else []
        numbers = [version.number for version in versions]
        assert numbers == list(range(1, len(numbers) + 1))
        assert set(said) <= set(numbers)  # what was answered stays
        assert all(registry.bundle(version).sha256 == version.sha256 for version in versions)


def test_what_killed_programs_left_is_swept_in_time(tmp_path: Path, bundles: list[Bundle]):
    registry = open_registry(str(tmp_path / "models"))
    registry.add("asl", bundles[0], "")
    model = tmp_path / "models" / "asl"
    old, new = (model / "bundles" / f"{PARTIAL}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    event = model / "events" / f"{PARTIAL}event"
    event.write_text("{}")
    for path in (old, event):
        os.utime(path, (0, time.time() - LEFT_OVER - 60))
    registry.add("asl", bundles[1], "")
    assert not old.exists()
    assert not event.exists()
    assert new.exists()


def test_a_file_system_without_links(tmp_path: Path, bundles: list[Bundle], monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    registry = open_registry(str(tmp_path / "models"))
    assert [registry.add("asl", bundle, "").number for bundle in bundles] == [1, 2, 3, 4]
    assert not list((tmp_path / "models").rglob(f"{PARTIAL}*"))


def test_a_place_that_cannot_be_written(tmp_path: Path, bundles: list[Bundle]):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(RunError, match=r"Cannot write (.|\n)*choose another place with HANDSHAPE_REGISTRY"):
        open_registry(str(tmp_path / "file" / "models")).add("asl", bundles[0], "")
    with pytest.raises(ModelError, match=r"The registry .* is a file(.|\n)*HANDSHAPE_REGISTRY"):
        open_registry(str(tmp_path / "file"))


@pytest.fixture
def forbid(monkeypatch) -> Callable[[Path, str], None]:
    """Has the system refuse what is done with a path, which root could do whatever its permissions are."""

    def refuse_from_now(forbidden: Path, method: str) -> None:
        allowed = getattr(Path, method)

        def refuse(path: Path, *words: object, **named: object) -> object:
            if path == forbidden or forbidden in path.parents:
                raise PermissionError(13, "Permission denied", str(path))
            return allowed(path, *words, **named)

        monkeypatch.setattr(Path, method, refuse)

    return refuse_from_now


def test_a_place_that_cannot_be_read(tmp_path: Path, forbid):
    forbid(tmp_path / "models", "iterdir")
    with pytest.raises(ModelError, match=r"Cannot read .* permission denied"):
        open_registry(str(tmp_path / "models")).names()


@pytest.mark.parametrize("trouble", ["forbidden", "folder"])
def test_an_event_that_cannot_be_read_is_named_and_other_models_go_on(
    trouble: str, bundles: list[Bundle], tmp_path: Path, forbid, monkeypatch
):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "models"))
    for name in ("asl", "other"):
        open_registry().add(name, bundles[0], "")
    event = tmp_path / "models" / "asl" / "events" / "00000099.json"
    event.mkdir()
    if trouble == "forbidden":
        forbid(event, "read_bytes")
    for use in (lambda: resolve("asl"), lambda: open_registry().promote(parse("asl@1")), open_registry().names):
        with pytest.raises(ModelError, match=r"Cannot read .*00000099\.json: (permission denied|is a directory)"):
            use()
    assert resolve("other").sha256 == bundles[0].sha256


def test_a_model_where_nobody_may_look(bundles: list[Bundle], tmp_path: Path, forbid):
    forbid(tmp_path / "bundles", "stat")
    for path in (bundles[0].folder, tmp_path / "bundles" / "none.zip"):
        with pytest.raises(ModelError, match=r"Cannot read .* permission denied"):
            resolve(path)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("", "An empty word"),
        (".", r"There is no model in /"),
        ("..", r"There is no model in /"),
        ("a" * 300, "Cannot read a+: file name too long"),
        ("x/" * 3000, "Cannot read .*: file name too long"),
        ("a\0b", "Cannot read"),
        ("\ud800", "Cannot read"),
        ("~nobody123/x", "There is no folder ~nobody123/x"),
    ],
)
def test_words_that_are_no_paths(word: str, says: str, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=says):
        resolve(word)


def test_files_that_are_not_the_registrys_are_passed_over(tmp_path: Path, bundles: list[Bundle]):
    registry = open_registry(str(tmp_path / "models"))
    registry.add("asl", bundles[0], "")
    (tmp_path / "models" / "Notes").mkdir()
    (tmp_path / "models" / "notes.txt").write_text("mine")
    events = tmp_path / "models" / "asl" / "events"
    (events / "desktop.ini").write_text("not mine")
    (events / "00000002.json").write_text('{"action": "promo')  # its writer was killed where there are no links
    (events / "00000003.json").write_text('{"action": "praise", "version": 1}')  # of a later version
    fresh = open_registry(str(tmp_path / "models"))
    assert fresh.names() == ["asl"]
    assert fresh.promote(parse("asl@1")).aliases == ("production",)
    assert (events / "00000004.json").is_file()


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "promote", "rollback", "release", "remove"]), st.integers(1, 4)), max_size=30
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_happens_aliases_stand_for_what_is_there(steps: list[tuple[str, int]]):
    """The registry's own rules, on memory alone."""
    contents: dict[str, bytes] = {}

    class Memory:
        def names(self, folder: str) -> list[str]:
            return sorted(Path(file).name for file in contents if file.startswith(f"{folder}/"))

        def read(self, files: list[str]) -> list[bytes]:
            return [contents[file] for file in files]

        def create(self, file: str, content: bytes) -> bool:
            return contents.setdefault(file, content) is content

        def put(self, folder: str, bundle: object) -> None: ...

        def delete(self, folder: str) -> None: ...

    class Some:
        def __init__(self, sha256: str) -> None:
            self.sha256 = sha256

    registry = Registry(Memory())  # type: ignore[arg-type]
    stood: list[int] = []
    for count, (action, number) in enumerate(steps):
        try:
            if action == "add":
                registry.add("m", Some(str(count)), "")  # type: ignore[arg-type]
            elif action == "promote":
                registry.promote(Reference("m", number))
                stood.append(number)
            elif action == "rollback":
                assert registry.rollback("m").number in stood
            elif action == "release":
                registry.release("m", "production")
            else:
                registry.remove("m", number)
        except ModelError:
            continue
        state = registry.state("m")
        assert set(state.aliases.values()) <= set(state.added)
        assert state.newest == sum(event.action == "add" for event in registry.events("m"))


def test_an_event_comes_back_as_it_was_stored():
    event = Event("promote", 3, "production")
    assert read_event(event.to_bytes()) == event
    assert set(json.loads(event.to_bytes())) == {"action", "version", "alias", "at"}
    assert replay([Event("rollback", 1, "production")]).aliases == {"production": 1}  # whatever came before is lost


@pytest.mark.parametrize(
    "content",
    [
        *({"version": wrong} for wrong in ("x", None, 1.5, True, 0, -1, [1])),
        *({field: wrong} for field in ("action", "alias", "bundle", "source", "at") for wrong in (1, None, ["x"], {})),
    ],
)
def test_what_has_other_types_is_no_event(content: dict[str, object]):
    whole = {"action": "add", "version": 1, "bundle": "0", "source": "", "at": ""}
    assert read_event(json.dumps(whole).encode()) is not None
    assert read_event(json.dumps(whole | content).encode()) is None


@pytest.mark.parametrize("content", [b"", b"1", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"action": "add"}'])
def test_what_is_no_event_at_all(content: bytes):
    assert read_event(content) is None


def test_python_users_load_by_name(registry: Registry, trained: Trained):
    registry.add("drawn", find_bundle(trained.folder), str(trained.folder))
    image = trained.data / "A" / "A_0001.jpg"
    by_name, by_path = handshape.load("drawn@1").recognize(image), handshape.load(trained.folder).recognize(image)
    assert by_name.top == by_path.top
