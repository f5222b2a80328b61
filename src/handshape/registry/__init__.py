"""The registry: finished models under names and numbers, and which number is in use for what.

``asl@3`` is a version, which never changes. ``asl@production`` is an alias, which promoting moves from version to
version. ``asl`` alone is what is in production, or the newest where nothing is. Names that nothing
is registered under may stand for models that come with Handshape.
"""

from handshape.registry.history import Event
from handshape.registry.names import Reference, name_from, parse, require_name
from handshape.registry.ready import ready_folder, ready_names
from handshape.registry.registry import Registry, Version
from handshape.registry.resolve import announce, open_registry, own_folder, path_of, resolve

__all__ = [
    "Event",
    "Reference",
    "Registry",
    "Version",
    "announce",
    "name_from",
    "open_registry",
    "own_folder",
    "parse",
    "path_of",
    "ready_folder",
    "ready_names",
    "require_name",
    "resolve",
]
