"""The model being served, replaced while requests go on as soon as its name stands for another one."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handshape.errors import HandshapeError, ModelError
from handshape.export.bundle import Bundle, find_bundle
from handshape.export.manifest import MANIFEST, read_manifest
from handshape.registry import open_registry, parse, path_of
from handshape.serving.proof import BLANK, prove_recognizer
from handshape.serving.recognizer import Recognizer
from handshape.serving.watch.watch import Watch

POLL_SECONDS = 2.0
RETRY_SECONDS = 60.0  # after a version could not be loaded: fetching and checking it may take many seconds

Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Loaded:
    """A model that is ready."""

    version: str  # of a registered model its name and number, else a checksum
    bundle: Bundle
    recognizer: Recognizer
    since: datetime  # when it was loaded


class Served:
    """The model being served. Whoever asks for ``current`` keeps what it got until it is done.

    Args:
        name: a run, a bundle, its zip, or a registered model, as :func:`handshape.registry.resolve` takes it.
        build: loads a recogniser.
        log: is told of every change.

    Raises:
        HandshapeError: there is no model that can be loaded.
    """

    def __init__(self, name: str, build: Callable[[Bundle], Recognizer], log: Log) -> None:
        self.name = name
        self.build = build
        self.watch: Watch | None = None  # whoever watches over the answers puts one here
        self._log = log
        self._last_failure = ""
        self._lock = threading.Lock()
        self._poll = _poll_of(name)
        snapshot = self._poll()
        self.current = self._load(snapshot, name)
        self._tried = snapshot.fingerprint
        self._retry_at = math.inf

    async def keep_current(self) -> None:
        """Polls for a change, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await asyncio.to_thread(self.refresh)

    def switch(self, name: str) -> None:
        """Serves what another name stands for, from now on.

        Raises:
            HandshapeError: there is no model that can be loaded; the old one stays.
        """
        with self._lock:
            poll = _poll_of(name)
            snapshot = poll()
            loaded = self._load(snapshot, name)
            self.name, self._poll, self.current = name, poll, loaded
            self._tried, self._retry_at = snapshot.fingerprint, math.inf

    def refresh(self) -> None:
        """Loads another model if another one is meant; where it cannot be loaded, the old one stays."""
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        try:
            snapshot = self._poll()
            if snapshot.fingerprint != self._tried or time.monotonic() >= self._retry_at:
                self._tried, self._retry_at = snapshot.fingerprint, time.monotonic() + RETRY_SECONDS
                self.current = self._load(snapshot, self.name)
                self._retry_at = math.inf
        except Exception as error:  # whatever it is, it must not end the polling
            reason = error.text if isinstance(error, HandshapeError) else f"{type(error).__name__}: {error}"
            if reason != self._last_failure:
                self._log({"event": "model kept", "model": self.name, "reason": reason})
            self._last_failure = reason

    def _load(self, snapshot: _Snapshot, name: str) -> Loaded:
        bundle = snapshot.fetch()
        recognizer = self.build(bundle)
        prove_recognizer(recognizer)
        recognizer.recognize_all([BLANK] * recognizer.threads)  # a network's first answer takes several times as long
        loaded = Loaded(snapshot.version or bundle.sha256, bundle, recognizer, datetime.now(UTC))
        self._last_failure = ""
        self._log({"event": "model", "model": name, "version": loaded.version})
        return loaded


@dataclass(frozen=True)
class _Snapshot:
    """What a name stood for when it was polled."""

    fingerprint: str  # is another one as soon as the name stands for something else
    fetch: Callable[[], Bundle]  # what it stood for then, even where it has moved on since
    version: str = ""  # of a registered model its name and number


def _poll_of(name: str) -> Callable[[], _Snapshot]:
    """What tells, and cheaply, what a name stands for now."""
    path = path_of(name)
    if path:
        return lambda: _Snapshot(_fingerprint(path), lambda: find_bundle(path))
    registry, reference = open_registry(), parse(name)

    def poll() -> _Snapshot:
        version = registry.find(reference)
        return _Snapshot(str(version), lambda: registry.bundle(version), str(version))

    return poll


def _fingerprint(path: Path) -> str:
    """The checksum in a bundle's manifest; of a zip the time it was written."""
    try:
        if path.is_file():
            return str(path.stat().st_mtime_ns)
        folder = path if (path / MANIFEST).is_file() else path / "bundle"
        return str(read_manifest((folder / MANIFEST).read_bytes(), folder)["sha256"])
    except OSError:
        find_bundle(path)  # says best what is wrong
        raise ModelError(f"The model at {path} is just being replaced.", fix="Try again.") from None
