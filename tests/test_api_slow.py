"""Clients that take their time: they hold nobody up, and are let go where the server itself can tell."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from api_server import BOUNDARY, PATIENCE, Running, running, wait_for
from conftest import Trained

HEAD = b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n--{BOUNDARY}\r\n".encode()


@pytest.fixture(scope="module")
def server(trained: Trained) -> Iterator[Running]:
    with running(trained.folder, seconds=0.5) as here:
        yield here


def connected(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def test_a_byte_now_and_then_gains_no_time(server: Running) -> None:
    with connected(server) as client:
        client.sendall(HEAD + FORM)
        client.settimeout(0.1)
        said = b""
        for _ in range(900):  # bytes
            with suppress(ConnectionError):  # the server has closed it
                client.sendall(b"x")
            try:
                said = client.recv(1000)
                break
            except TimeoutError:
                continue
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in said.lower()


def test_slow_clients_hold_nobody_up(trained: Trained) -> None:
    photo = next(trained.data.glob("*/*.*")).read_bytes()
    with running(trained.folder) as server, connected(server) as in_head, connected(server) as in_body:
        in_head.sendall(b"GET /healthz HT")
        in_body.sendall(HEAD + FORM)
        assert server.send(photo).status == 200


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux lets go of such clients")
def test_who_does_not_read_is_let_go(server: Running) -> None:
    connections = server.server.server_state.connections
    wait_for(lambda: not connections)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.setblocking(False)
        requests = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000
        deaf.send(requests)
        wait_for(lambda: connections)
        assert server.ask("GET", "/v1/models").status == 200
        wait_for(lambda: not connections)
    assert all(event["status"] < 500 for event in server.events())
