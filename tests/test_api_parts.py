"""The parts of the API that need no server: rates, access, tokens, limits, and the model that is replaced."""

import os
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest
from api_server import running, wait_for
from conftest import Trained
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from handshape.cli.serve import limits_from, load, newest_run
from handshape.console import Console
from handshape.errors import HandshapeError, SettingsError
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.registry import Registry, open_registry, parse
from handshape.serving.api import limits as limits_module
from handshape.serving.api import models
from handshape.serving.api.access import LOOPBACK, Access, read_origin, read_tokens
from handshape.serving.api.errors import ApiError
from handshape.serving.api.limits import Limits, Rate
from handshape.serving.api.server import open_socket


@given(rate=st.floats(0.1, 100), pauses=st.lists(st.floats(0, 30), max_size=200))
def test_a_client_never_gets_more_than_its_rate_and_one_burst(rate, pauses):
    now = 0.0
    bucket = Rate(rate, lambda: now)
    passed = 0
    for pause in pauses:
        now += pause
        passed += bucket.wait("client") == 0
        assert passed <= max(1, Rate.BURST * rate) + now * rate + 1e-6


@given(rate=st.floats(0.1, 100), asked=st.integers(1, 50))
def test_who_waits_as_long_as_told_may_pass(rate, asked):
    now = 0.0
    bucket = Rate(rate, lambda: now)
    for _ in range(asked):
        wait = bucket.wait("client")
        now += wait * 1.000001
        assert not wait or bucket.wait("client") == 0
        assert bucket.wait("another") == 0 or asked > 1


def test_rates_of_any_number_of_clients_stay_small(monkeypatch):
    monkeypatch.setattr(limits_module, "REMEMBERED", 100)
    bucket = Rate(1, lambda: 0.0)
    assert all(bucket.wait(str(client)) == 0 for client in range(1000))
    assert len(bucket._buckets) <= 100


def test_without_a_rate_nobody_waits():
    bucket = Rate(0)
    assert not any(bucket.wait("client") for _ in range(1000))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "localhost:8000"}, None),
        ({"host": "[::1]:8000"}, None),
        ({"host": "LOCALHOST"}, None),
        ({"host": "localhost.evil.example"}, "wrong_host"),
        ({"host": "[broken"}, "wrong_host"),
        ({}, "wrong_host"),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, None),
        ({"host": "localhost:8000", "origin": "http://localhost:9000"}, "other_origin"),
        ({"host": "localhost:8000", "origin": "http://["}, "other_origin"),
        ({"host": "localhost:8000", "origin": "null"}, "other_origin"),
        ({"host": "localhost:8000", "origin": "https://signs.example.org"}, None),
        ({"host": "elsewhere.example", "origin": "https://signs.example.org"}, "wrong_host"),
        ({"host": "localhost:8000", "origin": "http://signs.example.org"}, "other_origin"),
        ({"host": "localhost:8000", "origin": "https://signs.example.org:8443"}, "other_origin"),
        ({"host": "localhost:8000", "origin": "https://signs.example.org.evil.example"}, "other_origin"),
    ],
)
def test_names_and_origins(headers, code):
    access = Access((), LOOPBACK, ["https://signs.example.org"])
    if code is None:
        access.check(Headers(headers))
        return
    with pytest.raises(ApiError) as caught:
        access.check(Headers(headers))
    assert caught.value.error["code"] == code


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://signs.example.org", "https://signs.example.org"),
        ("HTTPS://Signs.Example.org/", "https://signs.example.org"),
        ("https://signs.example.org:443", "https://signs.example.org"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:80", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_origins_are_written_as_browsers_write_them(text, origin):
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "null", "signs.example.org", "localhost:5173", "https://", "//a.example"]
    + [f"https://{rest}" for rest in ("a.example/page", "a.example?b", "a.example:none", "user@a.example", "[")],
)
def test_what_is_no_origin(text):
    with pytest.raises(SettingsError, match="is not the origin of web pages"):
        read_origin(text)


@given(st.text())
def test_no_word_but_the_token_opens(word):
    access = Access(["the-only-token-there-is"])
    raw = [(b"authorization", b"Bearer " + word.encode("utf-8", "replace"))]
    with pytest.raises(ApiError):
        access.check(Headers(raw=raw))


