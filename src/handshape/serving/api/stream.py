"""Frames in, decisions out: a film recognised while it is made.

Every binary message is the bytes of one image file. Frames are numbered from 0 as they come, and each that was looked
at is answered with its number. Only the newest frame is ever waiting: one that comes while another is worked on
replaces it, so that an answer is never about the past. ``?landmarks=1`` has a hand's landmarks told as well.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from contextlib import suppress

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from handshape.hands.landmarks import Hand
from handshape.serving.api.access import SUBPROTOCOL
from handshape.serving.api.answers import AppState, as_json, recognized
from handshape.serving.api.errors import ApiError
from handshape.serving.recognizer import Recognition

UNSUPPORTED = 1003  # of RFC 6455: a kind of data that is not taken
WATCHED = 10  # of so many frames one is watched: they show the same hand
IMAGES = "binary messages, each the bytes of one image file"

Newest = asyncio.Queue[tuple[int, bytes] | None]  # one frame with its number; None when no more come


async def stream(socket: WebSocket, state: AppState) -> None:
    """Answers one client until it goes, sends text, or no longer reads."""
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    landmarks = socket.query_params.get("landmarks") == "1"
    newest: Newest = asyncio.Queue(1)
    reader = asyncio.create_task(_read(socket, newest))
    try:
        with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):  # gone, or not reading its answers
            await _answer(socket, newest, state, landmarks)
    finally:
        reader.cancel()


async def _read(socket: WebSocket, newest: Newest) -> None:
    try:
        for number in itertools.count():
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                break
            if message.get("bytes") is None:
                await socket.send_json(as_json(ApiError(422, "not_a_frame", "The message is text.", IMAGES)))
                await socket.close(UNSUPPORTED)
                break
            _replace(newest, (number, message["bytes"]))
    finally:
        _replace(newest, None)


def _replace(newest: Newest, item: tuple[int, bytes] | None) -> None:
    """Puts it in the place of what nobody has taken yet."""
    with suppress(asyncio.QueueEmpty):
        newest.get_nowait()
    newest.put_nowait(item)


async def _answer(socket: WebSocket, newest: Newest, state: AppState, landmarks: bool) -> None:
    previous: Hand | None = None
    expected = 0
    while (item := await newest.get()) is not None:
        number, frame = item
        late = {"frame": number, "late": number - expected}
        state.metrics.late.inc(number - expected)
        expected = number + 1
        follow = functools.partial(state.served.current.recognizer.follow, previous=previous)
        answer = await state.workers.run(recognized, state, frame, follow, number % WATCHED == 0)
        if isinstance(answer, Recognition):
            previous = answer.hand
        async with asyncio.timeout(state.limits.seconds):
            await socket.send_json(late | as_json(answer, landmarks))
