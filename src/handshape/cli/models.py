"""``handshape models``: what is registered, and changing it."""

from __future__ import annotations

import argparse
from pathlib import Path

from handshape.cli.comparing import compare
from handshape.cli.shared import quoted
from handshape.console import Console
from handshape.errors import ModelError, RunError


def models(options: argparse.Namespace, console: Console) -> int:
    """Runs the action; without one it lists the models."""
    action = {
        "list": list_models,
        "show": show,
        "add": add,
        "promote": promote,
        "rollback": rollback,
        "remove": remove,
        "path": path,
        "pack": pack,
        "compare": compare,
    }[options.action or "list"]
    action(options, console)
    return 0


def list_models(options: argparse.Namespace, console: Console) -> None:
    """A line a model."""
    from handshape.registry import open_registry

    registry = open_registry()
    states = {name: registry.state(name) for name in registry.names()}
    rows = [
        (name, len(state.added), max(state.added), ", ".join(f"{alias} {n}" for alias, n in state.aliases.items()))
        for name, state in states.items()
    ]
    if rows:
        console.table(str(registry.place), ("model", "versions", "newest", "aliases"), rows)
    else:
        console.status("hint", f"No models in {registry.place} yet. Add one: handshape models add RUN --name NAME")
    if options.json:
        found = [
            {"name": name, "versions": list(state.added), "aliases": state.aliases} for name, state in states.items()
        ]
        console.emit({"registry": str(registry.place), "models": found})


def show(options: argparse.Namespace, console: Console) -> None:
    """Versions and history of a name; of a version or a path, the model card."""
    from handshape.registry import open_registry, path_of, resolve

    if path_of(options.model) or "@" in options.model:
        bundle = resolve(options.model)
        console.say("".join(letter for letter in bundle.card if letter.isprintable() or letter == "\n").rstrip())
        if options.json:
            console.emit({"model": options.model, "path": str(bundle.folder), "manifest": dict(bundle.details)})
        return
    registry = open_registry()
    versions, events = registry.versions(options.model), registry.events(options.model)
    rows = [(version.number, ", ".join(version.aliases), version.added, version.source) for version in versions]
    console.table(options.model, ("version", "aliases", "added", "from"), rows)
    history = [(event.at, event.action, event.alias, event.version) for event in events]
    console.table("history", ("when", "what", "alias", "version"), history)
    if options.json:
        console.emit(
            {
                "name": options.model,
                "versions": [
                    {
                        "version": version.number,
                        "aliases": list(version.aliases),
                        "added": version.added,
                        "source": version.source,
                        "sha256": version.sha256,
                    }
                    for version in versions
                ],
                "history": [event.as_dict() for event in events],
            }
        )


def add(options: argparse.Namespace, console: Console) -> None:
    """A new version."""
    from handshape.registry import name_from, open_registry, path_of, require_name, resolve

    bundle, path = resolve(options.source), path_of(options.source)
    source = path.resolve() if path else Path(options.source)
    folder = source.parent if source.name == "bundle" else source
    name = options.name or name_from(folder.stem if folder.suffix == ".zip" else folder.name.partition("@")[0])
    if not name:
        raise ModelError(f"{options.source} has no name to take.", "a name for the model", "Give it one: --name NAME")
    registry = open_registry()
    before = registry.state(require_name(name)).newest
    version = registry.add(name, bundle, str(source))
    is_new = version.number > before
    console.status("save", f"{version} is {options.source}" + ("" if is_new else ": it was there already"))
    if not version.aliases:
        console.detail(f"Use it: handshape predict {version} IMAGE. Promote it: handshape models promote {version}")
    if options.json:
        found = {"model": str(version), "name": name, "version": version.number, "sha256": version.sha256}
        console.emit({**found, "new": is_new})


def promote(options: argparse.Namespace, console: Console) -> None:
    """An alias stands for a version."""
    from handshape.registry import open_registry, parse

    version = open_registry().promote(parse(options.version), options.alias)
    _say_alias(version.name, options.alias, version.number, console)


def rollback(options: argparse.Namespace, console: Console) -> None:
    """An alias stands for the version before."""
    from handshape.registry import open_registry

    version = open_registry().rollback(options.name, options.alias)
    _say_alias(version.name, options.alias, version.number, console)


def remove(options: argparse.Namespace, console: Console) -> None:
    """A version goes, or an alias."""
    from handshape.registry import open_registry, parse

    reference, registry = parse(options.version), open_registry()
    if isinstance(reference.at, int):
        registry.remove(reference.name, reference.at)
    elif reference.at:
        registry.release(reference.name, reference.at)
    else:
        numbers = ", ".join(str(version) for version in registry.versions(reference.name))
        raise ModelError(f"'{reference}' does not say which version.", f"one of {numbers}, or an alias")
    console.status("done", f"{reference} is no more")
    if options.json:
        console.emit({"removed": str(reference)})


def path(options: argparse.Namespace, console: Console) -> None:
    """The folder of a bundle."""
    from handshape.registry import resolve

    folder = resolve(options.model).folder
    console.say(str(folder))
    if options.json:
        console.emit({"model": options.model, "path": str(folder)})


def pack(options: argparse.Namespace, console: Console) -> None:
    """One zip, which nothing else is overwritten by."""
    from handshape.registry import resolve

    bundle = resolve(options.model)
    if options.out.exists():
        raise RunError(
            f"There is already a {options.out}.", "a new file, so that nothing is overwritten", "Name another."
        )
    bundle.pack(options.out)
    size = options.out.stat().st_size
    console.status("save", f"{options.out}, {size / 1e6:.1f} MB: the model card is CARD.md in it")
    console.detail(f"Use it: handshape predict {quoted(options.out)} IMAGE")
    if options.json:
        console.emit({"model": options.model, "path": str(options.out), "bytes": size})


def _say_alias(name: str, alias: str, number: int, console: Console) -> None:
    console.status("done", f"{name}@{alias} is {name}@{number}")
    if console.to_json:
        console.emit({"name": name, "alias": alias, "version": number})
