"""The page and its files: what a browser asks for before it asks the model anything.

Who may read them: the page, LiteRT's runtime, the hand networks and the drawn hands are no secret, so they need no
token, which a browser could not send before the page is there. The model is somebody's own: it needs one, and so does
what ``site.json`` says of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from starlette.datastructures import Headers, QueryParams
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from handshape.errors import DownloadError
from handshape.serving.api.access import Access
from handshape.serving.api.errors import ApiError, not_found
from handshape.serving.api.models import Loaded, Served
from handshape.serving.site import (
    DESCRIPTION,
    HANDS,
    INDEX,
    MODEL,
    PRACTICE,
    RUNTIME,
    Content,
    Device,
    describe,
    describe_closed,
    media_type,
    model_files,
    page_files,
    practice_files,
)

ROUTE = "/{file}"  # of all of them, for counts and the log
METHODS = ("GET", "HEAD")
FOR_EVER = "private, max-age=31536000, immutable"  # of what is asked for under its own checksum
HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked about each time
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Embedder-Policy": "require-corp",  # with the next one, WebAssembly may use threads
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class _Route:
    """What a request is counted under, as FastAPI's own routes are."""

    path: str = ROUTE


class Page:
    """The files of one server.

    Args:
        served: the model.
        device: what runs it in the browser.
        access: who may read the model.
        facts: what else ``site.json`` says, see :func:`handshape.serving.site.describe`.
        routers: what views that such a fact stands for ask.
    """

    def __init__(
        self,
        served: Served,
        device: Device,
        access: Access,
        facts: Mapping[str, object],
        routers: Sequence[APIRouter] = (),
    ) -> None:
        self.routers = tuple(routers)
        self._served = served
        self._device = device
        self._access = access
        self._facts = {"server": True, "token": not access.is_open} | dict(facts)
        self._fixed = page_files() | practice_files()

    def has(self, path: str) -> bool:
        """Whether a path, as ``/app/main.js``, is one of the page's, whether or not there is such a file."""
        name = _name(path)
        return name in self._fixed or name == DESCRIPTION or name.startswith((MODEL, HANDS, RUNTIME, PRACTICE))

    def needs_token(self, path: str) -> bool:
        """Whether a file is of the model."""
        return _name(path).startswith(MODEL)

    async def answer(self, method: str, path: str, headers: Headers, query: QueryParams) -> Response:
        """One of the page's files.

        Raises:
            ApiError: there is none, or the method is not for reading.
        """
        if method not in METHODS:
            allowed = {"Allow": ", ".join(METHODS)}
            raise ApiError(405, "method_not_allowed", f"{method} is not for this path.", allowed["Allow"], "", allowed)
        name, loaded = _name(path), self._served.current
        if name == DESCRIPTION:
            return JSONResponse(await asyncio.to_thread(self._described, headers, loaded), headers=HEADERS)
        content = await asyncio.to_thread(self._content, name, loaded)
        is_pinned = name.startswith(MODEL) and query.get("v") == loaded.bundle.sha256
        return await asyncio.to_thread(_answered, name, content, headers.get("if-none-match", ""), is_pinned)

    def _described(self, headers: Headers, loaded: Loaded) -> dict[str, object]:
        if not self._access.knows(headers):
            return describe_closed(**self._facts)
        reason = self._device.problem(loaded.bundle.hands > 0)
        facts = {**self._facts, "device": reason is None, "reason": reason}
        return describe(loaded.bundle, self._served.name, loaded.version, **facts)

    def _content(self, name: str, loaded: Loaded) -> Content:
        files = self._fixed
        if name.startswith(MODEL):
            files = model_files(loaded.bundle)
        elif name.startswith((HANDS, RUNTIME)):
            try:
                files = self._device.files(loaded.bundle.hands > 0)
            except DownloadError:
                raise not_found() from None
        if name not in files:
            raise not_found()
        return files[name]


class PageFirst:
    """ASGI: the page's files where one is asked for, else the application."""

    def __init__(self, app: ASGIApp, page: Page) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not self._page.has(scope["path"]):
            await self._app(scope, receive, send)
            return
        scope["route"] = _Route()
        has_more = True  # questions for files have no body; one that has, all the same, is counted and passed over
        while has_more:
            message = await receive()
            has_more = message["type"] == "http.request" and message.get("more_body", False)
        query = QueryParams(scope["query_string"])
        answer = await self._page.answer(scope["method"], scope["path"], Headers(scope=scope), query)
        await answer(scope, receive, send)


def _name(path: str) -> str:
    """Of the file that a path stands for."""
    return path.removeprefix("/") or INDEX


def _answered(name: str, content: Content, known: str, is_pinned: bool) -> Response:
    kind = media_type(name)
    headers = HEADERS | ({"Cache-Control": FOR_EVER} if is_pinned else {})
    if isinstance(content, Path):
        try:
            facts = content.stat()
        except OSError:
            raise not_found() from None
        headers["ETag"] = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
        if _is_known(headers["ETag"], known):
            return Response(status_code=304, headers=headers)
        return FileResponse(content, headers=headers, media_type=kind, stat_result=facts)
    made = content()
    headers["ETag"] = f'"{hashlib.sha256(made).hexdigest()[:32]}"'
    if _is_known(headers["ETag"], known):
        return Response(status_code=304, headers=headers)
    return Response(made, headers=headers, media_type=kind)


def _is_known(tag: str, known: str) -> bool:
    """Whether a browser has it: by ``If-None-Match``, where weak tags count as well."""
    return tag in [each.strip().removeprefix("W/") for each in known.split(",")] or known.strip() == "*"
