"""What a server says: its events, and its mistakes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from handshape.errors import HandshapeError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.serving.api.models import Log

SHOWN = 12  # digits of a checksum

CLIENTS_MISTAKES = (  # that uvicorn logs as if they were the server's: a stream that was refused, text that is none
    "ASGI callable returned without completing handshake.",
    "Invalid UTF-8 sequence received from client.",
)


def log_to(console: Console) -> Log:
    """Where a server's events go: as JSON to stdout, or in words; nowhere once nobody reads them."""

    from handshape.serving.api.page import ROUTE as FILES
    from handshape.serving.api.trainings import ROUTE as TRAININGS

    def log(event: dict[str, Any]) -> None:
        with suppress(OSError, HandshapeError):  # requests are answered, and models replaced, all the same
            say(event)

    def say(event: dict[str, Any]) -> None:
        if console.to_json:
            console.emit(event)
        elif event["event"] == "model kept":
            console.warn(f"The model being served stays. {event['reason']}")
        elif event["event"] == "model":
            version = str(event["version"])
            shown = version if "@" in version else f"the model {version[:SHOWN]}…"  # a checksum is nothing to read
            console.detail(f"{event['model']} is {shown}")
        elif event["route"] not in (FILES, TRAININGS) or event["status"] >= 400:  # a page asks for these all the time
            console.detail("{time} {method} {route} {status}, {milliseconds} ms".format(**event))

    return log


@contextmanager
def problems_said(console: Console) -> Iterator[None]:
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
