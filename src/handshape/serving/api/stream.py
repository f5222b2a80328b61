"""Frames in, decisions out: a film recognised while it is made.

Every binary message is the bytes of one image file. Frames are numbered from 0 as they come, and each that was looked
at is answered with its number. Only the newest frame is ever waiting: one that comes while another is worked on
replaces it, so that an answer is never about the past.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from handshape.errors import ImageError
from handshape.hands.landmarks import Hand
from handshape.serving.api.access import SUBPROTOCOL
from handshape.serving.api.answers import counted, counted_error, require_pixels
from handshape.serving.api.errors import error_of
from handshape.serving.api.routes import Desk

UNSUPPORTED = 1003  # of RFC 6455: a kind of data that is not taken
NOT_A_FRAME = error_of("not_a_frame", "The message is text.", "binary messages, each the bytes of one image file")


async def stream(socket: WebSocket, desk: Desk) -> None:
    """Answers one client until it goes, sends text, or no longer reads."""
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    newest = _Newest()
    reader = asyncio.create_task(_read(socket, newest))
    try:
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):  # gone, or not reading its answers
            await _answer(socket, newest, desk)
    finally:
        reader.cancel()


class _Newest:
    """A place for one frame; what is not taken from it in time is lost."""

    def __init__(self) -> None:
        self._frame: bytes | None = None
        self._arrived = asyncio.Event()
        self._is_over = False
        self.count = 0

    def put(self, frame: bytes) -> None:
        self._frame = frame
        self.count += 1
        self._arrived.set()

    def end(self) -> None:
        self._is_over = True
        self._arrived.set()

    async def take(self) -> bytes | None:
        """The newest frame, once there is one; None when no more come."""
        await self._arrived.wait()
        self._arrived.clear()
        return None if self._is_over else self._frame


async def _read(socket: WebSocket, newest: _Newest) -> None:
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            frame = message.get("bytes")
            if frame is None:
                await socket.send_json({"error": NOT_A_FRAME})
                await socket.close(UNSUPPORTED)
                break
            newest.put(frame)
    finally:
        newest.end()


async def _answer(socket: WebSocket, newest: _Newest, desk: Desk) -> None:
    previous: Hand | None = None
    next_number = 0
    while (frame := await newest.take()) is not None:
        number = newest.count - 1
        desk.metrics.late.inc(number - next_number)
        late = {"frame": number, "late": number - next_number}
        next_number = number + 1
        answer, previous = await desk.workers.run(lambda image: _recognised(desk, image), (frame, previous))
        async with asyncio.timeout(desk.limits.seconds):
            await socket.send_json(late | answer)


def _recognised(desk: Desk, image: tuple[bytes, Hand | None]) -> tuple[dict[str, Any], Hand | None]:
    """What is answered about a frame, and the hand to look for in the next one."""
    frame, previous = image
    try:
        require_pixels(frame, desk.limits.pixels)
        recognition = desk.served.current.recognizer.follow(frame, previous)
    except ImageError as error:
        return counted_error(error, desk.metrics), previous
    return counted(recognition, desk.metrics), recognition.hand
