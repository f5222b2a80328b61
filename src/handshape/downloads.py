"""Files from the network: pinned by SHA-256, resumed where a download broke off, kept in one cache folder."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from handshape.console import Console
from handshape.errors import DownloadError, RunError
from handshape.files import atomic_write

ANOTHER_CACHE = "choose another place with HANDSHAPE_HOME"  # what a user can do whose cache cannot be written
TIMEOUT_S = 10.0
CHUNK = 1 << 18


def cache_folder() -> Path:
    """Where downloads are kept: ``$HANDSHAPE_HOME``, else ``handshape`` below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    home = os.environ.get("HANDSHAPE_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handshape"


def is_offline() -> bool:
    """Whether ``HANDSHAPE_OFFLINE`` forbids the network."""
    return os.environ.get("HANDSHAPE_OFFLINE", "") not in ("", "0")


def fetch(url: str, target: Path, console: Console, sha256: str | None = None, label: str = "downloading") -> Path:
    """The file behind ``url``, from ``target`` if it is there already.

    A broken download leaves ``target.part``, and the next call, or the first of several at once, goes on from there.

    Args:
        sha256: what the whole file must hash to; None where its publisher gives no hash.

    Raises:
        DownloadError: offline, unreachable, broken off, not the pinned file, or the cache cannot be written.
    """
    if target.is_file() and (sha256 is None or file_sha256(target) == sha256):
        return target
    if is_offline():
        raise DownloadError(
            f"{target.name} is not in the cache and HANDSHAPE_OFFLINE forbids the network.",
            f"the file at {target}",
            f"Copy it there from another machine ({url}), or unset HANDSHAPE_OFFLINE.",
        )
    try:
        with atomic_write(target, ANOTHER_CACHE) as part:
            _go_on(url, part, target.with_name(target.name + ".part"), console, label)
            found = file_sha256(part)
            if sha256 is not None and found != sha256:
                raise DownloadError(
                    f"What came from {url} is not the file it should be (SHA-256 {found}).",
                    f"SHA-256 {sha256}",
                    "Try again.",
                )
    except RunError as error:
        raise DownloadError(error.happened, error.expected, error.fix) from None
    return target


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _go_on(url: str, part: Path, left: Path, console: Console, label: str) -> None:
    """Downloads into ``part``, after what an earlier call left; where it breaks off, what came is left in turn."""
    from http.client import HTTPException  # nearly every verb asks for the cache folder, and few for the network

    with suppress(FileNotFoundError):
        left.replace(part)
    try:
        _download(url, part, console, label)
    except BaseException as error:
        with suppress(OSError):
            part.replace(left)
        if not isinstance(error, OSError | HTTPException | ValueError):
            raise
        raise DownloadError(
            f"Could not download {url}: {getattr(error, 'reason', None) or error}.",
            "a reachable network",
            f"Try again, or copy the file to {left.with_suffix('')}.",
        ) from None


def _download(url: str, part: Path, console: Console, label: str) -> None:
    import urllib.error
    import urllib.request

    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: nothing is left to fetch, or the file behind the URL changed
            raise
        part.unlink()
        response = urllib.request.urlopen(url, timeout=TIMEOUT_S)
    with response:
        resumed = response.status == 206
        length = int(response.headers.get("Content-Length") or 0)
        received = 0
        with part.open("ab" if resumed else "wb") as file, console.progress(label, -(-length // CHUNK)) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                bar.advance()
        if length and received < length:
            raise ConnectionError(f"it broke off after {received} of {length} bytes")
