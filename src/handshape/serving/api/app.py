"""The application: routes, stream, gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp

from handshape import __version__
from handshape.serving.api.access import Access
from handshape.serving.api.errors import answer_errors
from handshape.serving.api.limits import Limits
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.middleware import STREAM, Gate
from handshape.serving.api.models import Log, Served
from handshape.serving.api.routes import Desk, Explain, routes_of
from handshape.serving.api.schemas import DESCRIPTION
from handshape.serving.api.stream import stream
from handshape.serving.api.threads import Workers


def make_app(served: Served, explain: Explain, access: Access, limits: Limits, log: Log) -> ASGIApp:
    """The application that answers for a model.

    Args:
        served: the model.
        explain: draws an explained image as PNG.
        access: who may ask.
        limits: for how much.
        log: is told of every request and every change of the model.
    """
    metrics = Metrics()
    workers = Workers(served.current.recognizer.threads)
    desk = Desk(served, workers, limits, metrics, explain)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        watcher = asyncio.create_task(served.keep_current())
        yield
        watcher.cancel()
        await asyncio.to_thread(workers.stop)  # meanwhile, those whose work was cut off are told so

    app = FastAPI(
        title="Handshape",
        version=__version__,
        description=DESCRIPTION,
        lifespan=life,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(routes_of(desk))

    @app.websocket(STREAM)
    async def open_stream(socket: WebSocket) -> None:
        await stream(socket, desk)

    answer_errors(app)
    return Gate(app, access, limits, metrics, log)
