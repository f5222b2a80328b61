"""What is answered instead of a result: always ``{"error": {code, message, expected, fix}}``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from handshape.errors import ImageError

UNREADABLE = "unreadable_image"
TOO_MANY_PIXELS = "too_many_pixels"
FORM = "multipart/form-data"
SEND_FORM = "Let an HTTP library write the form, or curl: -F image=@photo.jpg"
LOOK_UP = "GET /openapi.json says what there is."


class Refusal(Exception):  # noqa: N818
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
        self.status = status
        self.error = error_of(code, message, expected, fix)
        self.headers = dict(headers or {})
        super().__init__(message)

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse({"error": self.error}, self.status, self.headers)


class TooManyPixelsError(ImageError):
    """One image is larger than this server decodes."""


def error_of(code: str, message: str, expected: str = "", fix: str = "") -> dict[str, str]:
    """What stands under ``error`` in an answer."""
    return {"code": code, "message": message, "expected": expected, "fix": fix}


def error_of_image(error: ImageError) -> dict[str, str]:
    """What stands under ``error`` for one image."""
    code = TOO_MANY_PIXELS if isinstance(error, TooManyPixelsError) else UNREADABLE
    return error_of(code, error.happened, error.expected, error.fix)


def not_found() -> Refusal:
    """Of what is asked for by a path."""
    return Refusal(404, "not_found", "There is nothing at this path.", "one such as /v1/recognize", LOOK_UP)


def mistake() -> Refusal:
    """Of the server itself."""
    return Refusal(
        500,
        "internal_error",
        "The server made a mistake; its log says more.",
        fix="Try again; if it stays, tell whoever runs this server.",
    )


def stopping() -> Refusal:
    """Of what was not finished when the server had to stop."""
    return Refusal(
        503,
        "stopping",
        "The server was stopped before it had finished this.",
        "a server that runs",
        "Send it again in a few seconds.",
        {"Retry-After": "5"},
    )


def answer_errors(app: FastAPI) -> None:
    """Has every error of an application answered as JSON."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


def _not_served(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths, other methods, broken forms."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return not_found().response()
    headers = error.headers or {}
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    if "Allow" in headers:
        words = (f"{request.method} is not for this path.", headers["Allow"], LOOK_UP)
    else:
        words = (str(error.detail), f"a whole {FORM} with its boundary", SEND_FORM)
    return Refusal(error.status_code, code, *words, headers).response()


def _gone(request: Request, error: Exception) -> Response:
    return Refusal(400, "incomplete", "The client went away before its request was whole.").response()


def _failed(request: Request, error: Exception) -> Response:
    return mistake().response()
