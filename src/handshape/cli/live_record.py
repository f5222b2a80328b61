"""What ``handshape live --record`` keeps: a film, answers as JSON lines, or a folder of frames."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image

from handshape.errors import DataError, RunError
from handshape.files import why
from handshape.serving.film import opencv
from handshape.serving.segments import Look

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Show: TypeAlias = "Callable[[Look], bool]"

FPS = 25.0  # of films that are written: a camera's frames come irregularly
CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".avi": "MJPG"}
QUALITY = 92  # of JPEG
ANSWERS = "answers.jsonl"


def recorder(path: Path) -> AbstractContextManager[Show]:
    """Keeps each frame at ``path``; what it is goes by its ending.

    Raises:
        DataError: it is there already, or of no kind that is known.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise DataError(
            f"{path} is there already.", "a new file, or an empty folder", "Name another one, or remove it."
        )
    if path.suffix.lower() in CODECS:
        return _film(path)
    if path.suffix.lower() == ".jsonl":
        return _answers(path)
    if path.suffix:
        raise DataError(f"Cannot record {path}.", f"{', '.join(CODECS)}, .jsonl, or a folder")
    return _frames(path)


def answer_of(look: Look) -> str:
    """One line of JSON, with all that the networks saw of the hand but their features."""
    answer = look.recognition.as_dict(landmarks=True)
    if answer["hand"]:
        del answer["hand"]["features"]
    return json.dumps({"time": round(look.milliseconds / 1000, 3), **answer, "text": look.state.text}) + "\n"


@contextmanager
def _answers(path: Path) -> Iterator[Show]:
    with _told(path), path.open("w", encoding="utf-8") as file:
        yield lambda look: bool(file.write(answer_of(look)))


@contextmanager
def _frames(folder: Path) -> Iterator[Show]:
    """000001.jpg …, and the answers beside them."""
    number = 0
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ANSWERS).open("w", encoding="utf-8") as file:

            def show(look: Look) -> bool:
                nonlocal number
                number += 1
                Image.fromarray(look.pixels).save(folder / f"{number:06}.jpg", quality=QUALITY)
                return bool(file.write(answer_of(look)))

            yield show


@contextmanager
def _film(path: Path) -> Iterator[Show]:
    """At an even rate: frames are repeated or passed over, so that the film lasts as long as it took."""
    cv2 = opencv("Films are")
    written, writer, start = 0, None, 0.0

    def show(look: Look) -> bool:
        nonlocal written, writer, start
        if writer is None:
            height, width = look.pixels.shape[:2]
            start = look.milliseconds
            writer = cv2.VideoWriter(
                str(path), cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()]), FPS, (width, height)
            )
            if not writer.isOpened():
                raise RunError(f"Cannot write {path}.", "a folder that can be written")
        while written / FPS <= (look.milliseconds - start) / 1000:
            writer.write(cv2.cvtColor(look.pixels, cv2.COLOR_RGB2BGR))
            written += 1
        return True

    try:
        yield show
    finally:
        if writer is not None:
            writer.release()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Cannot write {path}: {why(error)}.", "a folder that can be written, on a disk with room"
        ) from None
