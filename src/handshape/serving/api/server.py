"""The socket, and uvicorn on it."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from handshape.errors import RuntimeUnavailableError, SettingsError
from handshape.files import why
from handshape.serving.api.limits import MAX_HEAD, Limits
from handshape.serving.api.protocol import protocol_of

EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Certificate:
    """What a server proves with who it is, in PEM.

    Attributes:
        file: the certificate.
        key: its private key; None where that is in the same file.

    Raises:
        SettingsError: they are not there, or do not belong together.
    """

    file: Path
    key: Path | None = None

    def __post_init__(self) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.file, self.key, password="")
        except OSError as error:  # those of TLS among them
            reason = why(error).partition("(_ssl")[0].strip().rstrip(".")
            raise SettingsError(
                f"Cannot serve with the certificate {self.file}: {reason}.",
                "a certificate and its private key without a password, as PEM",
                "handshape serve --help says how to make them.",
            ) from None


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


def address_of(listener: socket.socket, host: str, is_secure: bool) -> str:
    """What to type into a browser: where the host is every address of this machine, one that others reach it by."""
    if host in EVERYWHERE:
        host = _own_address() or "127.0.0.1"
    name = f"[{host}]" if ":" in host else host
    return f"http{'s' * is_secure}://{name}:{listener.getsockname()[1]}"


def _own_address() -> str:
    """Of this machine in its network; "" without one. Nothing is sent: a datagram's socket only looks for its way."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address that RFC 5737 keeps for documents
        return str(probe.getsockname()[0])
    return ""


def make_server(app: ASGIApp, limits: Limits, tls: Certificate | None = None) -> uvicorn.Server:
    """A server to be run on sockets; SIGINT and SIGTERM have it finish what it is working on, then stop."""
    config = uvicorn.Config(
        app,
        http=protocol_of(limits),
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,  # images are compressed already
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD,
        ssl_certfile=tls.file if tls else None,
        ssl_keyfile=tls.key if tls else None,
        timeout_graceful_shutdown=limits.stop,  # type: ignore[arg-type]  # asyncio takes parts of a second
    )
    return uvicorn.Server(config)
