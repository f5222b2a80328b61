"""The requests of the page's view "Learn my signs": what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError

from handshape.console import Console
from handshape.errors import HandshapeError
from handshape.serving.api.errors import ApiError
from handshape.serving.api.limits import Limits
from handshape.serving.api.models import Served
from handshape.serving.learn.advice import Watcher
from handshape.serving.learn.names import RefusedError
from handshape.serving.learn.recordings import Recordings
from handshape.serving.learn.trainer import Trainer

STATUSES = {
    "not_found": 404,
    "no_such_training": 404,
    "name_clash": 409,
    "name_taken": 409,
    "training_runs": 409,
    "too_few": 409,
    "no_training": 409,
    "too_much": 413,
}
JSON = "application/json"  # which no form of another page's can send
MOST = 100_000  # bytes of what is asked in JSON

Answer = TypeVar("Answer")
Asked = TypeVar("Asked", bound=BaseModel)


class Learning:
    """What a page needs to learn its user's signs.

    Args:
        recordings: what was recorded.
        served: the model in use.
        limits: of requests.
        console: is told what cannot be had.
    """

    def __init__(self, recordings: Recordings, served: Served, limits: Limits, console: Console) -> None:
        self.recordings = recordings
        self.limits = limits
        self.watcher = Watcher(console)
        self.trainer = Trainer(recordings, lambda: served.current.recognizer, served.switch, served.build)

    def routers(self) -> tuple[APIRouter, ...]:
        """What is answered."""
        from handshape.serving.api.recordings import make_recordings_router
        from handshape.serving.api.trainings import make_trainings_router

        return make_recordings_router(self), make_trainings_router(self)

    def close(self) -> None:
        """Ends a training that runs."""
        self.trainer.close()


async def answered(work: Callable[..., Answer], *arguments: Any) -> Answer:
    """What some work comes to, off the event loop.

    Raises:
        ApiError: it cannot be done as asked.
    """
    try:
        return await asyncio.to_thread(work, *arguments)
    except RefusedError as error:
        status = STATUSES.get(error.code, 422)
        raise ApiError(status, error.code, error.happened, error.expected, error.fix) from None
    except HandshapeError as error:  # a disk that is full, a registry that cannot be written
        raise ApiError(409, "not_done", error.happened, error.expected, error.fix) from None


async def asked(request: Request, kind: type[Asked]) -> Asked:
    """What a request asks in JSON.

    Raises:
        ApiError: it is none, too long, or asks something else.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ApiError(415, "not_json", "The request is not of the type application/json.", JSON)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST:
            raise ApiError(413, "too_large", "The request is too large.", f"at most {MOST} bytes")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ApiError(
            422, "bad_request", f"The request cannot be used: {where} {first['msg']}.".replace("  ", " ")
        ) from None
