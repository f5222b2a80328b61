"""What stands before every request: who may ask, how much, how long; and after it: counts, headers and the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handshape.serving.api.access import Access
from handshape.serving.api.errors import Refusal, mistake, not_found, stopping
from handshape.serving.api.limits import Limits, Rate
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.models import Log

STREAM = "/v1/stream"
OPEN_ROUTES = ("/healthz", "/readyz")  # for whoever watches over the server, even when it is busy
DRAIN_SECONDS = 3.0  # an answer that comes while a client still sends is lost with most of them
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gate:
    """Wraps an application, as ASGI middleware does.

    Args:
        app: what answers those who may pass.
        access: who may.
        limits: how much they may ask for.
        metrics: counts.
        log: is told of every request, but never of what it holds.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics, log: Log) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._rate = Rate(limits.rate)
        self._working = 0
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one stream, or the application's life."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        body = _Body(receive, self._limits, "100-continue" in Headers(scope=scope).get("expect", "").lower())
        answer = _Answer(send, body)
        try:
            with self._admitted(scope):
                await self._app(scope, body, answer)
        except Refusal as refusal:
            await refusal.response()(scope, body, answer)
        except asyncio.CancelledError:  # the server stops and has waited long enough
            body.end()
            if not answer.has_begun:
                await stopping().response()(scope, body, answer)
        finally:
            self._account(scope, answer.status, body.size, time.perf_counter() - start)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        status = 101
        try:
            self._check(scope)
            if scope["path"] != STREAM:
                raise not_found()
            if self._streams >= self._limits.streams:
                raise _busy("streams", self._limits.streams)
            with _counted(self, "_streams"), self._metrics.streams.track_inprogress():
                await self._app(scope, receive, send)
        except Refusal as refusal:
            status = refusal.status
            await _refuse_stream(refusal, receive, send)
        except asyncio.CancelledError:  # the server stops; its client knows from the close frame
            pass
        finally:
            self._account(scope, status, 0, time.perf_counter() - start)

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[None]:
        if scope["path"] in OPEN_ROUTES:
            yield
            return
        self._check(scope)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.bytes:
            raise _too_large(self._limits)
        if self._working >= self._limits.requests:
            raise _busy("requests", self._limits.requests)
        with _counted(self, "_working"), self._metrics.working.track_inprogress():
            yield

    def _check(self, scope: Scope) -> None:
        try:
            self._access.check(Headers(scope=scope))
            client = scope.get("client")
            wait = self._rate.wait(client[0] if client else "")
        except Refusal:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception("The gate failed.")
            raise mistake() from error
        if wait:
            raise Refusal(
                429,
                "too_many_requests",
                "Too many requests came from your address.",
                f"at most {self._limits.rate:g} a second",
                f"Wait {wait:.1f} s.",
                {"Retry-After": str(max(1, round(wait)))},
            )

    def _account(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, status).inc()
        if scope["type"] == "http":  # a stream lasts as long as its client likes
            self._metrics.seconds.labels(route).observe(seconds)
        self._log(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": "request" if scope["type"] == "http" else "stream",
                "method": scope.get("method", "GET"),
                "route": route,
                "status": status,
                "bytes": size,
                "milliseconds": round(1000 * seconds, 1),
            }
        )


class _Body:
    """What a client sends, counted and timed, as ASGI's ``receive``."""

    def __init__(self, receive: Receive, limits: Limits, asks_first: bool) -> None:
        self._receive = receive
        self._limits = limits
        self._deadline = asyncio.get_running_loop().time() + limits.seconds
        self._asks_first = asks_first  # and sends its body only once the first part of it is received
        self._more = True
        self.size = 0

    async def __call__(self) -> Message:
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._more = False
            expected = f"within {self._limits.seconds:g} seconds"
            raise Refusal(408, "too_slow", "The request did not arrive in time.", expected) from None
        self._asks_first = False
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        self.size += len(message.get("body", b""))
        if self.size > self._limits.bytes:
            raise _too_large(self._limits)
        return message

    def end(self) -> None:
        """Nothing more is waited for."""
        self._more = False

    async def drain(self) -> None:
        """Lets what is still coming pass by, for a while; not when the server stops."""
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._more and not self._asks_first:
                    message = await self._receive()
                    self._more = message["type"] == "http.request" and message.get("more_body", False)


class _Answer:
    """What goes to the client, as ASGI's ``send``."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.status = 500
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            await self._body.drain()
            self.has_begun = True
        await self._send(message)


@contextmanager
def _counted(gate: Gate, name: str) -> Iterator[None]:
    setattr(gate, name, getattr(gate, name) + 1)
    try:
        yield
    finally:
        setattr(gate, name, getattr(gate, name) - 1)


async def _refuse_stream(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Answers the handshake as a request, so that the client learns the reason."""
    await receive()  # the connect
    response = refusal.response()
    headers = [*response.raw_headers, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})


def _too_large(limits: Limits) -> Refusal:
    most = f"at most {limits.bytes / 1e6:g} MB"
    return Refusal(413, "too_large", "The request is too large.", most, "Send smaller images, or fewer at a time.")


def _busy(what: str, most: int) -> Refusal:
    return Refusal(
        429,
        "busy",
        f"The server is working on as many {what} as it takes at a time.",
        f"at most {most} {what} at a time",
        "Try again in a second.",
        {"Retry-After": "1"},
    )
