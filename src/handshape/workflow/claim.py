"""Who works in a run folder: its name is taken by making it, and a lock says that somebody is at work in it."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from handshape.errors import RunError
from handshape.files import cannot_write

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = "run.lock"
LONGEST_OWNER = 1000  # bytes
LOOKS, BETWEEN = 5, 0.05  # times, seconds: whoever only asks whether a run is in use holds its lock for a moment


def require_place(out: Path, photographs: Path) -> None:
    """Passes where runs can go into ``out``; better said before the photographs are read than after.

    Raises:
        RunError: it lies among the photographs, where a run would be taken for a class the next time, or cannot be
            written.
    """
    if out.resolve().is_relative_to(photographs.resolve()):
        raise RunError(
            f"The run would go into {out}, among the photographs.",
            "a place outside of them, so that they stay as they are",
            "Name one with --out, or give the command in another folder.",
        )
    place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not place.is_dir():
        raise cannot_write(out, NotADirectoryError(errno.ENOTDIR, f"{place} is a file"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise cannot_write(out, PermissionError(errno.EACCES, f"{place} may not be written"))


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes a folder, of several processes in one alone, and locks it. Folders made above it go if they end empty.

    Raises:
        FileExistsError: it is there already.
        RunError: it cannot be made.
    """
    made = _make_above(folder)
    try:
        _make(folder)
        with locked(folder):
            yield
    finally:
        for each in reversed(made):
            with suppress(OSError):  # something lies in it
                each.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from working in a run folder. The lock of a process that is gone, however, is gone too.

    Raises:
        RunError: another process is at work there, or the folder cannot be written.
    """
    path = folder / LOCK
    held = _acquired(path)
    try:
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.truncate(held, 0)
        os.write(held, json.dumps(owner).encode())
        yield
    finally:
        with suppress(OSError):  # while it is locked; where the folder is gone, the name may be another's by now
            if os.path.samestat(os.fstat(held), path.stat()):
                path.unlink()
        os.close(held)


def _acquired(path: Path) -> int:
    """The lock file, open and locked."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise cannot_write(path, error) from None
        if not any(_locks(file, look) for look in range(LOOKS)):
            owner = _owner(file)
            os.close(file)
            raise _in_use(path.parent, owner)
        with suppress(OSError):
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)  # its owner has removed it since it was opened


def _locks(file: int, look: int) -> bool:
    """Whether nobody else has it; where a system has no such locks, whoever is written in it decides."""
    time.sleep(BETWEEN if look else 0)
    try:
        if fcntl is None:
            raise OSError(errno.ENOTSUP, "no locks")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not _is_running(_owner(file))
    return True


def _owner(file: int) -> dict[str, Any]:
    try:
        owner = json.loads(os.pread(file, LONGEST_OWNER, 0)) if hasattr(os, "pread") else {}
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_running(owner: dict[str, Any]) -> bool:
    """Whether the process is alive, as far as that can be told; one on another host is taken for alive."""
    if not isinstance(owner.get("pid"), int) or os.name != "posix":
        return False
    if owner.get("host") != socket.gethostname():
        return True
    try:
        os.kill(owner["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _in_use(folder: Path, owner: dict[str, Any]) -> RunError:
    who = f"process {owner['pid']} on {owner.get('host')}" if "pid" in owner else "another process"
    since = f" since {owner['since']}" if "since" in owner else ""
    return RunError(
        f"{who[0].upper()}{who[1:]} is at work in {folder}{since}.",
        "one process a run",
        f"Wait until it ends, or stop it first. If it runs no longer, remove {folder / LOCK}.",
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        raise
    except OSError as error:
        raise cannot_write(folder, error) from None


def _make_above(folder: Path) -> list[Path]:
    """Makes the folders above one; those that this process made, the outermost first."""
    made = []
    for place in reversed([place for place in folder.parents if not place.exists()]):
        with suppress(FileExistsError):  # another process was first
            _make(place)
            made.append(place)
    return made
