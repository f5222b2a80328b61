"""Files from the network: pinned by SHA-256, resumed where a download broke off, kept in one cache folder."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from handshape.console import Console
from handshape.errors import DownloadError

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

    A broken download leaves ``target.part``, and the next call goes on from there.

    Args:
        sha256: what the whole file must hash to; None where its publisher gives no hash.

    Raises:
        DownloadError: offline, unreachable, broken off, or not the pinned file.
    """
    if target.is_file() and (sha256 is None or file_sha256(target) == sha256):
        return target
    if is_offline():
        raise DownloadError(
            f"{target.name} is not in the cache and HANDSHAPE_OFFLINE forbids the network.",
            f"the file at {target}",
            f"Copy it there from another machine ({url}), or unset HANDSHAPE_OFFLINE.",
        )
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, console, label)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"Could not download {url}: {reason}.", "a reachable network", f"Try again, or copy the file to {target}."
        ) from None
    found = file_sha256(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise DownloadError(
            f"What came from {url} is not the file it should be (SHA-256 {found}).", f"SHA-256 {sha256}", "Try again."
        )
    part.replace(target)
    return target


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, part: Path, console: Console, label: str) -> None:
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
