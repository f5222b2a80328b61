"""Models by name: adding versions, promoting them, and finding the one that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from handshape.errors import HandshapeError, ModelError
from handshape.export.bundle import Bundle
from handshape.registry.history import Event, State, read_event, replay
from handshape.registry.names import NEWEST, PRODUCTION, Reference, is_name, require_alias, require_name
from handshape.registry.ready import ready_names
from handshape.registry.storage import Storage
from handshape.suggestions import did_you_mean, did_you_mean_path

ATTEMPTS = 100  # at a change, when other programs come first again and again
_EVENT = re.compile(r"[0-9]{8}\.json")


@dataclass(frozen=True)
class Version:
    """One version of a model. It never changes; its number is never given again.

    Attributes:
        name: of the model.
        number: 1, 2, 3 …
        sha256: of its bundle's manifest.
        source: where it was added from.
        added: when, in UTC, as ISO 8601.
        aliases: that stand for it.
    """

    name: str
    number: int
    sha256: str
    source: str
    added: str
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


class Registry:
    """Models in one place. Several programs may use and change it at once; one killed anywhere changes nothing.

    Raises:
        RunError: of whatever changes it: the storage cannot be written.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._read: dict[str, Event] = {}  # events never change, so each is read once

    def names(self) -> list[str]:
        """The models that have a version."""
        return [name for name in self.storage.names("") if is_name(name) and self.state(name).added]

    def versions(self, name: str) -> list[Version]:
        """The versions of a model, oldest first.

        Raises:
            ModelError: there is no such model.
        """
        state = self._known(Reference(name))
        return [_version(name, number, state) for number in state.added]

    def state(self, name: str) -> State:
        """Versions and aliases of a model; empty where there is none."""
        return replay(self.events(name))

    def events(self, name: str) -> list[Event]:
        """What happened to a model, in order."""
        return self._events(self._files(name))

    def find(self, reference: Reference) -> Version:
        """The version that is meant; without number and alias the one in production, else the newest.

        Raises:
            ModelError: there is no such model, version or alias.
        """
        state = self._known(reference)
        at = reference.at or (PRODUCTION if PRODUCTION in state.aliases else NEWEST)
        number = at if isinstance(at, int) else max(state.added) if at == NEWEST else state.aliases.get(at)
        if number not in state.added:
            raise _unknown_version(reference, state)
        return _version(reference.name, number, state)

    def bundle(self, version: Version) -> Bundle:
        """What a version is, verified; from elsewhere it is fetched into the cache once.

        Raises:
            ModelError: damaged, or out of reach.
        """
        return self.storage.bundle(f"{version.name}/bundles/{version.sha256}")

    def add(self, name: str, bundle: Bundle, source: str) -> Version:
        """A new version, under the next number; the one that is there where it is the same bundle.

        Raises:
            ModelError: the name cannot be one.
        """
        folder = f"{require_name(name)}/bundles/{bundle.sha256}"
        self.storage.put(folder, bundle)

        def next_version(state: State) -> Event | None:
            if _same(state, bundle.sha256):
                return None
            return Event("add", state.newest + 1, bundle=bundle.sha256, source=source)

        state = self._change(name, next_version)
        self.storage.put(folder, bundle)  # again, if another program removed the same bundle meanwhile
        return _version(name, _same(state, bundle.sha256)[-1], state)

    def promote(self, reference: Reference, alias: str = PRODUCTION) -> Version:
        """Lets an alias stand for a version.

        Raises:
            ModelError: there is no such version, or the alias cannot be one.
        """
        alias = require_alias(alias, to_set=True)
        number = self.find(reference).number

        def promoted(state: State) -> Event | None:
            if number not in state.added:
                raise _unknown_version(Reference(reference.name, number), state)
            return None if state.aliases.get(alias) == number else Event("promote", number, alias)

        return _version(reference.name, number, self._change(reference.name, promoted))

    def rollback(self, name: str, alias: str = PRODUCTION) -> Version:
        """Lets an alias stand for the version that it stood for before.

        Raises:
            ModelError: it stood for none before, or that is gone.
        """

        def rolled_back(state: State) -> Event:
            before = state.before(alias)
            if before is None:
                raise ModelError(
                    f"{name}@{alias} has no earlier version to go back to.",
                    "an alias that was promoted twice",
                    f"See what there is: handshape models show {name}",
                )
            return Event("rollback", before, alias)

        self._known(Reference(name))
        state = self._change(name, rolled_back)
        return _version(name, state.aliases[alias], state)

    def release(self, name: str, alias: str) -> None:
        """Takes an alias away; its version stays.

        Raises:
            ModelError: there is no such model or alias.
        """

        def released(state: State) -> Event:
            if alias == NEWEST:
                raise ModelError(
                    f"{name}@{NEWEST} always is the newest version, so it cannot be taken away.",
                    "an alias that was promoted, or the number of a version",
                    f"To remove that version: handshape models remove {name}@{max(state.added)}",
                )
            if alias not in state.aliases:
                raise _unknown_version(Reference(name, alias), state)
            return Event("release", state.aliases[alias], alias)

        self._known(Reference(name))
        self._change(name, released)

    def remove(self, name: str, number: int) -> None:
        """Removes a version.

        Raises:
            ModelError: there is no such version, or an alias stands for it.
        """
        version = self.find(Reference(name, number))

        def removed(state: State) -> Event:
            if number not in state.added:
                raise _unknown_version(Reference(name, number), state)
            in_use = [alias for alias, other in state.aliases.items() if other == number]
            if in_use:
                raise ModelError(
                    f"{version} is in use as {', '.join(in_use)}.",
                    "a version that no alias stands for",
                    f"Promote another one first, or: handshape models remove {name}@{in_use[0]}",
                )
            return Event("remove", number)

        state = self._change(name, removed)
        if not _same(state, version.sha256):
            self.storage.delete(f"{name}/bundles/{version.sha256}")

    def _change(self, name: str, decide: Callable[[State], Event | None]) -> State:
        """Adds the event that the state calls for, if any; where another program was first, looks at it again."""
        for _ in range(ATTEMPTS):
            files = self._files(name)
            state = replay(self._events(files))
            event = decide(state)
            if event is None:
                return state
            number = 1 + (int(Path(files[-1]).stem) if files else 0)
            if self.storage.create(f"{name}/events/{number:08}.json", event.to_bytes()):
                return self.state(name)
        raise HandshapeError(f"Other programs are changing {name} in {self.storage} all the time.", fix="Try again.")

    def _files(self, name: str) -> list[str]:
        """Of the events, in order."""
        return [f"{name}/events/{file}" for file in self.storage.names(f"{name}/events") if _EVENT.fullmatch(file)]

    def _events(self, files: Sequence[str]) -> list[Event]:
        new = [file for file in files if file not in self._read]
        for file, content in zip(new, self.storage.read(new), strict=True):
            event = read_event(content)
            if event is not None:
                self._read[file] = event
        return [self._read[file] for file in files if file in self._read]

    def _known(self, reference: Reference) -> State:
        state = self.state(require_name(reference.name))
        if not state.added:
            raise _unknown_model(reference, self)
        return state


