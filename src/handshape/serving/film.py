"""Frames of films and cameras, one after the other, as RGB with their times. OpenCV reads them, Pillow animations."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from handshape.errors import ImageError, RuntimeUnavailableError
from handshape.images import Pixels, decode, has_several_frames, open_image, read_bytes

# fmt: off
FILMS = frozenset({
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".ogv", ".wmv", ".flv",
    ".mjpeg", ".mjpg", ".y4m",
})
# fmt: on
LONGEST_SIDE = 1280  # pixels; larger frames, of which the hand networks see no more, are made smaller
USUAL_FPS = 25.0  # of films that do not say
CAMERA_SIZE = (640, 480)
LEAST_WHOLE = 0.9  # of the frames that a film says it has; films that end sooner are cut short
QUIET = {  # what matters of what they remark is an error of ours
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "QT_LOGGING_RULES": "default.warning=false",
}
_EXPECTED = "a whole film that OpenCV can read, such as MP4, MOV, AVI, MKV or WebM"


@dataclass
class Film:
    """A film, or what a camera sees, open; each frame comes once.

    Attributes:
        name: for messages.
        frames: (ms from its start, RGB [H, W, 3] uint8).
        count: how many frames it says it has; 0 for a camera, or where it does not say.
        fps: frames a second, as it says.
        is_live: whether it goes on for ever, and waits for nobody.
        read: how many frames were read so far.
    """

    name: str
    frames: Iterator[tuple[float, Pixels]]
    count: int = 0
    fps: float = USUAL_FPS
    is_live: bool = False
    read: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[tuple[float, Pixels]]:
        for frame in self.frames:
            self.read += 1
            yield frame

    @property
    def is_cut_short(self) -> bool:
        """Whether it ended long before it should have."""
        return self.read < LEAST_WHOLE * self.count


def is_film(path: Path) -> bool:
    """Whether a file is a film by its name."""
    return path.suffix.lower() in FILMS


@contextmanager
def open_film(path: Path) -> Iterator[Film]:
    """A film, or an animated image.

    Raises:
        ImageError: it is missing, empty, damaged, or no film.
        RuntimeUnavailableError: it needs OpenCV, which is not installed.
    """
    if not is_film(path):
        yield _animation(path)
        return
    with path_open(path):
        pass
    cv2 = opencv("Films are")
    capture = cv2.VideoCapture(str(path))
    try:
        fps, count = (float(capture.get(what)) for what in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        fps = fps if 0 < fps < 1000 else USUAL_FPS
        first = _next(cv2, capture) if capture.isOpened() else None
        if first is None:
            raise ImageError(
                f"{path} holds no frame that can be read.", _EXPECTED, "Play it; convert it: ffmpeg -i FILM film.mp4"
            )
        yield Film(str(path), _frames(cv2, capture, fps, first), max(0, round(count)), fps)
    finally:
        capture.release()


@contextmanager
def open_camera(number: int) -> Iterator[Film]:
    """What a camera sees; times are those at which its frames were asked for.

    Raises:
        RuntimeUnavailableError: there is no such camera, another program has it, or OpenCV is not installed.
    """
    cv2 = opencv("Cameras are")
    capture = cv2.VideoCapture(number)
    try:
        for what, length in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), CAMERA_SIZE, strict=True):
            capture.set(what, length)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame counts
        first = _next(cv2, capture) if capture.isOpened() else None
        if first is None:
            raise RuntimeUnavailableError(*_no_camera(number, capture.isOpened()))
        yield Film(f"camera {number}", _seen_now(cv2, capture, number, first), is_live=True)
    finally:
        capture.release()


def opencv(subject: str) -> Any:
    """The module ``cv2``, which keeps its remarks to itself.

    Args:
        subject: "Films are", "Cameras are" …, of the message.

    Raises:
        RuntimeUnavailableError: it is not installed, or cannot be loaded.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import cv2
    except ImportError as error:
        missing = (
            "which is not installed" if isinstance(error, ModuleNotFoundError) else f"which does not load: {error}"
        )
        raise RuntimeUnavailableError(
            f"{subject} read by OpenCV, {missing}.", fix="pip install 'handshape[live]'"
        ) from None
    return cv2


@contextmanager
def path_open(path: Path) -> Iterator[None]:
    """Says what is wrong with a file in our words, before another program says it in its own.

    Raises:
        ImageError: it is missing, a folder, not readable, or empty.
    """
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except (OSError, ValueError):
        read_bytes(path)  # says why
        raise
    if is_empty:
        raise ImageError(f"{path} is empty (0 bytes).", _EXPECTED, "Copy it from its source again, or remove it.")
    yield


def _frames(cv2: Any, capture: Any, fps: float, first: Pixels) -> Iterator[tuple[float, Pixels]]:
    """Times are those of the file where they go forward, else counted."""
    number, before = 0, -1.0
    for frame in _from(cv2, capture, first):
        told = float(capture.get(cv2.CAP_PROP_POS_MSEC))
        now = told if told > before or (number == 0 and told >= 0) else before + 1000 / fps
        now = max(now, 0.0)
        yield now, frame
        number, before = number + 1, now


def _seen_now(cv2: Any, capture: Any, number: int, first: Pixels) -> Iterator[tuple[float, Pixels]]:
    start = time.monotonic()
    for frame in _from(cv2, capture, first):
        yield 1000 * (time.monotonic() - start), frame
    raise RuntimeUnavailableError(f"Camera {number} gives no more frames.", fix="Is it still plugged in?")


def _from(cv2: Any, capture: Any, first: Pixels) -> Iterator[Pixels]:
    """The first frame, and all that follow."""
    frame: Pixels | None = first
    while frame is not None:
        yield frame
        frame = _next(cv2, capture)


def _next(cv2: Any, capture: Any) -> Pixels | None:
    there, frame = capture.read()
    if not there or frame is None or not frame.size:
        return None
    factor = LONGEST_SIDE / max(frame.shape[:2])
    if factor < 1:
        frame = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB if frame.ndim == 2 else cv2.COLOR_BGR2RGB))


def _no_camera(number: int, is_there: bool) -> tuple[str, str, str]:
    cameras = sorted(path.name for path in Path("/dev").glob("video*")) if os.name == "posix" else []
    if is_there or f"video{number}" in cameras:
        return (
            f"Camera {number} gives no picture.",
            "a camera that no other program uses, and that this one may use",
            "Close other programs with a camera; on Linux, be in the group 'video'; on macOS, allow the terminal.",
        )
    return (
        f"There is no camera {number}.",
        "the number of a camera, 0 for the first, or a film",
        "Plug one in, or read a film: handshape live --source film.mp4",
    )


def _animation(path: Path) -> Film:
    """The frames of an animated GIF, WebP or PNG.

    Raises:
        ImageError: it cannot be read, or does not move.
    """
    image = open_image(path)
    if not has_several_frames(image):
        raise ImageError(f"{path} is no film.", _EXPECTED, "Images go without --subtitles: handshape predict asl IMAGE")
    return Film(str(path), _animated(image, str(path)), int(getattr(image, "n_frames", 0)))


def _animated(image: Image.Image, name: str) -> Iterator[tuple[float, Pixels]]:
    now = 0.0
    for number in range(int(getattr(image, "n_frames", 1))):
        image.seek(number)
        frame = decode(image.copy(), name)
        if max(frame.size) > LONGEST_SIDE:
            frame = ImageOps.contain(frame, (LONGEST_SIDE, LONGEST_SIDE))
        yield now, np.asarray(frame)
        now += float(image.info.get("duration") or 1000 / USUAL_FPS)
