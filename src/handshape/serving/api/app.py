"""The application: routes, stream, middleware."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from handshape import __version__
from handshape.serving.api.access import Access
from handshape.serving.api.answers import AppState, Explain
from handshape.serving.api.errors import add_error_handlers
from handshape.serving.api.limits import Limits
from handshape.serving.api.memory import give_back_memory
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.middleware import STREAM, RequestMiddleware
from handshape.serving.api.models import Log, Served
from handshape.serving.api.page import Page, PageFirst
from handshape.serving.api.routes import make_router
from handshape.serving.api.stream import stream
from handshape.serving.api.threads import Workers

DESCRIPTION = """\
Recognises static handshapes in photographs.

`GET /v1/stream` opens a WebSocket: binary messages in, each the bytes of one image file; out comes, for each frame that
was looked at, a result as here, with `frame`, its number from 0, and `late`, how many frames before it were dropped
because newer ones had come. Browsers pass a token as the subprotocols `handshape` and `bearer.TOKEN`."""


def make_app(
    served: Served, explain: Explain, access: Access, limits: Limits, log: Log, page: Page | None = None
) -> ASGIApp:
    """The application that answers for a model; the log is told of every request.

    Args:
        served: the model.
        explain: draws where it looked.
        access: who may ask.
        limits: how much.
        log: is told.
        page: for people with a browser; None for a server of programs alone.
    """
    metrics = Metrics()
    workers = Workers(served.current.recognizer.threads)
    state = AppState(served, workers, limits, metrics, explain)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = (served.keep_current(), give_back_memory(metrics.images_seen))
        watchers = [asyncio.create_task(each) for each in watching]
        yield
        for each in watchers:
            each.cancel()
        await asyncio.to_thread(workers.stop)  # meanwhile, those whose work was cut off are told so

    app = FastAPI(
        title="Handshape",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (make_router(state), *(page.routers if page else ())):
        app.include_router(router)

    @app.websocket(STREAM)
    async def open_stream(socket: WebSocket) -> None:
        await stream(socket, state)

    add_error_handlers(app)
    whole = PageFirst(app, page) if page else app
    return _for_pages(RequestMiddleware(whole, access, limits, metrics, log, page), access.origins)


def _for_pages(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Tells browsers that pages of these origins may read every answer, errors as well, and send a token."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization"],
        expose_headers=["Retry-After"],
    )
