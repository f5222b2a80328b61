"""The socket, and uvicorn on it."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from handshape.errors import RuntimeUnavailableError
from handshape.serving.api.limits import Limits

MAX_HEAD = 16_384  # bytes


def open_socket(host: str, port: int, limits: Limits) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        RuntimeUnavailableError: the address is taken, forbidden, or not of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server((address[0], port), family=family)
    except (OSError, OverflowError) as error:
        # Python adds which address it tried, which the message says already
        reason = (getattr(error, "strerror", None) or str(error)).lower().partition(" (while")[0].rstrip(".")
        raise RuntimeUnavailableError(
            f"Cannot serve on {host}, port {port}: {reason}.",
            "an address of this machine, and a port that nobody uses",
            "Choose another one with --port, or 0 for any that is free.",
        ) from None
    # Connections inherit both. Head and body of an answer go in two writes, of which the system keeps the second back
    # for 40 ms unless told not to; asyncio tells it for sockets alone that it has made itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux then lets go of clients that do not read what they are sent
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * limits.seconds))
    return listener


def make_server(app: ASGIApp, limits: Limits) -> uvicorn.Server:
    """A server to be run on sockets; SIGINT and SIGTERM have it finish what it is working on, then stop."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,  # images are compressed already
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=limits.connections + 1,  # uvicorn answers 503 once there are as many as this
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_graceful_shutdown=limits.stop,  # type: ignore[arg-type]  # asyncio takes parts of a second
    )
    return uvicorn.Server(config)
