"""The requests about recordings: what there is, more of it, less of it, other names, all of it in one file."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile

from handshape.serving.api.errors import ApiError
from handshape.serving.api.learning import Learning, answered, asked
from handshape.serving.api.routes import require_form
from handshape.serving.learn.names import name_of
from handshape.serving.site import media_type

FRAME = "frame"  # field of a form, as often as there are frames
NAMES = ("class", "session", "signer")
SIZE = 128  # pixels, side of the input of the network that is trained


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field(alias="class")
    name: str


class _Deleted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    label: str | None = Field(None, alias="class")
    session: str | None = None  # the name of its folder
    frames: list[str] | None = Field(None, max_length=1000)  # paths


def make_recordings_router(learning: Learning) -> APIRouter:
    """The routes below ``/v1/recordings``."""
    router = APIRouter(prefix="/v1/recordings", include_in_schema=False)
    recordings, watcher = learning.recordings, learning.watcher

    def listed() -> dict[str, Any]:
        classes = [each.as_dict() for each in recordings.classes()]
        return {"folder": str(recordings.root), "bytes": recordings.size(), "classes": classes}

    def record(label: str, session: str, signer: str, frames: list[bytes]) -> dict[str, Any]:
        paths = recordings.add(label, session, signer, frames)
        said = watcher.look(name_of(label, "class"), frames, SIZE)
        return {"paths": paths} | said

    @router.get("")
    async def everything() -> JSONResponse:
        return JSONResponse(await answered(listed))

    @router.post("")
    async def add(request: Request) -> JSONResponse:
        require_form(request.headers.get("content-type", ""))
        most = learning.limits.images
        async with request.form(max_files=most, max_fields=len(NAMES)) as form:
            names = [form.get(name) for name in NAMES]
            given = form.getlist(FRAME)
            frames = [await each.read() for each in given if isinstance(each, UploadFile)]
        texts = [name for name in names if isinstance(name, str)]
        if len(texts) < len(NAMES) or not frames or len(frames) < len(given):
            expected = f"{', '.join(NAMES)} as text, and files as {FRAME}"
            raise ApiError(422, "bad_request", "The form lacks something.", expected)
        return JSONResponse(await answered(record, *texts, frames), 201)

    @router.get("/frame")
    async def frame(path: str = "") -> Response:
        file = await answered(recordings.file, path)
        return FileResponse(file, media_type=media_type(file.name.lower()))

    @router.post("/rename")
    async def rename(request: Request) -> JSONResponse:
        names = await asked(request, _Names)
        return JSONResponse({"class": await answered(recordings.rename, names.label, names.name)})

    @router.post("/delete")
    async def delete(request: Request) -> JSONResponse:
        what = await asked(request, _Deleted)
        if (what.label is None) == (what.frames is None):
            raise ApiError(422, "bad_request", "Either a class or frames can be deleted.", "class, or frames")
        if what.frames is not None:
            await answered(recordings.delete_frames, what.frames)
        elif what.label is not None:
            await answered(recordings.delete, what.label, what.session)
            watcher.forget(what.label)
        return JSONResponse(await answered(listed))

    @router.get("/recordings.zip")
    async def export() -> Response:
        with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
            target = Path(file.name)
        try:
            await answered(recordings.pack, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        remove = BackgroundTask(_removed, target)
        return FileResponse(target, media_type="application/zip", filename="recordings.zip", background=remove)

    return router


def _removed(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
