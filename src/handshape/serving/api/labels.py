"""The requests of the page's view "Fix labels": suspect photographs, their pictures, and decisions about them.

What is asked for is made by whoever knows the data set, and handed in as a :class:`LabelDesk`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from handshape.errors import HandshapeError, ImageError
from handshape.serving.api.errors import ApiError

Answer = TypeVar("Answer")

JSON = "application/json"  # which no form of another page's can send
MOST = 10_000  # bytes of a decision


class LabelDesk(Protocol):
    """Who knows the data set. Each raises LookupError of a number that there is not, and HandshapeError of a file."""

    def state(self) -> dict[str, Any]:
        """Suspects, typical photographs, classes, and what is decided."""

    def image(self, number: int, closer: bool) -> bytes:
        """A photograph as JPEG, or its hand alone."""

    def decide(self, number: int, kind: str, label: str) -> dict[str, Any]:
        """Writes a decision; what is decided of the suspect now."""

    def decided(self, number: int) -> dict[str, Any]:
        """What is decided of a suspect now."""


class Made(BaseModel):
    """A decision that was made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["keep", "move", "leave_out"]
    label: str = ""


class Wanted(BaseModel):
    """What a page wants to be decided.

    Attributes:
        image: number of the suspect.
        kind: what to do.
        label: the class it is moved to.
        before: what the page showed as decided; where something else is by now, nothing is written.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    image: int
    kind: Literal["keep", "move", "leave_out", "undo"]
    label: str = ""
    before: Made | None = None


def make_labels_router(desk: LabelDesk) -> APIRouter:
    """The routes below ``/v1/labels``."""
    router = APIRouter(prefix="/v1/labels")
    one_decision = asyncio.Lock()  # so that what a page showed is still so when its decision is written

    @router.get("", summary="Photographs whose labels are suspect")
    async def suspects() -> JSONResponse:
        return JSONResponse(await _asked(desk.state))

    @router.get("/images/{number}", summary="One of their photographs, as JPEG", response_class=Response)
    async def image(number: str, hand: str = "") -> Response:
        """Upright, at most 1,280 pixels a side; with `?hand=1` the hand alone."""
        if not number.isdecimal():
            raise _no_such_image(number)
        made = await _asked(functools.partial(desk.image, int(number), hand == "1"), number)
        return Response(made, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    @router.post("/decisions", summary="Keep, move or leave out one of them")
    async def decide(request: Request) -> JSONResponse:
        """The labels' file is written at once; photographs stay where they are."""
        wanted = await _wanted(request)
        number = str(wanted.image)
        async with one_decision:
            now = await _asked(functools.partial(desk.decided, wanted.image), number)
            if now["decision"] != (wanted.before.model_dump() if wanted.before else None):
                raise _decided_elsewhere()
            decided = functools.partial(desk.decide, wanted.image, wanted.kind, wanted.label)
            return JSONResponse(await _asked(decided, number))

    return router


async def _wanted(request: Request) -> Wanted:
    """The decision that a request brings.

    Raises:
        ApiError: it brings none.
    """
    expected = '{"image": 0, "kind": "keep", "move", "leave_out" or "undo", "label": "A", "before": null}'
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ApiError(415, "not_json", "The request is not JSON.", f"{JSON}: {expected}")
    content = await request.body()
    try:
        if len(content) > MOST:
            raise ValueError
        return Wanted.model_validate_json(content)
    except ValueError as error:  # pydantic's own among them
        wrong = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is too long"
        raise ApiError(422, "no_decision", f"The request is no decision: {wrong}.", expected) from None


async def _asked(question: Callable[[], Answer], number: str = "") -> Answer:
    """An answer of the desk, off the event loop.

    Raises:
        ApiError: there is no such image, or a file is at fault.
    """
    try:
        return await asyncio.to_thread(question)
    except LookupError:
        raise _no_such_image(number) from None
    except ImageError:
        raise
    except HandshapeError as error:
        raise ApiError(409, "labels_file", error.happened, error.expected, error.fix) from None


def _no_such_image(number: str) -> ApiError:
    return ApiError(404, "no_such_image", f"There is no image {number}.", "a number that GET /v1/labels lists")


def _decided_elsewhere() -> ApiError:
    message = "Somebody else has decided on this photograph meanwhile; nothing was changed."
    return ApiError(409, "decided_elsewhere", message, fix="Look at what is decided now, then decide again.")