def test_tokens_of_a_file(tmp_path: Path):
    file = tmp_path / "tokens"
    text = "# for the laptop\nsixteen-characters\n\n  another-long-token  \n"
    file.write_text(text)
    assert read_tokens(file) == ["sixteen-characters", "another-long-token"]
    for encoding in ("utf-8-sig", "utf-8"):
        file.write_text(text.removeprefix("# for the laptop\n"), encoding=encoding)
        assert read_tokens(file) == ["sixteen-characters", "another-long-token"]


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "short\n", "a token with spaces in it\n", "schlüssel-schlüssel\n"]
)
def test_a_file_without_safe_tokens(content, tmp_path: Path):
    (tmp_path / "tokens").write_text(content)
    with pytest.raises(SettingsError, match="no tokens that are safe"):
        read_tokens(tmp_path / "tokens")


def test_a_file_of_tokens_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "utf-16").write_text("sixteen-characters\n", encoding="utf-16")
    for name in ("absent", "utf-16", "."):
        with pytest.raises(SettingsError, match="Cannot read the tokens") as caught:
            read_tokens(tmp_path / name)
        assert "one token a line" in caught.value.expected
        assert "secrets.token_urlsafe" in caught.value.fix


def test_limits_by_name():
    assert limits_from([], is_private=True) == Limits()
    assert limits_from([], is_private=False).rate == 30
    assert limits_from(["images=4", "rate=2.5", "images=5"], is_private=False) == Limits(images=5, rate=2.5)
    assert limits_from(["bytes=1e6", "seconds=0.5", "stop=0"], True) == Limits(bytes=1_000_000, seconds=0.5, stop=0)
    assert isinstance(limits_from(["images=4"], is_private=True).images, int)


def test_limits_that_are_none():
    with pytest.raises(SettingsError, match="There is no limit 'colour=3'") as caught:
        limits_from(["colour=3"], is_private=True)
    assert "images=32" in caught.value.expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("images", ["", "0", "-1", "many", "1.5", "nan", "inf"], "a whole number from 1 on"),
        ("rate", ["", "-1", "nan", "inf"], "a number from 0 on"),
        ("seconds", ["0", "1e-9", "1e12", "nan"], "a number from 0.1 to 86400"),
        ("stop", ["-1", "1e12", "inf"], "a number from 0 to 86400"),
    ],
)
def test_limits_out_of_range(name, values, expected):
    for value in values:
        with pytest.raises(SettingsError, match=f"The limit {name} cannot be '{value}'") as caught:
            limits_from([f"{name}={value}"], is_private=True)
        assert caught.value.expected == expected


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need not inherit them")
def test_connections_inherit_the_options_of_their_socket():
    with open_socket("127.0.0.1", 0, Limits(seconds=0.5)) as listener:
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 500


def test_the_newest_run_is_served(tmp_path: Path):
    assert newest_run(tmp_path) == ""
    for name, written in (("a", 1), ("c", 2), ("b", 3)):
        (tmp_path / name / "bundle").mkdir(parents=True)
        (tmp_path / name / "bundle" / "bundle.json").touch()
        os.utime(tmp_path / name / "bundle" / "bundle.json", (written, written))
    (tmp_path / "unfinished").mkdir()
    assert newest_run(tmp_path) == str(tmp_path / "b")


def renamed(bundle: Bundle, folder: Path) -> Bundle:
    """The same model with other labels."""
    model = ModelDescription((*"WXYZ",), bundle.size, bundle.thresholds, hands=0)
    return write_bundle(folder, model, bundle.keras, bundle.litert.read_bytes(), None, {})


@pytest.fixture
def registered(trained: Trained, tmp_path: Path, monkeypatch):
    """One model as two versions, told apart by their labels; the first is in production."""
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setattr(models, "POLL_SECONDS", 0.05)
    registry = open_registry()
    bundle = find_bundle(trained.folder)
    registry.add("asl", bundle, "first")
    registry.add("asl", renamed(bundle, tmp_path / "again"), "second")
    registry.promote(parse("asl@1"))
    return registry


def test_a_promoted_version_is_served_without_dropping_a_request(registered, trained: Trained):
    photo = next(trained.data.glob("*/*.*")).read_bytes()
    with running("asl@production") as server:
        assert server.ask("GET", "/v1/models").object["models"][0]["version"] == "asl@1"
        old = server.served.current
        registered.promote(parse("asl@2"))
        answers = []
        wait_for(lambda: answers.append(server.send(photo)) or server.served.current is not old)
        answers.append(server.send(photo))
        assert {answer.status for answer in answers} == {200}
        assert answers[0].object["results"][0]["decision"] in {"A", "B", "L", "5"}
        assert answers[-1].object["results"][0]["decision"] in set("WXYZ")
        assert server.ask("GET", "/v1/models").object["models"][0]["version"] == "asl@2"
        registered.rollback("asl")
        wait_for(lambda: server.served.current.version == "asl@1")


