"""Frames in, decisions out, through real WebSockets."""

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from api_server import PATIENCE, Running, running, wait_for
from conftest import Trained
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from handshape.cli.serve_log import problems_said
from handshape.console import Console
from handshape.serving.api import stream as stream_module
from handshape.serving.api.access import Access

TOKEN = "a-token-for-these-tests"


@pytest.fixture(scope="module")
def server(trained: Trained):
    with running(trained.folder, frame=500_000, streams=3) as here:
        yield here


@pytest.fixture(scope="module")
def frames(trained: Trained) -> list[bytes]:
    return [photo.read_bytes() for photo in sorted(trained.data.glob("*/*.*"))[::6]]


def open_stream(server: Running, path: str = "/v1/stream", **options) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, proxy=None, **options)


def ask(stream: ClientConnection, frame: bytes) -> dict:
    stream.send(frame)
    return json.loads(stream.recv(PATIENCE))


class Held:
    """Has a server begin its work on frames, but not end it until the test says so."""

    def __init__(self, server: Running, monkeypatch) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        recognizer = server.served.current.recognizer
        follow = recognizer.follow

        def held(frame, previous):
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
            return follow(frame, previous)

        monkeypatch.setattr(recognizer, "follow", held)


def test_each_frame_has_the_answer_of_its_image(server: Running, frames):
    with open_stream(server) as stream:
        for number, frame in enumerate(frames):
            answer = ask(stream, frame)
            assert (answer.pop("frame"), answer.pop("late")) == (number, 0)
            alone = server.send(frame).object["results"][0]
            assert answer.keys() == alone.keys() - {"path"}
            assert (answer["decision"], answer["top"]) == (alone["decision"], alone["top"])


def test_late_frames_are_dropped_and_the_newest_is_answered(server: Running, frames, monkeypatch):
    held = Held(server, monkeypatch)
    with open_stream(server) as stream:
        stream.send(frames[0])
        assert held.begun.wait(PATIENCE)
        for frame in frames[1:6]:
            stream.send(frame)
        assert stream.ping().wait(PATIENCE)  # what was sent before has arrived
        held.go_on.set()
        first, second = (json.loads(stream.recv(PATIENCE)) for _ in range(2))
        with pytest.raises(TimeoutError):
            stream.recv(0.5)
    assert [(answer["frame"], answer["late"]) for answer in (first, second)] == [(0, 0), (5, 4)]
    assert second["top"] == server.send(frames[5]).object["results"][0]["top"]


def test_a_client_that_does_not_read_holds_nobody_up(server: Running, frames):
    with open_stream(server, close_timeout=0.2) as deaf, open_stream(server) as other:
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                deaf.send(frames[0])
                time.sleep(0.005)

        with ThreadPoolExecutor(1) as pool:
            flooding = pool.submit(flood)
            answers = [ask(other, frame) for frame in frames * 3]
            stop.set()
            flooding.result(PATIENCE)
    assert [answer["frame"] for answer in answers] == list(range(3 * len(frames)))


def test_a_bad_frame_is_said_and_the_stream_goes_on(server: Running, frames):
    with open_stream(server) as stream:
        assert ask(stream, b"no image")["error"]["code"] == "unreadable_image"
        assert ask(stream, b"")["error"]["code"] == "unreadable_image"
        assert ask(stream, frames[0])["decision"]


@pytest.mark.parametrize(("message", "code"), [("text", 1003), (b"x" * 600_000, 1009)])
def test_what_is_no_frame_ends_the_stream(message, code, server: Running):
    with open_stream(server) as stream:
        stream.send(message)
        if code == 1003:
            assert json.loads(stream.recv(PATIENCE))["error"]["code"] == "not_a_frame"
        with pytest.raises(ConnectionClosed):
            stream.recv(PATIENCE)
        assert stream.close_code == code


def rejection(server: Running, **options) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        open_stream(server, **options)
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]["code"]


def test_only_so_many_streams(server: Running, frames):
    wait_for(lambda: b"handshape_streams_open 0.0" in server.ask("GET", "/metrics").body)
    streams = [open_stream(server) for _ in range(3)]
    assert rejection(server) == (429, "busy")
    assert server.send(frames[0]).status == 200
    for stream in streams:
        stream.close()


