"""The requests that are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile

from handshape.errors import ImageError
from handshape.serving.api import schemas as documents
from handshape.serving.api.answers import counted, counted_error, require_pixels
from handshape.serving.api.errors import FORM, SEND_FORM, TOO_MANY_PIXELS, Refusal, error_of_image
from handshape.serving.api.limits import Limits
from handshape.serving.api.metrics import Metrics
from handshape.serving.api.models import Loaded, Served
from handshape.serving.api.threads import Workers

FIELD = "image"
CHARSETS = (b"utf-8", b"utf8", b"us-ascii", b"ascii")  # Python decodes others to what cannot be sent back, or fails

Explain = Callable[[Loaded, bytes], bytes]  # an image, explained, as PNG


@dataclass(frozen=True)
class Desk:
    """What the answers are made with."""

    served: Served
    workers: Workers
    limits: Limits
    metrics: Metrics
    explain: Explain


def routes_of(desk: Desk) -> APIRouter:
    """The routes, answered with what lies on the desk."""
    router = APIRouter()
    one_picture = asyncio.Semaphore(1)  # an explanation takes as long as many answers; these are not to wait for it

    @router.post("/v1/recognize", **documents.RECOGNIZE)
    async def recognize(request: Request) -> Response:
        async with _uploads(request, desk.limits.images) as uploads:
            results = await desk.workers.run_all(_answerer(desk), uploads)
        errors = [result["error"] for result in results if "error" in result]
        if len(errors) < len(results):
            return JSONResponse({"results": results})
        return JSONResponse({"error": errors[0], "results": results}, _status(errors[0]))

    @router.post("/v1/explain", **documents.EXPLAIN)
    async def explain(request: Request) -> Response:
        async with _uploads(request, 1) as (upload,), one_picture:
            picture = await desk.workers.run(_explainer(desk), upload)
        return Response(picture, media_type="image/png")

    @router.get("/v1/models", **documents.MODELS)
    async def models() -> Response:
        return JSONResponse({"models": [described(desk.served)]})

    @router.head("/healthz", include_in_schema=False)  # as load balancers like to ask
    @router.get("/healthz", **documents.HEALTH)
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", **documents.HEALTH)
    async def readyz() -> Response:
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", **documents.METRICS)
    async def metrics() -> Response:
        page = desk.metrics.page(name=desk.served.name, version=desk.served.current.version)
        return Response(page, media_type=desk.metrics.media_type)

    return router


def described(served: Served) -> dict[str, Any]:
    """The model being served, for JSON."""
    current = served.current
    bundle = current.bundle
    return {
        "name": served.name,
        "version": current.version,
        "sha256": bundle.details["sha256"],
        "since": current.since.isoformat(timespec="seconds"),
        "labels": list(bundle.class_names),
        "size": bundle.size,
        "finds_hands": current.recognizer.finds_hands,
        "thresholds": bundle.thresholds.as_dict(),
        "accuracy": bundle.details.get("accuracy"),
    }


@asynccontextmanager
async def _uploads(request: Request, most: int) -> AsyncIterator[list[UploadFile]]:
    """The images of a form, in order, at least one.

    Raises:
        Refusal: no form, no images, or more than ``most``.
    """
    _require_form(request.headers.get("content-type", ""))
    async with request.form(max_fields=most) as form:
        images = form.getlist(FIELD)
        uploads = [image for image in images if isinstance(image, UploadFile)]
        if not uploads or len(uploads) < len(images):
            raise Refusal(422, "no_image", f"The form has no file as {FIELD}.", f"one or more files named {FIELD}")
        if len(uploads) > most:
            raise Refusal(413, "too_many_images", f"The form has {len(uploads)} images.", f"at most {most}")
        yield uploads


def _require_form(content_type: str) -> None:
    kind, options = parse_options_header(content_type)
    charset = options.get(b"charset", CHARSETS[0])
    if kind != FORM.encode():
        happened = f"The request is {kind.decode('latin-1') or 'of no type'}."
        raise Refusal(415, "not_a_form", happened, f"{FORM} with images as {FIELD}", SEND_FORM)
    if charset.lower() not in CHARSETS:
        happened = f"The form's charset is '{charset.decode('latin-1')}'."
        raise Refusal(415, "other_charset", happened, "a form in UTF-8", "Send its type without charset.")


def _answerer(desk: Desk) -> Callable[[UploadFile], dict[str, Any]]:
    loaded = desk.served.current  # one model for all images of a request

    def answer(upload: UploadFile) -> dict[str, Any]:
        path = {"path": upload.filename or FIELD}
        try:
            image = upload.file.read()
            require_pixels(image, desk.limits.pixels)
            return path | counted(loaded.recognizer.recognize(image), desk.metrics)
        except ImageError as error:
            return path | counted_error(error, desk.metrics)

    return answer


def _explainer(desk: Desk) -> Callable[[UploadFile], bytes]:
    def explained(upload: UploadFile) -> bytes:
        try:
            image = upload.file.read()
            require_pixels(image, desk.limits.pixels)
            return desk.explain(desk.served.current, image)
        except ImageError as problem:
            error = error_of_image(problem)
            raise Refusal(_status(error), error["code"], error["message"], error["expected"], error["fix"]) from None

    return explained


def _status(error: dict[str, str]) -> int:
    return 413 if error["code"] == TOO_MANY_PIXELS else 422
