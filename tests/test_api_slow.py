"""Clients that take their time: each is let go in the end, whether it sends, dawdles or does not read."""

import socket
import time
from collections.abc import Iterator

import pytest
from api_server import BOUNDARY, Running, running, wait_for
from conftest import Trained

SECONDS = 1.0
PAUSE = 0.1  # between bytes
HEAD = b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n--{BOUNDARY}\r\n".encode()


@pytest.fixture(scope="module")
def server(trained: Trained) -> Iterator[Running]:
    with running(trained.folder, seconds=SECONDS) as here:
        yield here


def connected(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 10)


@pytest.mark.parametrize(
    ("start", "answer"), [(b"GET /healthz HTTP/1.1\r\nX-Slow: ", b""), (HEAD + FORM, b"HTTP/1.1 408 ")]
)
def test_a_byte_now_and_then_gains_no_time(start: bytes, answer: bytes, server: Running) -> None:
    begun = time.monotonic()
    with connected(server) as client:
        client.sendall(start)
        client.settimeout(PAUSE)
        said = None
        while said is None:
            assert time.monotonic() - begun < 5 * SECONDS
            client.sendall(b"x")
            try:
                said = client.recv(1000)
            except TimeoutError:
                continue
    assert said.startswith(answer)
    assert bool(said) == bool(answer)
    assert time.monotonic() - begun >= SECONDS


def test_who_does_not_read_is_let_go(server: Running) -> None:
    connections = server.server.server_state.connections
    wait_for(lambda: not connections)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        wait_for(lambda: connections)
        assert server.ask("GET", "/v1/models").status == 200
        wait_for(lambda: not connections)
    assert len(server.events) < 900  # it did not get all it asked for
    assert all(event["status"] < 500 for event in server.events)