def test_who_may_open_a_stream(trained: Trained, frames):
    with running(trained.folder, tokens=[TOKEN]) as server:
        assert rejection(server) == (401, "unauthorized")
        assert rejection(server, origin="http://elsewhere.example") == (403, "other_origin")
        with open_stream(server, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as stream:
            assert ask(stream, frames[0])["decision"]
        with open_stream(server, subprotocols=["handshape", f"bearer.{TOKEN}"]) as stream:
            assert stream.subprotocol == "handshape"
            assert ask(stream, frames[0])["decision"]
        assert rejection(server, subprotocols=["handshape", "bearer.wrong"]) == (401, "unauthorized")


def test_pages_that_are_let_in_may_open_a_stream(trained: Trained, frames):
    with running(trained.folder, tokens=[TOKEN], origins=["https://signs.example.org"]) as server:
        page = {"origin": "https://signs.example.org"}
        assert rejection(server, **page) == (401, "unauthorized")
        assert rejection(server, origin="https://elsewhere.example") == (403, "other_origin")
        with open_stream(server, subprotocols=["handshape", f"bearer.{TOKEN}"], **page) as stream:
            assert ask(stream, frames[0])["decision"]


def test_a_stream_elsewhere_is_rejected_as_other_paths_are(trained: Trained):
    with running(trained.folder) as server:
        assert rejection(server, path="/v1/streams") == (404, "not_found")
        assert [event["status"] for event in server.events()] == [404]


def test_mistakes_before_a_stream_is_admitted_are_said(server: Running, monkeypatch):
    monkeypatch.setattr(Access, "check", lambda access, headers: 1 / 0)
    assert rejection(server) == (500, "internal_error")


def test_mistakes_of_clients_are_not_logged_as_the_servers(server: Running):
    said: list[str] = []
    console = Console(quiet=True)
    console.warn = said.append
    with problems_said(console):
        assert rejection(server, origin="http://[") == (403, "other_origin")
        with open_stream(server) as stream:
            stream.socket.sendall(b"\x81\x82\0\0\0\0\xff\xfe")  # two bytes of text that are not UTF-8
            with pytest.raises(ConnectionClosed):
                stream.recv(PATIENCE)
        logging.getLogger("uvicorn.error").error("a mistake of the server")
    assert stream.close_code == 1007
    assert said == ["a mistake of the server"]


def test_a_stopping_server_says_so(trained: Trained, frames):
    with running(trained.folder) as server, open_stream(server) as stream:
        ask(stream, frames[0])
        server.server.should_exit = True
        with pytest.raises(ConnectionClosed):
            stream.recv(PATIENCE)
        assert stream.close_code == 1012
        assert [event["event"] for event in server.events()] == ["stream"]


def test_a_stopping_server_does_not_wait_for_the_frame_it_works_on(trained: Trained, frames, monkeypatch, caplog):
    with running(trained.folder, stop=0.1) as server:
        held = Held(server, monkeypatch)
        with open_stream(server) as stream:
            stream.send(frames[0])
            assert held.begun.wait(PATIENCE)
            server.server.should_exit = True
            with pytest.raises(ConnectionClosed):
                stream.recv(PATIENCE)
            server.events()
        held.go_on.set()
    assert "Traceback" not in caplog.text


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux lets go of such clients")
def test_who_never_reads_is_disconnected(trained: Trained, frames, monkeypatch):
    long = {"text": 1_000_000 * "x"}  # a few of these fill all that systems hold for a client that does not read
    monkeypatch.setattr(stream_module, "as_json", lambda answer: long)
    with running(trained.folder, seconds=0.5) as server:
        connections = server.server.server_state.connections
        deaf = open_stream(server, max_queue=1, ping_interval=None)

        def is_gone_after_a_frame() -> bool:
            with suppress(ConnectionClosed):
                deaf.send(frames[0])
            return not connections

        try:
            wait_for(is_gone_after_a_frame)
            wait_for(lambda: b"handshape_streams_open 0.0" in server.ask("GET", "/metrics").body)
        finally:
            deaf.socket.close()
