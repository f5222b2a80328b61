"""What stands before every request: who may ask, how much, how long; and after it: counts, headers and the log."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handshape.serving.api.access import Access
from handshape.serving.api.errors import ApiError, not_found, server_error, stopping
from handshape.serving.api.limits import MAX_HEAD, Limits, Rate, Slots
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.models import Log
from handshape.serving.api.page import Page
from handshape.serving.api.protocol import CONNECTIONS

STREAM = "/v1/stream"
OPEN_ROUTES = ("/healthz", "/readyz")  # for whoever watches over the server, even when it is busy
FILES_A_REQUEST, FILES_AT_ONCE = 10, 300  # of the page, which asks for some 60 of them when it is opened
DRAIN_SECONDS = 3.0  # an answer that comes while a client still sends is lost with most of them
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestMiddleware:
    """ASGI middleware around the whole application; the log is told of every request, but never of what it holds."""

    def __init__(
        self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics, log: Log, page: Page | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._page = page
        self._metrics = metrics
        self._log = log
        self._rate = Rate(limits.rate)
        self._file_rate = Rate(limits.rate * FILES_A_REQUEST, at_once=FILES_AT_ONCE)
        self._requests = Slots("requests", limits.requests, metrics.working)
        self._streams = Slots("streams", limits.streams, metrics.streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one stream, or the application's life."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        body = _Body(scope, receive, self._limits)
        answer = _Answer(send, body)
        try:
            with self._admitted(scope):
                await self._app(scope, body, answer)
        except ApiError as error:
            await error.response()(scope, body, answer)
        except asyncio.CancelledError:  # the server stops and has waited long enough
            body.has_more = False
            if not answer.has_begun:
                await stopping().response()(scope, body, answer)
        except Exception:
            if answer.has_begun:  # by the application, which has said that it failed
                raise
            logging.getLogger(__name__).exception("A request could not be admitted.")
            await server_error().response()(scope, body, answer)
        finally:
            self._record(scope, answer.status, body.size, time.perf_counter() - start)

    def _admitted(self, scope: Scope) -> AbstractContextManager[None]:
        """What a request takes up while it is worked on.

        Raises:
            ApiError: it is not let in.
        """
        headers = Headers(scope=scope)
        _require_short_head(scope)
        if scope["type"] == "http" and scope["path"] in OPEN_ROUTES:
            return nullcontext()
        if len(scope.get("state", {}).get(CONNECTIONS, ())) > self._limits.connections:
            raise _crowded(self._limits)
        if scope["type"] == "http" and self._page and self._page.has(scope["path"]):
            return self._admitted_to_page(self._page, scope, headers)
        self._access.check(headers)
        self._require_rate(scope, self._rate)
        if scope["type"] == "websocket":
            if scope["path"] != STREAM:
                raise not_found()
            return self._streams.taken()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.bytes:
            raise _too_large(self._limits)
        return self._requests.taken()

    def _admitted_to_page(self, page: Page, scope: Scope, headers: Headers) -> AbstractContextManager[None]:
        """Its files take no place among requests to the model, and are counted apart."""
        if page.needs_token(scope["path"]):
            self._access.check(headers)
        else:
            self._access.check_place(headers)
        self._require_rate(scope, self._file_rate)
        return nullcontext()

    def _require_rate(self, scope: Scope, rate: Rate) -> None:
        client = scope.get("client")
        wait = rate.wait(client[0] if client else "")
        if wait:
            texts = ("Too many requests came from your address.", f"at most {rate.a_second:g} a second")
            headers = {"Retry-After": str(max(1, round(wait)))}
            raise ApiError(429, "too_many_requests", *texts, f"Wait {wait:.1f} s.", headers)

    def _record(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        is_stream = scope["type"] == "websocket"
        self._metrics.requests.labels(route, status).inc()
        if not is_stream:  # a stream lasts as long as its client likes
            self._metrics.seconds.labels(route).observe(seconds)
        self._log(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": "stream" if is_stream else "request",
                "method": scope.get("method", "GET"),
                "route": route,
                "status": status,
                "bytes": size,
                "milliseconds": round(1000 * seconds, 1),
            }
        )


class _Body:
    """What a client sends, counted and timed, as ASGI's ``receive``; a stream's messages just pass."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._deadline = asyncio.get_running_loop().time() + limits.seconds
        # such a client sends its body only once the first part of it is received
        self._asks_first = "100-continue" in Headers(scope=scope).get("expect", "").lower()
        self.has_more = scope["type"] == "http"
        self.size = 0

    async def __call__(self) -> Message:
        if not self.has_more:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._next()
        except TimeoutError:
            self.has_more = False
            texts = ("The request did not arrive in time.", f"within {self._limits.seconds:g} seconds")
            raise ApiError(408, "too_slow", *texts, headers={"Connection": "close"}) from None
        self._asks_first = False
        self.size += len(message.get("body", b""))
        if self.size > self._limits.bytes:
            raise _too_large(self._limits)
        return message

    async def drain(self) -> None:
        """Lets what is still coming pass by, for a while; not when the server stops."""
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self.has_more and not self._asks_first:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self.has_more = message["type"] == "http.request" and message.get("more_body", False)
        return message


class _Answer:
    """What goes to the client, as ASGI's ``send``."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.status = 500
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"].endswith("http.response.start"):
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            await self._body.drain()
            if self._body.has_more:  # nobody reads the rest
                headers["Connection"] = "close"
        self.has_begun = True
        await self._send(message)


def _require_short_head(scope: Scope) -> None:
    """The parser bounds a head that comes in parts, but not one that comes at once."""
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    if size + sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
        texts = ("The request's headers are too large.", f"at most {MAX_HEAD} bytes", "Send fewer, or shorter ones.")
        raise ApiError(431, "head_too_large", *texts, {"Connection": "close"})


def _crowded(limits: Limits) -> ApiError:
    texts = ("Too many connections are open.", f"at most {limits.connections}", "Try again in a second.")
    return ApiError(503, "crowded", *texts, {"Retry-After": "1", "Connection": "close"})


def _too_large(limits: Limits) -> ApiError:
    most = f"at most {limits.bytes / 1e6:g} MB"
    return ApiError(413, "too_large", "The request is too large.", most, "Send smaller images, or fewer at a time.")
