"""``handshape serve``: a model over HTTP and WebSocket."""

from __future__ import annotations

import argparse
import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.explaining import draw, heat_of
from handshape.console import Console
from handshape.errors import HandshapeError, ModelError, SettingsError

if TYPE_CHECKING:
    from handshape.serving.api.limits import Limits
    from handshape.serving.api.models import Loaded, Log, Served

RATE_FOR_STRANGERS = 30.0  # requests a second, on addresses that others can reach
CLIENTS_MISTAKES = (  # that uvicorn logs as if they were the server's: a stream that was refused, text that is none
    "ASGI callable returned without completing handshake.",
    "Invalid UTF-8 sequence received from client.",
)


def serve(options: argparse.Namespace, console: Console) -> int:
    """Answers until SIGINT or SIGTERM, which is how a server ends well: 0."""
    from handshape.serving.api.access import LOOPBACK, Access, read_tokens
    from handshape.serving.api.app import make_app
    from handshape.serving.api.server import make_server, open_socket

    if options.workers is not None and options.workers < 1:
        raise SettingsError(f"--workers cannot be {options.workers}.", "1 or more", "Leave it out for one a core.")
    is_private = options.host in LOOPBACK
    tokens = read_tokens(options.token_file) if options.token_file else []
    limits = limits_from(options.limits, is_private)
    served = load(options.model or newest_run(Path("runs")), options.workers, console)
    hosts = {*LOOPBACK, *options.allow_host} if is_private or options.allow_host else set()
    app = make_app(served, explained, Access(tokens, hosts), limits, log_to(console))
    with open_socket(options.host, options.port) as socket, _problems_said(console):
        host = f"[{options.host}]" if ":" in options.host else options.host
        console.status("done", f"Serving {served.name} on http://{host}:{socket.getsockname()[1]} (Ctrl-C stops it)")
        if not (is_private or tokens):
            console.warn("Whoever reaches this machine may use it: no --token-file was given.")
        with suppress(KeyboardInterrupt):  # uvicorn has stopped gracefully, and says by which signal
            make_server(app, limits).run([socket])
    console.status("done", "Stopped.")
    return 0


def limits_from(assignments: list[str], is_private: bool) -> Limits:
    """The limits, some of them changed by ``name=value``.

    Raises:
        SettingsError: an unknown name, or a number out of its range.
    """
    from handshape.serving.api.limits import Limits

    limits = Limits(rate=0.0 if is_private else RATE_FOR_STRANGERS)
    names = [field.name for field in fields(limits)]
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        if name not in names:
            known = ", ".join(f"{name}={getattr(limits, name)}" for name in names)
            raise SettingsError(f"There is no limit '{assignment}'.", f"name=number, among {known}")
        change: dict[str, Any] = {name: _number(name, value)}
        limits = replace(limits, **change)
    return limits


def load(model: str, workers: int | None, console: Console) -> Served:
    """A model, ready to be served, with the hand models it needs, or said aloud without."""
    from handshape.serving.api.models import Served
    from handshape.serving.recognizer import recognizer_of

    return Served(model, lambda bundle: recognizer_of(bundle, console, workers), log_to(console))


def explained(loaded: Loaded, image: bytes) -> bytes:
    """An image, explained, as PNG."""
    from PIL import Image

    result, features = loaded.recognizer.explain(image)
    stream = io.BytesIO()
    Image.fromarray(draw(image, result, heat_of(features, loaded.bundle, result))).save(stream, "PNG")
    return stream.getvalue()


def log_to(console: Console) -> Log:
    """Where a server's events go: as JSON to stdout, or in words; nowhere once nobody reads them."""

    def log(event: dict[str, Any]) -> None:
        with suppress(OSError, HandshapeError):  # requests are answered, and models replaced, all the same
            say(event)

    def say(event: dict[str, Any]) -> None:
        if console.to_json:
            console.emit(event)
        elif event["event"] == "model kept":
            console.warn(f"The model being served stays. {event['reason']}")
        elif event["event"] == "model":
            console.detail(f"{event['model']} is {event['version']}")
        else:
            console.detail("{time} {method} {route} {status}, {milliseconds} ms".format(**event))

    return log


def newest_run(folder: Path) -> str:
    """The run that was finished last.

    Raises:
        ModelError: there is none.
    """
    finished = [manifest.parents[1] for manifest in folder.glob("*/bundle/bundle.json")]
    if not finished:
        raise ModelError(
            f"Which model? There is no finished run in {folder.absolute()}.",
            "a run folder, a bundle folder or the name of a registered model",
            "Give one: handshape serve runs/NAME. Or train one: handshape train DATA",
        )
    return str(max(finished, key=lambda run: (run / "bundle" / "bundle.json").stat().st_mtime))


def _number(name: str, value: str) -> float:
    """What a limit is set to: a whole number but for those that have a range."""
    from handshape.serving.api.limits import RANGES

    least, most = RANGES.get(name, (1, math.inf))
    kind = float if name in RANGES else int
    with suppress(ValueError, OverflowError):
        number = float(value)
        if least <= number <= most and kind(number) == number < math.inf:
            return kind(number)
    upper = "on" if most == math.inf else f"to {most:g}"
    raise SettingsError(
        f"The limit {name} cannot be '{value}'.", f"a {'whole ' * (kind is int)}number from {least:g} {upper}"
    )


@contextmanager
def _problems_said(console: Console) -> Iterator[None]:
    """Mistakes of the server; what its libraries remark on clients' mistakes is left out."""
    logger = logging.getLogger()
    handler = _ToConsole(console)
    handler.addFilter(lambda record: record.msg not in CLIENTS_MISTAKES)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _ToConsole(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.ERROR)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.warn(self.format(record).strip())
