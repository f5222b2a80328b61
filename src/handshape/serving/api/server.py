"""Sockets and connections: uvicorn, with the patience and the words of this program."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from handshape.errors import RuntimeUnavailableError
from handshape.serving.api.errors import error_of
from handshape.serving.api.limits import Limits

MAX_HEAD = 16_384  # bytes
DRAIN_SECONDS = 2.0


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        RuntimeUnavailableError: the address is taken, forbidden, or not of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        return socket.create_server((address[0], port), family=family)
    except (OSError, OverflowError) as error:
        # Python adds which address it tried, which the message says already
        reason = (getattr(error, "strerror", None) or str(error)).lower().partition(" (while")[0].rstrip(".")
        raise RuntimeUnavailableError(
            f"Cannot serve on {host}, port {port}: {reason}.",
            "an address of this machine, and a port that nobody uses",
            "Choose another one with --port, or 0 for any that is free.",
        ) from None


def make_server(app: ASGIApp, limits: Limits) -> uvicorn.Server:
    """A server to be run on sockets; SIGINT and SIGTERM have it finish what it is working on, then stop."""
    config = uvicorn.Config(
        app,
        http=functools.partial(_Connection, limits=limits),  # type: ignore[arg-type]  # uvicorn calls it as a class
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,  # images are compressed already
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_graceful_shutdown=limits.stop,  # type: ignore[arg-type]  # asyncio takes parts of a second
    )
    return uvicorn.Server(config)


class _Connection(H11Protocol):
    """One connection. Those beyond the limit are told so; those slow to say what they want, or to read, are closed."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._patience: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._is_turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Head and body go in two writes. Unless told not to, the system keeps the second back for 40 ms; asyncio tells
        # it for sockets that it has made itself.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux then lets go of a stream's client, too, that no longer reads
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * self._limits.seconds))
        transport.set_write_buffer_limits(high=0)  # so that it is told of everything that a client leaves unread
        if len(self.connections) > self._limits.connections:
            most = f"at most {self._limits.connections} at a time"
            message = "The server has as many connections as it takes."
            self._turn_away(429, error_of("busy", message, most, "Try again in a second."))
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        if not self._is_turned_away:
            super().data_received(data)
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._stop_waiting()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        if self.cycle is not None:
            # uvicorn then answers likewise, so that the client sends no more here
            self.scope["headers"] = [*self.scope["headers"], CLOSE_HEADER]

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.seconds, self.transport.abort)  # close would wait for ever

    def resume_writing(self) -> None:
        self._stop_waiting()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        head = f"HTTP/1.1 with a head of at most {MAX_HEAD} bytes"
        self._turn_away(400, error_of("bad_request", msg, head, "Ask with http://; for https:// it needs a proxy."))

    def _watch(self) -> None:
        """A request's head must be whole in time; its body is timed where it is read."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._patience is None:
            self._patience = self.loop.call_later(self._limits.seconds, self.transport.close)

    def _stop_watching(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _turn_away(self, status: int, error: dict[str, str]) -> None:
        body = json.dumps({"error": error}).encode()
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length), (b"connection", b"close")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self._is_turned_away = True
        self._stop_watching()
        self.transport.write_eof()  # closed at once, the answer would be lost with a client that still sends
        self.loop.call_later(DRAIN_SECONDS, self.transport.close)
