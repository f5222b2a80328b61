"""From what a user wrote to a registry, and to a model: a path, else a registered name, else one that comes along."""

from __future__ import annotations

import os
from pathlib import Path

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.errors import ModelError
from handshape.export.bundle import Bundle, find_bundle
from handshape.export.manifest import MANIFEST
from handshape.registry.names import is_reference, parse
from handshape.registry.ready import introduce, ready_folder, ready_names
from handshape.registry.registry import Registry
from handshape.registry.remote import RemoteStorage
from handshape.registry.storage import VARIABLE, LocalStorage
from handshape.suggestions import did_you_mean, did_you_mean_path

MODEL_FILES = (MANIFEST, f"bundle/{MANIFEST}", "run.json")  # one of them is in every bundle and every run


def resolve(model: str | Path, console: Console | None = None) -> Bundle:
    """The bundle that a word stands for: a model on disk, else a registered one, else one that comes with Handshape.

    Args:
        model: a path, ``NAME``, ``NAME@NUMBER`` or ``NAME@ALIAS``.
        console: is told which model a name stands for that Handshape has one of, too.

    Raises:
        ModelError: it stands for none, or for a damaged one.
    """
    path = path_of(model)
    if path:
        bundle = _bundle_at(path)
    else:
        registry = open_registry()
        bundle = registry.bundle(registry.find(parse(str(model))))
    if console is not None:
        announce(str(model), bundle, console)
    return bundle


def path_of(model: str | Path) -> Path | None:
    """The path that a word stands for, that of a model that comes with Handshape too; None for a registered model.

    A word that could be both is a path, unless that is a folder without a model.

    Raises:
        ModelError: the word is empty.
    """
    word = str(model)
    if not word:
        raise ModelError("An empty word stands for no model.", "a run, a bundle, its zip, or the name of a model")
    path = _expanded(word)
    if not is_reference(word) or _holds_model(path):
        return path
    ready = ready_folder(word)
    if ready is None and not path.is_dir():
        return None
    return None if open_registry().state(parse(word).name).added else ready or path


def announce(word: str, bundle: Bundle, console: Console) -> None:
    """Says which model a word stands for, where one of that name comes with Handshape."""
    ready = ready_folder(word)
    if ready is None:
        return
    if bundle.folder == ready:
        introduce(bundle, console)
    else:
        which = f"the model in {bundle.folder}" if path_of(word) else "your own registered model"
        console.status("check", f"{word} is {which}, not the one that comes with Handshape")


def open_registry(where: str | None = None) -> Registry:
    """The registry at a path or URL; by default the one that ``HANDSHAPE_REGISTRY`` names, else the user's own.

    Raises:
        ModelError: it is a file.
        RuntimeUnavailableError: a URL that this machine lacks the packages for.
    """
    where = (where or os.environ.get(VARIABLE) or str(own_folder("registry"))).removeprefix("file://")
    return Registry(RemoteStorage(where) if "://" in where else LocalStorage(_expanded(where)))


def _bundle_at(path: Path) -> Bundle:
    try:
        return find_bundle(path)
    except ModelError as error:
        meant = "" if did_you_mean_path(path) else did_you_mean(str(path), ready_names())
        if not meant or path.exists():
            raise
        raise ModelError(error.happened, error.expected, meant) from None


def _holds_model(path: Path) -> bool:
    """Whether a file, which may be a zip, or a folder with a bundle or a run in it."""
    try:
        return path.is_file() or any((path / name).is_file() for name in MODEL_FILES)
    except OSError:  # nobody may look where it leads; reading it says so
        return True


def _expanded(word: str) -> Path:
    try:
        return Path(word).expanduser()
    except RuntimeError:  # there is no such user, and so no such path
        return Path(word)


def own_folder(name: str) -> Path:
    """Where what users own is kept: beside downloads where they said where, else where a system keeps data.

    A cache may be emptied.
    """
    if os.environ.get("HANDSHAPE_HOME"):
        return cache_folder() / name
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "handshape" / name
