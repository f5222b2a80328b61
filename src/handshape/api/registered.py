"""Models by name, as users see and change them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handshape.api import html
from handshape.api.models import bundle_of, word_of
from handshape.api.results import Shown
from handshape.console import Console
from handshape.data.messages import counted
from handshape.errors import ModelError
from handshape.registry import Reference, Registry, Version, open_registry, parse, require_name
from handshape.registry.ready import described, ready_names
from handshape.reporting.wording import percent
from handshape.serving.proof import prove

if TYPE_CHECKING:
    from handshape.api.models import Model

PRODUCTION = "production"


@dataclass(frozen=True, eq=False, repr=False)
class ModelList(Shown):
    """The models that are registered, and those that come with Handshape; see ``docs/registry.md``.

    A :class:`~handshape.registry.registry.Version` is ``mine@3`` as text, and may stand for its model so.

    Attributes:
        registry: where they are kept.
    """

    registry: Registry = field(default_factory=open_registry)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are registered."""
        return tuple(self.registry.names())

    def versions(self, name: str) -> tuple[Version, ...]:
        """The versions of a model, oldest first.

        Raises:
            ModelError: there is no such model.
        """
        return tuple(self.registry.versions(name))

    def add(self, model: Model, name: str) -> Version:
        """Copies a model into the registry as the next version; one that is there already is not added twice.

        Args:
            model: what :func:`~handshape.load` takes.
            name: that it goes by.

        Raises:
            ModelError: it cannot answer, or the name cannot be one.
        """
        bundle = bundle_of(model, Console(quiet=True))
        require_name(name)
        prove(bundle)
        return self.registry.add(name, bundle, word_of(model))

    def promote(self, version: str | Version, alias: str = PRODUCTION) -> Version:
        """Lets an alias stand for a version, which must be able to answer.

        Args:
            version: such as ``mine@3``, or ``mine@staging``.
            alias: what it is called from now on.

        Raises:
            ModelError: there is no such version, it cannot answer, or the alias cannot be one.
        """
        meant = self.registry.find(parse(str(version)))
        prove(self.registry.bundle(meant))
        return self.registry.promote(Reference(meant.name, meant.number), alias)

    def rollback(self, name: str, alias: str = PRODUCTION) -> Version:
        """Lets an alias stand for the version that it stood for before.

        Raises:
            ModelError: it stood for none before, or that is gone.
        """
        return self.registry.rollback(name, alias)

    def remove(self, version: str | Version) -> None:
        """Removes a version, such as ``mine@3``, or an alias, such as ``mine@staging``, whose version stays.

        Raises:
            ModelError: there is none, an alias stands for the version, or a name alone was given.
        """
        reference = parse(str(version))
        if isinstance(reference.at, int):
            self.registry.remove(reference.name, reference.at)
        elif reference.at:
            self.registry.release(reference.name, reference.at)
        else:
            numbers = ", ".join(map(str, self.versions(reference.name)))
            raise ModelError(f"'{reference}' does not say which version.", f"one of {numbers}, or an alias")

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        return f"{counted(len(self.names), 'model', 'models')} in {self.registry.storage}"

    def _parts(self) -> Iterator[str]:
        rows = [
            (name, version.number, ", ".join(version.aliases), version.added, version.source)
            for name in self.names
            for version in reversed(self.versions(name))
        ]
        if rows:
            yield html.table(("model", "version", "aliases", "added", "from"), rows)
        ready = [described(name) for name in ready_names()]
        known = [(each["name"], each["about"], percent(each["accuracy"])) for each in ready if each["photographs"]]
        yield html.table(("comes along", "knows", "right on strangers"), known)
