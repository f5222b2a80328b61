"""A real server in a thread of the tests, and clients that speak to it through real sockets."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from handshape.cli.serve import explained, load
from handshape.console import Console
from handshape.serving.api.access import LOOPBACK, Access
from handshape.serving.api.app import make_app
from handshape.serving.api.limits import Limits
from handshape.serving.api.models import Served
from handshape.serving.api.page import Page
from handshape.serving.api.server import make_server, open_socket

BOUNDARY = "handshape-boundary"
PATIENCE = 60.0  # seconds for what takes a moment, even on a machine that is busy with something else


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def object(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def error_code(self) -> str:
        """The code of an error that is as it should be."""
        assert 400 <= self.status < 500
        return self.error_code_of(self.status)

    def error_code_of(self, status: int) -> str:
        """The same for one status alone."""
        error = self.object["error"]
        assert set(error) == {"code", "message", "expected", "fix"}
        assert error["message"]
        assert self.status == status
        return error["code"]


@dataclass
class Running:
    port: int
    served: Served
    server: uvicorn.Server
    _events: list[dict[str, Any]] = field(default_factory=list)

    def events(self, count: int = 1) -> list[dict[str, Any]]:
        """What the log was told, once it is so much: a client has its answer before the log has its event."""
        wait_for(lambda: len(self._events) >= count)
        return self._events

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def send(self, *images: bytes, path: str = "/v1/recognize", names: Sequence[str] = (), **headers: str) -> Answer:
        headers = {"Content_Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}
        return self.ask("POST", path, form(images, names), **headers)


def form(images: Sequence[bytes], names: Sequence[str] = ()) -> bytes:
    """The images as files of a multipart form."""
    parts = []
    for number, image in enumerate(images):
        name = names[number] if names else f"{number}.jpg"
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + image + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def running(
    model: object,
    tokens: Sequence[str] = (),
    workers: int = 2,
    origins: Sequence[str] = (),
    page_of: Callable[[Served, Access, Limits], Page] | None = None,
    **limits: float,
) -> Iterator[Running]:
    """A server for a model, stopped gracefully at the end; ``page_of`` makes its page, if it is to have one."""
    served = load(str(model), workers, Console(quiet=True))
    events: list[dict[str, Any]] = []
    served._log = events.append
    bounds = Limits(**limits)
    access = Access(tokens, LOOPBACK, origins)
    page = page_of(served, access, bounds) if page_of else None
    app = make_app(served, explained, access, bounds, events.append, page)
    with open_socket("127.0.0.1", 0, bounds) as socket:
        server = make_server(app, bounds)
        here = Running(socket.getsockname()[1], served, server, events)
        thread = threading.Thread(target=server.run, args=([socket],))
        thread.start()
        try:
            wait_for(lambda: server.started)
            yield here
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
