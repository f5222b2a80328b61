"""Who may ask: tokens, and which web pages."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers

from handshape.errors import SettingsError
from handshape.serving.api.errors import ApiError

SHORTEST = 16  # characters of a token
SUBPROTOCOL = "handshape"  # of a stream; browsers give the token in a second one, as they cannot set headers
LOOPBACK = ("127.0.0.1", "localhost", "::1")
USUAL_PORTS = {"http": 80, "https": 443}  # browsers leave these out of an origin


class Access:
    """Decides on the headers of a request.

    Args:
        tokens: any of them opens the door; none at all leaves it open.
        hosts: names the server answers to; none answers to all. A page from elsewhere whose name was made to point to
            this machine is turned away by it.
        origins: other addresses whose web pages may ask, as :func:`read_origin` gives them.
    """

    def __init__(self, tokens: Iterable[str] = (), hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._digests = [_digest(token) for token in tokens]
        self._hosts = frozenset(host.lower() for host in hosts)
        self.origins = frozenset(origins)

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a token."""
        return not self._digests

    def check(self, headers: Headers) -> None:
        """Passes where a request may go on.

        Raises:
            ApiError: 401 without a valid token, 403 from a web page of another origin or under another name.
        """
        self.check_place(headers)
        if not self.knows(headers):
            expected, fix = "the header Authorization: Bearer TOKEN", "Ask whoever runs this server for a token."
            raise ApiError(
                401, "unauthorized", "A valid token is missing.", expected, fix, {"WWW-Authenticate": "Bearer"}
            )

    def check_place(self, headers: Headers) -> None:
        """Passes where a request comes from a program, or a page that may ask; whoever's it is.

        Raises:
            ApiError: 403, see :meth:`check`.
        """
        host = headers.get("host", "")
        if self._hosts and (_split(f"//{host}").hostname or "") not in self._hosts:
            message = "This server does not answer to that name."
            raise ApiError(403, "wrong_host", message, fix="Start it with --allow-host NAME.")
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins and _split(origin).netloc.lower() != host.lower():
            message = "Web pages from other origins may not use this server."
            expected = "a page of this server's own address, or a program that is no browser"
            fix = "Start it with --allow-origin ORIGIN, or let a proxy serve the page and it under one address."
            raise ApiError(403, "other_origin", message, expected, fix)

    def knows(self, headers: Headers) -> bool:
        """Whether a request comes with a valid token, or needs none."""
        digest = _digest(_token(headers))
        is_known = sum(hmac.compare_digest(digest, known) for known in self._digests) > 0  # all of them are compared
        return self.is_open or is_known


def read_tokens(file: Path) -> list[str]:
    """The tokens of a file, one a line; empty lines and those that begin with # are left out.

    Raises:
        SettingsError: it cannot be read, has none, or has one that is easily guessed.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]  # Windows' editors mark it
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "not text in UTF-8").lower()
        raise _no_tokens(f"Cannot read the tokens in {file}: {reason}.", file) from None
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens or any(len(token) < SHORTEST or not token.isascii() or " " in token for token in tokens):
        raise _no_tokens(f"{file} has no tokens that are safe to use.", file)
    return tokens


def read_origin(text: str) -> str:
    """An origin as browsers write it: a scheme and a host, with the port where it is not the scheme's usual one.

    Raises:
        SettingsError: it is none.
    """
    with suppress(ValueError):  # a port that is none
        scheme, address, path, query, fragment = parts = urlsplit(text.lower())
        port = "" if parts.port in (None, USUAL_PORTS.get(scheme)) else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if scheme and host and "@" not in address and path in ("", "/") and not query + fragment:
            return f"{scheme}://{host}{port}"
    raise SettingsError(
        f"'{text}' is not the origin of web pages.",
        "scheme, host and perhaps port, such as https://signs.example.org or http://localhost:5173",
        "Look at the address in the browser, and leave out what stands behind the host and the port.",
    )


def _no_tokens(happened: str, file: Path) -> SettingsError:
    return SettingsError(
        happened,
        f"one token a line, of at least {SHORTEST} ASCII characters without spaces",
        f"Make one: python -c 'import secrets; print(secrets.token_urlsafe())' > {file}",
    )


def _digest(token: str) -> bytes:
    """Of equal length whatever the token's, so that comparing takes equally long."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    return next((name.removeprefix("bearer.") for name in offered if name.startswith("bearer.")), "")


def _split(address: str) -> SplitResult:
    """An address in parts; all are empty where it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
