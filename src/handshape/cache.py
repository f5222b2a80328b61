"""The cache: folders for what is worth keeping but can be made again, what is in them, and how they are cleared.

What takes more room than its kind may goes by itself, the longest unused first. ``HANDSHAPE_CACHE_GB`` is a limit for
all kinds together: it makes the limit of each smaller, in the same proportion.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from handshape.downloads import cache_folder
from handshape.errors import SettingsError
from handshape.files import discard, why
from handshape.suggestions import did_you_mean

IN_USE = 3600.0  # seconds since a folder was asked for, in which another program may be working with it
OVERALL = "HANDSHAPE_CACHE_GB"
USED, JOURNAL = ".used", "-journal"  # touched whenever a folder is asked for; what SQLite writes beside its file


@dataclass(frozen=True)
class Kind:
    """One kind of things in the cache.

    Attributes:
        name: what users call it.
        about: what it is, in plain words.
        place: where its entries are, a pattern below the cache folder.
        limit: bytes that it may take before ``HANDSHAPE_CACHE_GB`` is looked at; None where there is no limit.
        only_named: whether it goes only when it is named: it comes from the network, or waits for somebody's decision.
    """

    name: str
    about: str
    place: str
    limit: int | None = None
    only_named: bool = False


KINDS = (
    Kind("readings", "what was read of whole data sets: pictures, hands, checks", "readings/*", 6_000_000_000),
    Kind("features", "what the frozen layers say of photographs", "features/*", 2_000_000_000),
    Kind("hands", "hands found in photographs", "hands/found-*", 2_000_000_000),
    Kind("batch_sizes", "batch sizes that were tried on a GPU", "batch_sizes/*", 1_000_000),
    Kind("compiled", "networks as they were compiled for a GPU", "compiled/*", 1_000_000_000),
    Kind("pictures", "pictures of the data set that a program has open", "pictures/*"),
    Kind("downloads", "public sets whose download broke off", "sets/*"),
    Kind("introductions", "which of Handshape's models were introduced", "ready/*"),
    Kind("networks", "the two networks that find hands", "hands/*.tflite", only_named=True),
    Kind("bundles", "models out of zips and from remote registries", "bundles/*", only_named=True),
    Kind("litert-js", "what runs models in a browser", "litert-js/*", only_named=True),
    Kind("trials", "models trained on the page, not kept yet", "trials/*", only_named=True),
)


@dataclass(frozen=True)
class Entry:
    """One thing of a kind.

    Attributes:
        paths: its file or folder, and what belongs to that.
        size: bytes.
        used: when it was last used as far as anybody can tell, in seconds since 1970.
    """

    paths: tuple[Path, ...]
    size: int
    used: float

    @property
    def is_in_use(self) -> bool:
        """Whether another program may be working with it."""
        return time.time() - self.used < IN_USE


@dataclass(frozen=True)
class Kept:
    """What is there of a kind.

    Attributes:
        kind: what it is.
        entries: all of them.
        limit: bytes that they may take; None where there is no limit.
        problem: why its folder cannot be read; "" where it can, or is not there.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    limit: int | None
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(entry.size for entry in self.entries)

    @property
    def used(self) -> float | None:
        """When one of them was last used, in seconds since 1970; None without any."""
        return max((entry.used for entry in self.entries), default=None)


@dataclass(frozen=True)
class Clearing:
    """Entries that may go, or have gone.

    Attributes:
        entries: they.
        in_use: that stay because another program may be working with them.
        failed: paths that could not be removed.
    """

    entries: tuple[Entry, ...]
    in_use: tuple[Entry, ...]
    failed: tuple[Path, ...] = field(default=())

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(entry.size for entry in self.entries)


