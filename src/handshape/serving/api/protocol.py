"""What a connection may take before its request is whole: HTTP/1.1 as uvicorn speaks it, with limits on heads."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from handshape.serving.api.limits import Limits

RESERVE = 32  # connections beyond the limit, for those who ask whether the server is well
CONNECTIONS = "connections"  # in the state of each request: how many are open


def protocol_of(limits: Limits) -> type[H11Protocol]:
    """The protocol of a server with these limits.

    A head that is not whole in time ends its connection. Connections beyond the limit are still heard: whatever they
    ask, they can be told that the server is crowded. Beyond the reserve, those go that have said nothing for longest.
    """

    class Protocol(H11Protocol):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, {**app_state, CONNECTIONS: server_state.connections}, _loop)
            self._deadline: asyncio.TimerHandle | None = None
            self.waits_since = 0.0

        @property
        def waits(self) -> bool:
            """Whether it is in no request."""
            return self.cycle is None or self.cycle.response_complete

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()
            is_open = [each for each in self.connections if not each.transport.is_closing()]
            if len(is_open) > limits.connections + RESERVE:
                idle = [each for each in is_open if isinstance(each, Protocol) and each.waits]
                min(idle, key=lambda each: each.waits_since).transport.abort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """The time runs from a connection's beginning, or its last request's end, to the next one's head."""
            became_stream = self.transport.get_protocol() not in (self, None)
            if not self.waits or became_stream:
                self._stop()
            elif self._deadline is None:
                self.waits_since = self.loop.time()
                self._deadline = self.loop.call_later(limits.seconds, self.transport.abort)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Protocol
