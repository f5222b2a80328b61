"""Clients that take their time: they hold nobody up, and are let go where the server itself can tell."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from api_server import BOUNDARY, PATIENCE, Running, running, wait_for
from conftest import Trained

from handshape.serving.api.protocol import RESERVE

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


def test_a_head_that_does_not_come_ends_its_connection(server: Running) -> None:
    with connected(server) as silent, connected(server) as slow, connected(server) as second:
        slow.sendall(b"GET /healthz HT")
        second.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        while b"alive" not in said:
            said += second.recv(1000)
        second.sendall(b"GET /heal")
        for client in (silent, slow, second):
            client.settimeout(PATIENCE)
            with suppress(ConnectionError):
                assert client.recv(1000) == b""


def test_a_stream_outlives_the_time_for_a_head(trained: Trained) -> None:
    from websockets.sync.client import connect

    photo = next(trained.data.glob("*/*.*")).read_bytes()
    with running(trained.folder, seconds=0.3) as server, connect(f"ws://localhost:{server.port}/v1/stream") as stream:
        time.sleep(1)
        stream.send(photo)
        assert "decision" in stream.recv(PATIENCE)


def test_idle_connections_keep_nobody_from_asking_whether_it_is_well(trained: Trained) -> None:
    with running(trained.folder, connections=4) as server, ExitStack() as stack:
        idle = [stack.enter_context(connected(server)) for _ in range(4 + RESERVE + 20)]
        assert server.ask("GET", "/readyz").status == 200
        assert server.ask("GET", "/v1/models").error_code_of(503) == "crowded"
        wait_for(lambda: len(server.server.server_state.connections) <= 4 + RESERVE)
        idle[0].settimeout(PATIENCE)
        with suppress(ConnectionError):
            assert idle[0].recv(10) == b""  # the oldest went
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle[-1].recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("extra", "status"), [(15_000, 200), (17_000, 431), (60_000, 431)])
def test_a_head_that_comes_at_once_has_a_limit_too(extra: int, status: int, server: Running) -> None:
    with connected(server) as client:
        head = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {'a' * extra}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())
