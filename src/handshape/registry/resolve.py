"""From what a user wrote to a registry, and to a model: a path, else a name."""

from __future__ import annotations

import os
from pathlib import Path

from handshape.downloads import cache_folder
from handshape.errors import ModelError
from handshape.export.bundle import Bundle, find_bundle
from handshape.registry.names import is_reference, parse
from handshape.registry.registry import Registry
from handshape.registry.remote import RemoteStorage
from handshape.registry.storage import VARIABLE, LocalStorage


def resolve(model: str | Path) -> Bundle:
    """The bundle that a word stands for: a run, a bundle or its zip on disk, else a registered model.

    Args:
        model: a path, ``NAME``, ``NAME@NUMBER`` or ``NAME@ALIAS``.

    Raises:
        ModelError: it stands for none, or for a damaged one.
    """
    path = path_of(model)
    if path:
        return find_bundle(path)
    registry = open_registry()
    return registry.bundle(registry.find(parse(str(model))))


def path_of(model: str | Path) -> Path | None:
    """The path that a word stands for; None for a registered model. A word that could be both is a path.

    Raises:
        ModelError: the word is empty.
    """
    if not str(model):
        raise ModelError("An empty word stands for no model.", "a run, a bundle, its zip, or the name of a model")
    path = _expanded(str(model))
    return None if is_reference(str(model)) and not _is_there(path) else path


def open_registry(where: str | None = None) -> Registry:
    """The registry at a path or URL; by default the one that ``HANDSHAPE_REGISTRY`` names, else the user's own.

    Raises:
        ModelError: it is a file.
        RuntimeUnavailableError: a URL that this machine lacks the packages for.
    """
    where = (where or os.environ.get(VARIABLE) or str(_own_folder())).removeprefix("file://")
    return Registry(RemoteStorage(where) if "://" in where else LocalStorage(_expanded(where)))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # nobody may look where it leads; reading it says so
        return True


def _expanded(word: str) -> Path:
    try:
        return Path(word).expanduser()
    except RuntimeError:  # there is no such user, and so no such path
        return Path(word)


def _own_folder() -> Path:
    """Beside downloads where the user said where, else where a system keeps data: a cache may be emptied."""
    if os.environ.get("HANDSHAPE_HOME"):
        return cache_folder() / "registry"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "handshape" / "registry"
