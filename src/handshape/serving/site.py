"""The page that reads a hand in a browser, and all that it needs, by relative URL.

One description for both: ``handshape serve`` answers with these files, ``handshape export --to web`` writes them.
What the page consists of comes with the package (``web/``); the hand networks and LiteRT's runtime for browsers are
fetched when they are first asked for.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from handshape import __version__
from handshape.console import Console
from handshape.errors import DownloadError
from handshape.export.bundle import ACTIVATION, LITERT, Bundle
from handshape.hands.landmarks import FEATURES_TENSOR
from handshape.hands.models import HandModels, hand_models
from handshape.litert import with_outputs
from handshape.practice.examples import EXAMPLES, can_draw, example
from handshape.practice.handshapes import POSES
from handshape.serving.litert_js import litert_js_folder

WEB = Path(__file__).parent / "web"
INDEX, DESCRIPTION = "index.html", "site.json"
MODEL, HANDS, RUNTIME, PRACTICE = "model/", "hands/", "litert/", "practice/"  # folders beside the page's own files
OF_SERVERS = ("app/learn", "app/labels", "app/server", "app/watch", "watch.html")  # what needs a server's routes
RETRY_SECONDS = 60.0  # after which what could not be fetched is asked for again
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}

Content = Path | Callable[[], bytes]  # a file, or what makes one
Files = dict[str, Content]


def media_type(name: str) -> str:
    """What a browser is told that a file is."""
    return MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")


def read(content: Content) -> bytes:
    """The bytes of a file."""
    return content.read_bytes() if isinstance(content, Path) else content()


def page_files(server: bool = True) -> Files:
    """The page's own files; those that a page without a server never asks for are left out there."""
    named = {path.relative_to(WEB).as_posix(): path for path in sorted(WEB.rglob("*")) if path.is_file()}
    return {
        name: path
        for name, path in named.items()
        if not any(part.startswith(".") for part in name.split("/")) and (server or not name.startswith(OF_SERVERS))
    }


def model_files(bundle: Bundle) -> Files:
    """The network, and the weights for heat maps where the model has them."""
    here = [(LITERT, bundle.litert), (ACTIVATION, bundle.activation)]
    return {MODEL + name: path for name, path in here if path.is_file()}


def practice_files(labels: Iterable[str] = tuple(POSES)) -> Files:
    """Drawn hands of those labels that can be drawn."""
    return {
        f"{PRACTICE}{label}_{number}.jpg": functools.partial(example, label, number)
        for label in filter(can_draw, labels)
        for number in range(EXAMPLES)
    }


class Device:
    """What recognising on a visitor's own device takes beside the model; fetched once, when it is first asked for.

    Args:
        console: is told what is being fetched.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._files: dict[bool, Files] = {}  # with and without the hand networks
        self._failure: tuple[float, DownloadError] | None = None

    def files(self, hands: bool) -> Files:
        """LiteRT's runtime and, where the model looks for hands, their two networks.

        Raises:
            DownloadError: they cannot be had; it is tried again after a minute.
        """
        with self._lock:
            if self._failure and time.monotonic() - self._failure[0] < RETRY_SECONDS:
                raise self._failure[1]
            if hands not in self._files:
                try:
                    networks = _hand_files(hand_models(self._console)) if hands else {}
                    self._files[hands] = networks | _runtime_files(self._console)
                except DownloadError as error:
                    self._failure = (time.monotonic(), error)
                    raise
            return self._files[hands]

    def problem(self, hands: bool) -> str | None:
        """Why they cannot be had; None where they are there."""
        try:
            self.files(hands)
        except DownloadError as error:
            return error.happened
        return None


def describe(bundle: Bundle, name: str, version: str, **facts: Any) -> dict[str, Any]:
    """What ``site.json`` says.

    Args:
        bundle: of the model.
        name: what its users call it: a path, or a registered name.
        version: which one it is.
        facts: what else there is: ``server``, ``training``, ``labels`` …
    """
    ready = bundle.details.get("ready", {})
    model = {
        "name": shown_name(name),
        "version": version,
        "sha256": bundle.sha256,
        "labels": list(bundle.class_names),
        "thresholds": bundle.thresholds.as_dict(),
        "size": bundle.size,
        "finds_hands": bundle.hands > 0,
        "hands": bundle.hands,
        "activation": bundle.activation.is_file(),
        "about": ready.get("about"),
        "limits": ready.get("limits"),
    }
    practice = {label: EXAMPLES for label in bundle.class_names if can_draw(label)}
    return _facts(**facts) | {"model": model, "practice": practice}


def describe_closed(**facts: Any) -> dict[str, Any]:
    """What ``site.json`` says to those who have not shown a token yet."""
    return _facts(**facts) | {"model": None, "practice": {}}


def shown_name(name: str) -> str:
    """A model's name without the folders that it lies in, which are nobody's business."""
    path = Path(name)
    return path.parent.name if path.name == "bundle" and path.parent.name else path.name or name


def _facts(**facts: Any) -> dict[str, Any]:
    usual = {"server": False, "training": False, "labels": False, "token": False, "device": True, "reason": None}
    return {"version": __version__} | usual | facts


def _hand_files(models: HandModels) -> Files:
    """The networks as the page runs them: landmarks with their last feature map as one more output."""
    return {
        f"{HANDS}palm.tflite": models.palm,
        f"{HANDS}landmarks.tflite": functools.partial(_with_features, models.landmarks),
    }


@functools.cache
def _with_features(landmarks: Path) -> bytes:
    return with_outputs(landmarks.read_bytes(), [FEATURES_TENSOR])


def _runtime_files(console: Console) -> Files:
    folder = litert_js_folder(console)
    return {RUNTIME + path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
