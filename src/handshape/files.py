"""Files and folders that are whole or absent: made under a temporary name, then renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from handshape.errors import ModelError, RunError

WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
NOT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # for a writer; line ends stay as they are
TEXT_LIMIT = 100_000_000  # bytes of a table or a record; a million photographs take about as many
LEFT_OVER = 24 * 3600  # seconds after which what a killed program left behind is swept
REMEDY = "choose another place with --out"
PARTIAL, REPLACED = ".handshape-partial-", ".handshape-replaced-"  # what is not finished; what made room


@contextmanager
def atomic_write(path: Path, remedy: str = REMEDY, exclusive: bool = False) -> Iterator[Path]:
    """Yields a temporary path of the same ending; when the block ends well, that file takes the place of ``path``.

    Args:
        path: the file. Of several programs that write it at once the last one's stays.
        remedy: what a user can do who has no room there.
        exclusive: the first one's stays instead.

    Raises:
        RunError: the disk is full or the folder cannot be written.
        FileExistsError: ``exclusive``, and the file is there already.
    """
    with _beside(path, remedy, exclusive) as partial:
        yield partial
        sync(partial)
        if exclusive:
            _link(partial, path)
        else:
            partial.replace(path)


@contextmanager
def atomic_folder(path: Path, remedy: str = REMEDY, stays: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """Yields a new folder beside ``path``; when the block ends well, it takes the place of ``path``.

    Args:
        path: the folder; where it is a link, the folder that it leads to.
        remedy: what a user can do who has no room there.
        stays: whether a folder that is there by then, perhaps another program's, stays instead.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    path = path.resolve() if path.is_symlink() else path
    with _beside(path, remedy) as partial:
        partial.mkdir()
        yield partial
        take_place(partial, path, stays)


@contextmanager
def _beside(path: Path, remedy: str, exclusive: bool = False) -> Iterator[Path]:
    """A hidden name beside a path that no other program uses; nothing is left under it."""
    partial = _hidden(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tidy(path.parent)
        yield partial
    except OSError as error:
        if exclusive and isinstance(error, FileExistsError) and path.exists():
            raise
        raise cannot_write(path, error, remedy) from None
    finally:
        _remove(partial)


def take_place(made: Path, path: Path, stays: Callable[[], bool] = lambda: False) -> None:
    """Moves a file or folder, on the same disk, to ``path``.

    No renaming replaces a folder that holds something: an earlier one is moved aside, which takes no time, and only
    then removed, which does. :func:`tidy` brings it back where a program is killed in between.

    Raises:
        OSError: the system refuses.
    """
    try:
        while not _renamed(made, path) and not stays():
            with suppress(FileNotFoundError):  # another program has moved it aside
                path.rename(path.with_name(f"{REPLACED}{token_hex(4)}-{path.name}"))
    finally:
        tidy(path.parent)


def tidy(folder: Path) -> None:
    """Brings back what a killed program had moved aside and not replaced yet; removes what others left long ago."""
    for earlier in folder.glob(f"{REPLACED}*"):
        path = folder / earlier.name.removeprefix(REPLACED).partition("-")[2]
        if path.exists():
            _remove(earlier)
        else:
            with suppress(OSError):  # another program was first
                earlier.rename(path)
    sweep(folder, f"{PARTIAL}*")


def sync(file: Path) -> None:
    """Has the system write a file out, so that a name never stands for a file that a power cut took."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a file, wherever links lead; nothing else is opened, for a pipe or a device may never end.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger; ``strerror`` says what is wrong.
        ValueError: no file of any system is called so.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, f"it is a {kind_of(status.st_mode)}, not a file")
    if status.st_size > most:
        raise OSError(errno.EINVAL, f"it has {in_megabytes(status.st_size)}, and {in_megabytes(most)} are the most")
    with os.fdopen(os.open(path, os.O_RDONLY | NOT_WAITING), "rb") as file:  # a pipe may have taken its place
        content = file.read(status.st_size + 1)
        if len(content) > status.st_size:  # it has grown, or its file system knows no sizes
            content += file.read(most + 1 - len(content))
    if len(content) > most:
        raise OSError(errno.EINVAL, f"it has more than {in_megabytes(most)}")
    return content


def kind_of(mode: int) -> str:
    """What a thing is that is neither a file nor a folder, by its mode."""
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return kinds.get(stat.S_IFMT(mode), "special file")


def in_megabytes(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / 1e6:,.0f} MB" if size >= 1_000_000 else f"{size / 1e3:,.0f} KB"


def write_text(path: Path, text: str) -> None:
    """Writes a text file as a whole."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a binary file as a whole."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and machines, as a whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def cannot_write(path: Path, error: Exception, remedy: str = REMEDY) -> RunError:
    """What to tell a user whose disk or folder refused ``path``; ``remedy`` is what else there is to do."""
    number = _refusal(error)
    reason = os.strerror(number).lower() if number else why(error)
    return RunError(
        f"Cannot write {path}: {reason}.",
        "a folder you may write to, with room on its disk",
        f"Free some space, or {remedy}.",
    )


def cannot_read(path: Path, error: Exception) -> ModelError:
    """What to tell a user who may not read a model, or a registry, at ``path``; nothing says that it is damaged."""
    return ModelError(
        f"Cannot read {path}: {why(error)}.", "a path that you may read", "Check the path and its permissions."
    )


def why(error: Exception) -> str:
    """The reason an error gives, to end a sentence with."""
    system = getattr(error, "strerror", None)
    return system.lower() if system else str(error).rstrip(".") or type(error).__name__


def require_disk_space(folder: Path, size: int, remedy: str = REMEDY) -> None:
    """Passes when the disk of a folder, which need not exist yet, has ``size`` bytes free.

    HDF5 files and memory maps that outgrow their disk end the program without a word, so ask before writing them.

    Raises:
        RunError: it has less.
    """
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(place).free
    if free < size:
        raise RunError(
            f"There is too little room for {folder}: {free / 1e6:.0f} MB are free on its disk.",
            f"at least {size / 1e6:.0f} MB",
            f"Free some space, or {remedy}.",
        )


def sweep(folder: Path, pattern: str, age: float = LEFT_OVER) -> None:
    """Removes what programs that were killed left in a folder under such names, so many seconds ago."""
    for path in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                _remove(path)


def discard(path: Path) -> None:
    """Removes a file or folder, as far as that can be done, in one step: nobody ever sees half of it."""
    gone = _hidden(path)
    with suppress(OSError):
        path.rename(gone)
    _remove(gone)


def is_refused(error: Exception) -> bool:
    """Whether the disk is at fault: full, read-only, broken, or the user may not write there."""
    return _refusal(error) is not None


def _refusal(error: Exception) -> int | None:
    """The system's error number; HDF5 gives it in the text of an error alone, TensorFlow only what it means."""
    if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
        return error.errno
    text = str(error)
    return next(
        (number for number in WRITE_ERRORS if f"errno = {number}," in text or os.strerror(number) in text), None
    )


def _hidden(path: Path) -> Path:
    return path.with_name(f"{PARTIAL}{token_hex(8)}{path.suffix}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _link(file: Path, name: Path) -> None:
    """A second name for a file that is whole; raises FileExistsError where the name is taken."""
    try:
        name.hardlink_to(file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as exFAT
        with name.open("xb") as target:
            target.write(file.read_bytes())
        sync(name)


def _renamed(made: Path, path: Path) -> bool:
    """Whether there was room for a file or folder to take its name; a file makes room for itself."""
    try:
        (made.rename if made.is_dir() else made.replace)(path)  # they differ on Windows alone
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        return False
    return True
