"""What is answered instead of a result: always ``{"error": {code, message, expected, fix}}``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from handshape.errors import ImageError

FORM = "multipart/form-data"
SEND_FORM = "Let an HTTP library write the form, or curl: -F image=@photo.jpg"
LOOK_UP = "GET /openapi.json says what there is."


class ApiError(HTTPException):
    """A request that is not answered as asked.

    Args:
        status: of HTTP.
        code: one word for programs.
        message: what happened.
        expected: what would have been right.
        fix: what to do now.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        expected: str = "",
        fix: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.error = {"code": code, "message": message, "expected": expected, "fix": fix}

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse({"error": self.error}, self.status_code, self.headers)


def image_error(error: ImageError) -> ApiError:
    """Of an image that cannot be read."""
    return ApiError(422, "unreadable_image", error.happened, error.expected, error.fix)


def not_found() -> ApiError:
    """Of what is asked for by a path."""
    return ApiError(404, "not_found", "There is nothing at this path.", "one such as /v1/recognize", LOOK_UP)


def server_error() -> ApiError:
    """Of the server itself."""
    message = "The server made a mistake; its log says more."
    return ApiError(500, "internal_error", message, fix="Try again; if it stays, tell whoever runs this server.")


def stopping() -> ApiError:
    """Of what was not finished when the server had to stop."""
    message = "The server was stopped before it had finished this."
    headers = {"Retry-After": "5", "Connection": "close"}
    return ApiError(503, "stopping", message, "a server that runs", "Send it again in a few seconds.", headers)


def add_error_handlers(app: FastAPI) -> None:
    """Has every error of an application answered as JSON."""
    for kind in (HTTPException, ImageError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return _api_error(request, error).response()


def _api_error(request: Request, error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ImageError):
        return image_error(error)
    if isinstance(error, HTTPException):
        return _framework_error(request, error)
    if isinstance(error, ClientDisconnect):
        return ApiError(400, "incomplete", "The client went away before its request was whole.")
    return server_error()


def _framework_error(request: Request, error: HTTPException) -> ApiError:
    """Unknown paths, other methods, broken forms."""
    if error.status_code == 404:
        return not_found()
    headers = error.headers or {}
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    if "Allow" in headers:
        texts = (f"{request.method} is not for this path.", headers["Allow"], LOOK_UP)
    else:
        texts = (str(error.detail), f"a whole {FORM} with its boundary", SEND_FORM)
    return ApiError(error.status_code, code, *texts, headers)