def _same(state: State, sha256: str) -> list[int]:
    return [number for number, event in state.added.items() if event.bundle == sha256]


def _version(name: str, number: int, state: State) -> Version:
    event = state.added[number]
    aliases = tuple(alias for alias, version in state.aliases.items() if version == number)
    return Version(name, number, event.bundle, event.source, event.at, aliases)


def _unknown_model(reference: Reference, registry: Registry) -> ModelError:
    if reference.name in ready_names():
        return ModelError(
            f"{reference.name} comes with Handshape; the registry {registry.storage} has no '{reference}'.",
            f"{reference.name} alone: what comes with Handshape has no versions and no aliases",
            f"To keep versions of it: handshape models add {reference.name}",
        )
    names = sorted({*registry.names(), *ready_names()})
    meant = _run_called(reference) or did_you_mean(reference.name, names) or did_you_mean_path(Path(str(reference)))
    return ModelError(
        f"There is no model '{reference}': neither a folder or zip here, nor one in the registry {registry.storage}.",
        "a run folder, a bundle folder, its zip, or a name" + (f": {_some(names)}" if names else ""),
        meant or "Add one: handshape models add RUN --name NAME",
    )


def _run_called(reference: Reference) -> str:
    """A run of that name, which is not here but in the folder of runs."""
    run = Path("runs") / str(reference)
    return f"Did you mean {run}?" if (run / "run.json").is_file() else ""


def _unknown_version(reference: Reference, state: State) -> ModelError:
    numbers, aliases = [str(number) for number in state.added], [*state.aliases, NEWEST]
    see = f"See what there is: handshape models show {reference.name}"
    return ModelError(
        f"There is no {reference}.",
        f"a version ({_some(numbers)}) or an alias ({_some(aliases)})",
        did_you_mean(str(reference), (f"{reference.name}@{alias}" for alias in aliases)) or see,
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
