"""``handshape models``: what is registered, and changing it. Each action's arguments stand above what it does."""

from __future__ import annotations

import argparse
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.models_compare import add_compare
from handshape.cli.shared import MODEL, Verbs, add_action, add_verb, given_path, quoted
from handshape.errors import ModelError, RunError

if TYPE_CHECKING:
    from handshape.console import Console

ORDER = 60
DESCRIPTION = (
    "Keeps finished models under names and numbers. asl@3 is a version and never changes; asl@production is an alias, "
    "which promote moves from version to version; asl alone is what is in production, else the newest. Every verb "
    "that takes a MODEL takes such a name. asl and digits come with Handshape: they stand for those until you register "
    "models of the same names. Without an action: list."
)
EXAMPLES = [
    "handshape models add runs/first --name asl",
    "handshape models promote asl@1",
    "handshape models show asl",
    "handshape models compare asl@1 asl@2 other-people",
    "handshape models rollback asl",
    "handshape models pack asl asl.zip",
]
PLACE = (
    "They are kept in ~/.local/share/handshape/registry, or where $HANDSHAPE_REGISTRY says: a folder, or a URL such as "
    "s3://bucket/models (pip install 'handshape[remote]' s3fs). S3, Google Cloud and Azure refuse to create a file "
    "twice, so several programs may change models there; on other URLs change them from one program at a time."
)


