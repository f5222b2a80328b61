"""What the OpenAPI description says of the routes, with examples."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

HAND = {"box": [212.4, 96.1, 180.2, 243.7], "handedness": "Right", "score": 0.9871}
RECOGNISED = {
    "path": "photo.jpg",
    "decision": "B",
    "confidence": 0.971204,
    "top": [["B", 0.971204], ["F", 0.011873]],
    "hand": HAND,
    "milliseconds": 11.482,
}
ERROR = {
    "code": "unreadable_image",
    "message": "The image is a PDF document.",
    "expected": "a whole image: JPEG, PNG, BMP, WEBP, GIF, TIFF",
    "fix": "Convert it to JPEG or PNG, or remove it.",
}


class Error(BaseModel):
    """Why something was refused."""

    code: str = Field(description="one word for programs", examples=["unreadable_image", "too_large", "unauthorized"])
    message: str = Field(description="what happened")
    expected: str = Field(description="what would have been right; may be empty")
    fix: str = Field(description="what to do now; may be empty")


class Refused(BaseModel):
    """Every answer that is not 200."""

    error: Error = Field(examples=[ERROR])


class FoundHand(BaseModel):
    """The hand that was recognised."""

    box: tuple[float, float, float, float] = Field(description="left, top, width and height in pixels of the image")
    handedness: str = Field(description="Left or Right")
    score: float = Field(description="how sure it is that this is a hand, 0 to 1")


class Result(BaseModel):
    """One image: its decision, or its error."""

    path: str = Field(description="the file name that was sent")
    decision: str | None = Field(None, description='a label, "unknown" or "no hand"')
    confidence: float | None = Field(None, description="calibrated probability of the most probable class, 0 to 1")
    top: list[tuple[str, float]] | None = Field(None, description="the most probable classes, best first")
    hand: FoundHand | None = None
    milliseconds: float | None = Field(None, description="from bytes to decision")
    error: Error | None = Field(None, description="instead of all others, for an image that cannot be read")


class Results(BaseModel):
    """One result an image, in the order they were sent."""

    results: list[Result] = Field(examples=[[RECOGNISED, {"path": "scan.pdf", "error": ERROR}]])


class NoResults(Refused):
    """The request was refused, or none of its images could be read; each then has its result."""

    results: list[Result] | None = None


class Model(BaseModel):
    """What is being served."""

    name: str = Field(examples=["asl@production"])
    version: str = Field(description="of a registered model its name and number, else a checksum", examples=["asl@3"])
    sha256: str = Field(description="of the bundle's manifest, which names those of its files")
    since: str = Field(description="when it was loaded", examples=["2026-11-22T17:48:40+00:00"])
    class_names: list[str] = Field(examples=[["A", "B", "C"]])
    size: int = Field(description="side of the network's input in pixels", examples=[128])
    finds_hands: bool
    thresholds: dict[str, float | None] = Field(examples=[{"with_hand": 0.39, "without_hand": None}])
    accuracy: dict[str, float] | None = Field(examples=[{"validation": 0.93, "test": 0.91}])


class Models(BaseModel):
    """The models that answer."""

    models: list[Model]


class Health(BaseModel):
    """Whether the server lives."""

    status: str = Field(examples=["ready"])


def _refusals(**reasons: str) -> dict[int | str, dict[str, Any]]:
    always = {"401": "no valid token", "403": "a web page from elsewhere", "429": "too many requests"}
    return {
        int(status.lstrip("_")): {"model": Refused, "description": reason}
        for status, reason in (always | reasons).items()
    }


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    content = {
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["image"], "properties": {"image": schema}},
        }
    }
    return {"requestBody": {"required": True, "content": content}}


_FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, BMP, WEBP, GIF or TIFF"}
_BODIES = {
    "_400": "a form that is broken",
    "_408": "a request that came too slowly",
    "_413": "more bytes, pixels or images than are taken",
    "_415": "no form, or one in another charset",
    "_422": "no image, or none that can be read",
    "_503": "the server was stopped before it had finished",
}

RECOGNIZE: dict[str, Any] = {
    "summary": "Recognise handshapes",
    "description": "The decision on each image, as `handshape predict --json` gives it. 200 when at least one could "
    "be read. Static handshapes are recognised; a sign language is not translated.",
    "response_model": None,
    "responses": {
        200: {"model": Results},
        **_refusals(**_BODIES),
        413: {"model": NoResults, "description": _BODIES["_413"]},
        422: {"model": NoResults, "description": _BODIES["_422"]},
    },
    "openapi_extra": _form({"type": "array", "minItems": 1, "items": _FILE}),
}
EXPLAIN: dict[str, Any] = {
    "summary": "Show where the model looked",
    "description": "A picture: the hand that was found, the places that spoke for the answer, and the answer.",
    "response_model": None,
    "responses": {200: {"content": {"image/png": {}}, "description": "the picture"}, **_refusals(**_BODIES)},
    "openapi_extra": _form(_FILE),
}
MODELS: dict[str, Any] = {
    "summary": "What is being served",
    "response_model": None,
    "responses": {200: {"model": Models}, **_refusals()},
}
HEALTH: dict[str, Any] = {
    "summary": "Whether the server lives",
    "response_model": None,
    "responses": {200: {"model": Health}},
}
METRICS: dict[str, Any] = {
    "summary": "Counts, for Prometheus",
    "response_model": None,
    "responses": {200: {"content": {"text/plain": {}}, "description": "the counts"}, **_refusals()},
}
DESCRIPTION = """\
Recognises static handshapes in photographs.

`GET /v1/stream` opens a WebSocket: binary messages in, each the bytes of one image file; out comes, for each frame that
was looked at, a result as here, with `frame`, its number from 0, and `late`, how many frames before it were dropped
because newer ones had come. Browsers pass a token as the subprotocols `handshape` and `bearer.TOKEN`."""