def test_a_broken_version_leaves_the_old_one_serving(registered, trained: Trained, tmp_path: Path):
    events = []
    served = load("asl", 1, Console(quiet=True))
    served._log = events.append
    old = served.current
    registered.promote(parse("asl@2"))
    folder = registered.bundle(registered.find(parse("asl@2"))).folder
    (folder / "model.tflite").write_bytes(b"broken")
    for _ in range(3):
        served.refresh()
    assert served.current is old
    assert [event["event"] for event in events] == ["model kept"]
    assert "model.tflite" in events[0]["reason"]


def test_what_was_seen_is_what_is_loaded(registered, monkeypatch):
    served = load("asl@production", 1, Console(quiet=True))
    registered.promote(parse("asl@2"))
    find = Registry.find

    def find_just_before_a_change(registry, reference):
        version = find(registry, reference)
        monkeypatch.setattr(Registry, "find", find)
        registered.promote(parse("asl@1"))
        return version

    monkeypatch.setattr(Registry, "find", find_just_before_a_change)
    served.refresh()
    assert (served.current.version, served.current.bundle.class_names) == ("asl@2", tuple("WXYZ"))
    served.refresh()
    assert (served.current.version, served.current.bundle.class_names) == ("asl@1", ("5", "A", "B", "L"))


def test_a_fault_that_passes_is_tried_again_but_not_all_the_time(registered, monkeypatch):
    events, tries = [], []
    served = load("asl", 1, Console(quiet=True))
    served._log = events.append
    build = served.build
    monkeypatch.setattr(served, "build", lambda bundle: tries.append(bundle) or 1 / 0)
    registered.promote(parse("asl@2"))
    for _ in range(3):
        served.refresh()
    assert len(tries) == 1
    now = time.monotonic()
    monkeypatch.setattr(models.time, "monotonic", lambda: now + models.RETRY_SECONDS)
    for _ in range(3):
        served.refresh()
    assert len(tries) == 2
    assert [event["event"] for event in events] == ["model kept"]
    monkeypatch.setattr(models.time, "monotonic", lambda: now + 3 * models.RETRY_SECONDS)
    monkeypatch.setattr(served, "build", build)
    served.refresh()
    assert served.current.version == "asl@2"


def test_no_trouble_of_any_kind_ends_the_watching(registered, monkeypatch):
    events = []
    served = load("asl", 1, Console(quiet=True))
    served._log = events.append
    build = served.build
    monkeypatch.setattr(served, "build", lambda bundle: 1 / 0)
    registered.promote(parse("asl@2"))
    served.refresh()
    assert served.current.version == "asl@1"
    assert events[0]["reason"].startswith("ZeroDivisionError")
    monkeypatch.setattr(served, "build", build)
    registered.promote(parse("asl@1"))
    served.refresh()
    registered.promote(parse("asl@2"))
    served.refresh()
    assert served.current.version == "asl@2"


@pytest.mark.parametrize("error", [BrokenPipeError(), HandshapeError("Cannot write: no space left on device.")])
def test_a_log_that_cannot_be_written_stops_nothing(error, registered, monkeypatch):
    console = Console(quiet=True, to_json=True)
    emitted = []
    monkeypatch.setattr(console, "emit", lambda event: emitted.append(event) or raised(error))
    served = load("asl", 1, console)
    registered.promote(parse("asl@2"))
    served.refresh()
    assert served.current.version == "asl@2"
    assert len(emitted) == 2


def raised(error: Exception) -> None:
    raise error


def test_a_run_that_is_replaced_is_loaded_again(trained: Trained, tmp_path: Path):
    folder = tmp_path / "bundle"
    shutil.copytree(trained.folder / "bundle", folder)
    served = load(str(folder), 1, Console(quiet=True))
    old = served.current
    served.refresh()
    assert served.current is old
    shutil.rmtree(folder)
    served.refresh()
    assert served.current is old
    renamed(find_bundle(trained.folder), folder)
    served.refresh()
    assert served.current.bundle.class_names == tuple("WXYZ")