def cached_folder(kind: str, key: str, limit: int | None = None) -> Path:
    """The folder of ``key`` among those of a kind, made if need be.

    Where the cache cannot be written, a temporary one that goes with the program.

    Args:
        kind: a folder of the cache.
        key: names what lies in it, whatever that depends on.
        limit: bytes that all folders of the kind may take; those longest not asked for go first. None takes
            what ``KINDS`` says.

    Raises:
        SettingsError: ``HANDSHAPE_CACHE_GB`` is no number above 0.
    """
    most = limit_of(kind, limit)
    folder = cache_folder() / kind / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / USED).touch()
    except OSError:
        temporary = Path(tempfile.mkdtemp(prefix="handshape-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return temporary
    if most is not None:
        _make_room(folder, most)
    return folder


def limit_of(kind: str, limit: int | None = None) -> int | None:
    """Bytes that a kind may take: its own limit, made smaller where those of all come to more than is allowed.

    Args:
        kind: a name, of ``KINDS`` or another.
        limit: its own; None takes the one in ``KINDS``.

    Raises:
        SettingsError: ``HANDSHAPE_CACHE_GB`` is no number above 0.
    """
    own = {each.name: each.limit for each in KINDS if each.limit}
    limit = own.get(kind) if limit is None else limit
    allowed = overall_limit()
    return limit if limit is None or allowed is None else int(limit * min(1.0, allowed / sum(own.values())))


def overall_limit() -> int | None:
    """Bytes that all kinds with a limit may take together, by ``HANDSHAPE_CACHE_GB``; None where it is not set.

    Raises:
        SettingsError: it is no number above 0.
    """
    word = os.environ.get(OVERALL, "")
    if not word:
        return None
    with suppress(ValueError):
        if 0 < float(word) < float("inf"):
            return int(float(word) * 1e9)
    raise SettingsError(f"{OVERALL} cannot be '{word}'.", "gigabytes, a number above 0, such as 4 or 0.5")


def contents(names: Iterable[str] = ()) -> tuple[Kept, ...]:
    """What is there of each kind; of those alone that are named, where some are.

    Raises:
        SettingsError: there is no such kind, or ``HANDSHAPE_CACHE_GB`` is no number above 0.
    """
    known, asked = [kind.name for kind in KINDS], list(names)
    for name in asked:
        if name not in known:
            raise SettingsError(
                f"There is no '{name}' in the cache.", f"of {', '.join(known)}", did_you_mean(name, known)
            )
    return tuple(_kept(kind) for kind in KINDS if not asked or kind.name in asked)


def other_contents() -> int:
    """Bytes in the cache folder that are no part of the cache, such as models registered there; nothing clears them."""
    tops = {kind.place.partition("/")[0] for kind in KINDS}
    with suppress(OSError):
        return sum(_size_of(path) for path in cache_folder().iterdir() if path.name not in tops)
    return 0


def clearing(names: Sequence[str] = (), older: float = 0.0, force: bool = False) -> Clearing:
    """What of the cache may go; nothing is removed.

    Args:
        names: of the kinds; none are all but those that go only when they are named.
        older: seconds for which it must not have been used.
        force: what another program may be working with goes as well.

    Raises:
        SettingsError: as :func:`contents`.
    """
    kinds = [kept for kept in contents(names) if names or not kept.kind.only_named]
    unused = [entry for kept in kinds for entry in kept.entries if time.time() - entry.used >= older]
    return Clearing(
        tuple(entry for entry in unused if force or not entry.is_in_use),
        tuple(entry for entry in unused if not force and entry.is_in_use),
    )


def clear(chosen: Clearing) -> Clearing:
    """Removes entries, each in one step; links go, and never what they lead to. What stays is in ``failed``."""
    for entry in chosen.entries:
        for path in entry.paths:
            discard(path)
    stays = [entry for entry in chosen.entries if any(map(os.path.lexists, entry.paths))]
    gone = tuple(entry for entry in chosen.entries if entry not in stays)
    return Clearing(
        gone, chosen.in_use, tuple(path for entry in stays for path in entry.paths if os.path.lexists(path))
    )


def _kept(kind: Kind) -> Kept:
    folder, pattern = (cache_folder() / kind.place).parent, Path(kind.place).name
    paths, problem = [], ""
    try:
        paths = sorted(path for path in folder.iterdir() if path.match(pattern))
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = f"{folder} cannot be read: {why(error)}"
    together: dict[str, list[Path]] = {}
    for path in paths:
        together.setdefault(path.name.removesuffix(JOURNAL), []).append(path)
    entries = tuple(
        Entry(tuple(each), sum(map(_size_of, each)), max(map(_used_at, each))) for each in together.values()
    )
    return Kept(kind, entries, limit_of(kind.name), problem)


def _make_room(kept: Path, limit: int) -> None:
    used = {place: _used_at(place) for place in kept.parent.iterdir() if place != kept and place.is_dir()}
    size = sum(_size_of(place) for place in used)
    for place in sorted(used, key=used.__getitem__):
        if size <= limit or time.time() - used[place] < IN_USE:
            return
        size -= _size_of(place)
        shutil.rmtree(place, ignore_errors=True)


def _used_at(path: Path) -> float:
    """When somebody asked for it; where nobody noted that, when the newest file in it was written or read."""
    with suppress(OSError):
        return (path / USED).stat().st_mtime
    return max((max(state.st_mtime, state.st_atime) for state in _states(path)), default=0.0)


def _size_of(path: Path) -> int:
    return sum(state.st_size for state in _states(path))


def _states(path: Path) -> Iterator[os.stat_result]:
    """Of a file, or of the files in a folder; links are not followed, and what cannot be read is left out."""
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):  # another program has removed it
            yield path.lstat()
        return
    for folder, _, files in os.walk(path):
        for file in files:
            with suppress(OSError):
                yield Path(folder, file).lstat()
