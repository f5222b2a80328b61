"""The requests about trainings: start one, see how far it is, cancel it, keep or throw away what came of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from handshape.registry import ready_names
from handshape.serving.api.learning import Learning, answered, asked
from handshape.serving.learn.trainer import NAME

ROUTE = "/v1/trainings"


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    also: list[str] = Field(default_factory=list, max_length=10)  # ready models whose classes are kept


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = NAME


def make_trainings_router(learning: Learning) -> APIRouter:
    """The routes below ``/v1/trainings``."""
    router = APIRouter(prefix=ROUTE, include_in_schema=False)
    trainer = learning.trainer

    def state() -> dict[str, Any]:
        current = trainer.current
        told = current.as_dict() if current else None
        return {"missing": trainer.missing(), "ready": ready_names(), "name": NAME, "training": told}

    @router.get("")
    async def look() -> JSONResponse:
        return JSONResponse(await answered(state))

    @router.post("")
    async def start(request: Request) -> JSONResponse:
        wanted = await asked(request, _Wanted)
        await answered(trainer.start, wanted.also)
        return JSONResponse(await answered(state), 202)

    @router.post("/cancel")
    async def cancel(request: Request) -> JSONResponse:
        await asked(request, _Nothing)
        await answered(trainer.cancel)
        return JSONResponse(await answered(state))

    @router.post("/keep")
    async def keep(request: Request) -> JSONResponse:
        kept = await asked(request, _Kept)
        await answered(trainer.keep, kept.name)
        return JSONResponse(await answered(state))

    return router