def add_parser(verbs: Verbs) -> None:
    """The actions of the verb, each with a help of its own."""
    summary = "versions: list, add, promote, roll back, compare"
    parser = add_verb(verbs, "models", run, summary, f"{DESCRIPTION}\n\n{PLACE}", EXAMPLES)
    parser.set_defaults(act=list_models)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    for add_to in (
        _add_list,
        _add_show,
        _add_add,
        _add_promote,
        _add_rollback,
        _add_remove,
        _add_path,
        _add_pack,
        add_compare,
    ):
        add_to(actions)


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the action; without one it lists the models."""
    options.act(options, console)
    return 0


def _add_list(actions: Verbs) -> None:
    add_action(
        actions, "list", list_models, "the models", "Lists the registered models with their versions and aliases."
    )


def list_models(options: argparse.Namespace, console: Console) -> None:
    """A line a model; those that come with Handshape apart."""
    from handshape.registry import open_registry

    registry = open_registry()
    states = {name: registry.state(name) for name in registry.names()}
    rows = [
        (name, len(state.added), max(state.added), ", ".join(f"{alias} {n}" for alias, n in state.aliases.items()))
        for name, state in states.items()
    ]
    if rows:
        console.table(str(registry.storage), ("model", "versions", "newest", "aliases"), rows)
    else:
        console.hint(f"No models in {registry.storage} yet. Add one:", "handshape models add RUN --name NAME")
    ready = _list_ready(states, console)
    if options.json:
        found = [
            {"name": name, "versions": list(state.added), "aliases": state.aliases} for name, state in states.items()
        ]
        console.emit({"registry": str(registry.storage), "models": found, "ready": ready})


def _list_ready(registered: Container[str], console: Console) -> list[dict[str, Any]]:
    """The models that come with Handshape, shown, and for JSON."""
    from handshape.registry.ready import described, ready_names

    ready = [described(name) for name in ready_names()]
    rows = [
        (
            each["name"],
            each["about"],
            each["photographs"],
            f"{each['accuracy']:.1%}" if each["photographs"] else "",
            "no, yours is" if each["name"] in registered else "yes",
        )
        for each in ready
    ]
    if rows:
        columns = ("model", "knows", "strangers' photographs", "right, a set on average", "meant by its name")
        console.table("Come with Handshape", columns, rows)
    return ready


def _add_show(actions: Verbs) -> None:
    parser = add_action(
        actions, "show", show, "versions and history, or a model card", "Shows what is known of a model."
    )
    parser.add_argument("model", metavar="MODEL", help="a NAME: its versions and their history; else the model card")


def show(options: argparse.Namespace, console: Console) -> None:
    """Versions and history of a name; of a version or a path, the model card."""
    from handshape.registry import open_registry, path_of, resolve

    if path_of(options.model) or "@" in options.model:
        bundle = resolve(options.model, console)
        console.say("".join(letter for letter in bundle.card if letter.isprintable() or letter == "\n").rstrip())
        if options.json:
            console.emit({"model": options.model, "path": str(bundle.folder), "manifest": dict(bundle.details)})
        return
    registry = open_registry()
    versions, events = registry.versions(options.model), registry.events(options.model)
    rows = [(version.number, ", ".join(version.aliases), version.added, version.source) for version in versions]
    console.table(options.model, ("version", "aliases", "added", "from"), rows)
    history = [(event.at, event.action, event.alias, event.version) for event in events]
    console.table("History", ("when", "what", "alias", "version"), history)
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


def _add_add(actions: Verbs) -> None:
    summary = "a run, bundle or zip becomes the next version"
    parser = add_action(actions, "add", add, summary, "Copies a model into the registry.")
    parser.add_argument("source", metavar="MODEL", help=MODEL)
    parser.add_argument("--name", metavar="NAME", help="of the model (default: that of the run folder or zip)")


def add(options: argparse.Namespace, console: Console) -> None:
    """A new version."""
    from handshape.registry import name_from, open_registry, path_of, require_name, resolve
    from handshape.serving.proof import prove

    bundle, path = resolve(options.source, console), path_of(options.source)
    source = path.resolve() if path else Path(options.source)
    folder = source.parent if source.name == "bundle" else source
    name = options.name or name_from(folder.stem if folder.suffix == ".zip" else folder.name.partition("@")[0])
    if not name:
        raise ModelError(f"{options.source} has no name to take.", "a name for the model", "Give it one: --name NAME")
    registry = open_registry()
    before = registry.state(require_name(name)).newest
    prove(bundle)
    version = registry.add(name, bundle, str(source))
    is_new = version.number > before
    console.result("save", f"{version} is {options.source}" + ("" if is_new else "; it was there already"))
    if not version.aliases:
        console.hint("Use it:", f"handshape predict {version} IMAGE")
        console.hint("Put it into production:", f"handshape models promote {version}")
    if options.json:
        found = {"model": str(version), "name": name, "version": version.number, "sha256": version.sha256}
        console.emit({**found, "new": is_new})


def _add_promote(actions: Verbs) -> None:
    summary = "let an alias stand for a version"
    parser = add_action(actions, "promote", promote, summary, "Lets an alias stand for a version.")
    parser.add_argument("version", metavar="NAME@NUMBER", help="or another alias: asl@staging")
    parser.add_argument("alias", nargs="?", default="production", metavar="ALIAS", help="default: production")


def promote(options: argparse.Namespace, console: Console) -> None:
    """An alias stands for a version."""
    from handshape.registry import Reference, open_registry, parse
    from handshape.serving.proof import prove

    registry = open_registry()
    meant = registry.find(parse(options.version))
    prove(registry.bundle(meant))
    version = registry.promote(Reference(meant.name, meant.number), options.alias)
    _say_alias(version.name, options.alias, version.number, console)


def _add_rollback(actions: Verbs) -> None:
    summary = "let it stand for the version before"
    parser = add_action(actions, "rollback", rollback, summary, "Takes the last promotion back.")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("alias", nargs="?", default="production", metavar="ALIAS", help="default: production")


def rollback(options: argparse.Namespace, console: Console) -> None:
    """An alias stands for the version before."""
    from handshape.registry import open_registry

    version = open_registry().rollback(options.name, options.alias)
    _say_alias(version.name, options.alias, version.number, console)


def _add_remove(actions: Verbs) -> None:
    description = "Removes a version, or an alias, not what it is of."
    parser = add_action(actions, "remove", remove, "a version, or an alias", description)
    parser.add_argument("version", metavar="NAME@NUMBER", help="or NAME@ALIAS")


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
    console.result("done", f"Removed {reference}")
    if options.json:
        console.emit({"removed": str(reference)})


def _add_path(actions: Verbs) -> None:
    parser = add_action(
        actions, "path", path, "where it lies on this machine", "Prints the folder of a model's bundle."
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)


def path(options: argparse.Namespace, console: Console) -> None:
    """The folder of a bundle."""
    from handshape.registry import resolve

    folder = resolve(options.model, console).folder
    console.say(str(folder))
    if options.json:
        console.emit({"model": options.model, "path": str(folder)})


def _add_pack(actions: Verbs) -> None:
    description = "Writes a model as one zip, which stands for it everywhere."
    parser = add_action(actions, "pack", pack, "one zip to pass on", description)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("out", type=given_path, metavar="OUT.zip", help="a file that is not there yet")


def pack(options: argparse.Namespace, console: Console) -> None:
    """One zip, which nothing else is overwritten by."""
    from handshape.registry import resolve

    bundle = resolve(options.model, console)
    if options.out.exists():
        raise RunError(
            f"There is already a {options.out}.", "a new file, so that nothing is overwritten", "Name another."
        )
    bundle.pack(options.out)
    size = options.out.stat().st_size
    console.result("save", f"Packed {options.out}, {size / 1e6:.1f} MB; CARD.md in it describes the model")
    console.hint("Use it:", f"handshape predict {quoted(options.out)} IMAGE")
    if options.json:
        console.emit({"model": options.model, "path": str(options.out), "bytes": size})


def _say_alias(name: str, alias: str, number: int, console: Console) -> None:
    console.result("done", f"{name}@{alias} is now {name}@{number}")
    if console.to_json:
        console.emit({"name": name, "alias": alias, "version": number})
