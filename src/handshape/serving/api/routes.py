"""The requests that are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile

from handshape.serving.api.answers import AppState, as_json, recognized, require_pixels
from handshape.serving.api.errors import FORM, SEND_FORM, ApiError
from handshape.serving.api.models import Served
from handshape.serving.api.schemas import Health, Model, Models, NoResults, Results, errors, form
from handshape.serving.recognizer import Recognition

FIELD = "image"
FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, BMP, WEBP, GIF or TIFF"}
CHARSETS = (b"utf-8", b"utf8", b"us-ascii", b"ascii")  # Python decodes others to what cannot be sent back, or fails
GUARDED = errors(401, 403, 429)
WATCHED = GUARDED | errors(404)
COUNTS = GUARDED | {200: {"content": {"text/plain": {}}, "description": "the counts"}}
FORM_ERRORS = GUARDED | errors(400, 408, 413, 415, 422, 503)


def make_router(state: AppState) -> APIRouter:
    """The routes.

    Forms are read by hand: FastAPI would read any form whole before it judged its type, its charset and its fields.
    """
    router = APIRouter()
    one_explanation = asyncio.Semaphore(1)  # it takes as long as many answers; these are not to wait for it

    @router.post(
        "/v1/recognize",
        summary="Recognise handshapes",
        response_model=Results,
        response_model_exclude_unset=True,
        responses=FORM_ERRORS | errors(413, 422, model=NoResults),
        openapi_extra=form(image={"type": "array", "minItems": 1, "items": FILE}),
    )
    async def recognize(request: Request) -> object:
        """The decision on each image, as `handshape predict --json` gives it. 200 when at least one could be read.

        Static handshapes are recognised; a sign language is not translated.
        """
        recognizer = state.served.current.recognizer  # one model for all images of a request

        def answer(upload: UploadFile) -> Recognition | ApiError:
            return recognized(state, upload.file.read(), recognizer.recognize)

        async with _uploads(request, state.limits.images) as uploads:
            answers = await state.workers.run_all(answer, uploads)
        paths = [upload.filename or FIELD for upload in uploads]
        results = [{"path": path} | as_json(answer) for path, answer in zip(paths, answers, strict=True)]
        wrong = [answer for answer in answers if isinstance(answer, ApiError)]
        if len(wrong) == len(answers):
            return JSONResponse({"error": wrong[0].error, "results": results}, wrong[0].status_code)
        return {"results": results}

    @router.post(
        "/v1/explain",
        summary="Show where the model looked",
        response_class=Response,
        responses=FORM_ERRORS | {200: {"content": {"image/png": {}}, "description": "the picture"}},
        openapi_extra=form(image=FILE),
    )
    async def explain(request: Request) -> Response:
        """A picture: the hand that was found, the places that spoke for the answer, and the answer."""

        def explained(upload: UploadFile) -> bytes:
            image = upload.file.read()
            require_pixels(image, state.limits.pixels)
            return state.explain(state.served.current, image)

        async with _uploads(request, 1) as (upload,), one_explanation:
            return Response(await state.workers.run(explained, upload), media_type="image/png")

    @router.get("/v1/models", summary="What is being served", responses=GUARDED)
    async def models() -> Models:
        return Models(models=[_model(state.served)])

    @router.head("/healthz", include_in_schema=False)  # as load balancers like to ask
    @router.get("/healthz", summary="Whether the server lives")
    async def healthz() -> Health:
        return Health(status="alive")

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", summary="Whether the server is ready")
    async def readyz() -> Health:
        return Health(status="ready")

    @router.get("/metrics", summary="Counts, for Prometheus", response_class=Response, responses=COUNTS)
    async def metrics() -> Response:
        if state.watch:
            state.metrics.watched(state.watch.as_dict())
        page = state.metrics.page(name=state.served.name, version=state.served.current.version)
        return Response(page, media_type=state.metrics.media_type)

    @router.get("/v1/watch", summary="Answers in use, beside those when it was tested", responses=WATCHED)
    async def watched() -> dict[str, Any]:
        if state.watch is None:
            raise ApiError(404, "not_watched", "Nobody watches over this server.", fix="Start it with --watch.")
        return await asyncio.to_thread(state.watch.as_dict)

    return router


def _model(served: Served) -> Model:
    current, bundle = served.current, served.current.bundle
    return Model(
        name=served.name,
        version=current.version,
        sha256=bundle.sha256,
        since=current.since.isoformat(timespec="seconds"),
        labels=list(bundle.class_names),
        size=bundle.size,
        finds_hands=current.recognizer.finds_hands,
        thresholds=bundle.thresholds.as_dict(),
        accuracy=bundle.details.get("accuracy"),
    )


@asynccontextmanager
async def _uploads(request: Request, most: int) -> AsyncIterator[list[UploadFile]]:
    """The images of a form, in order, at least one.

    Raises:
        ApiError: no form, no images, or more than ``most``.
    """
    require_form(request.headers.get("content-type", ""))
    async with request.form(max_fields=most) as fields:
        images = fields.getlist(FIELD)
        uploads = [image for image in images if isinstance(image, UploadFile)]
        if not uploads or len(uploads) < len(images):
            raise ApiError(422, "no_image", f"The form has no file as {FIELD}.", f"one or more files named {FIELD}")
        if len(uploads) > most:
            raise ApiError(413, "too_many_images", f"The form has {len(uploads)} images.", f"at most {most}")
        yield uploads


def require_form(content_type: str) -> None:
    """Passes where a request says that it is a form which can be read.

    Raises:
        ApiError: 415, it says something else.
    """
    kind, options = parse_options_header(content_type)
    charset = options.get(b"charset", CHARSETS[0])
    if kind != FORM.encode():
        happened = f"The request is {kind.decode('latin-1') or 'of no type'}."
        raise ApiError(415, "not_a_form", happened, f"{FORM} with images as {FIELD}", SEND_FORM)
    if charset.lower() not in CHARSETS:
        happened = f"The form's charset is '{charset.decode('latin-1')}'."
        raise ApiError(415, "other_charset", happened, "a form in UTF-8", "Send its type without charset.")
