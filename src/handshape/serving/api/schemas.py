"""The answers as models: FastAPI writes them by these, and says in its OpenAPI description what is in them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

ERROR_EXAMPLE = {
    "code": "unreadable_image",
    "message": "The image is a PDF document.",
    "expected": "a whole image: JPEG, PNG, BMP, WEBP, GIF, TIFF",
    "fix": "Convert it to JPEG or PNG, or remove it.",
}
RESULT_EXAMPLE = {
    "path": "photo.jpg",
    "decision": "B",
    "confidence": 0.971204,
    "top": [["B", 0.971204], ["F", 0.011873]],
    "hand": {"box": [212.4, 96.1, 180.2, 243.7], "handedness": "Right", "score": 0.9871},
    "milliseconds": 11.482,
}
REASONS = {
    400: "a form that is broken",
    401: "no valid token",
    403: "a web page from elsewhere",
    404: "nothing that is there",
    408: "a request that came too slowly",
    413: "more bytes, pixels or images than are taken",
    415: "no form, or one in another charset",
    422: "no image, or none that can be read",
    429: "too many requests",
    431: "headers that are too large",
    503: "the server was stopped before it had finished, or too many connections are open",
}


class Error(BaseModel):
    """Why something is not answered as asked."""

    code: str = Field(description="one word for programs", examples=["unreadable_image", "too_large", "unauthorized"])
    message: str = Field(description="what happened")
    expected: str = Field(description="what would have been right; may be empty")
    fix: str = Field(description="what to do now; may be empty")


class ErrorAnswer(BaseModel):
    """Every answer that is not 200."""

    error: Error = Field(examples=[ERROR_EXAMPLE])


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

    results: list[Result] = Field(examples=[[RESULT_EXAMPLE, {"path": "scan.pdf", "error": ERROR_EXAMPLE}]])


class NoResults(ErrorAnswer):
    """The request was refused, or none of its images could be read; each then has its result."""

    results: list[Result] | None = None


class Model(BaseModel):
    """What is being served."""

    name: str = Field(examples=["asl@production"])
    version: str = Field(description="of a registered model its name and number, else a checksum", examples=["asl@3"])
    sha256: str = Field(description="of the bundle's manifest, which names those of its files")
    since: str = Field(description="when it was loaded", examples=["2026-11-22T17:48:40+00:00"])
    labels: list[str] = Field(examples=[["A", "B", "C"]])
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


def errors(*statuses: int, model: type[ErrorAnswer] = ErrorAnswer) -> dict[int | str, dict[str, Any]]:
    """What a route may answer instead, for its ``responses``."""
    return {status: {"model": model, "description": REASONS[status]} for status in statuses}


def form(**fields: Any) -> dict[str, Any]:
    """A form of these fields, for a route's ``openapi_extra``."""
    schema = {"type": "object", "required": list(fields), "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
