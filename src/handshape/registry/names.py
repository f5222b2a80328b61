"""What models, versions and aliases are called: ``asl``, ``asl@3``, ``asl@production``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from handshape.errors import ModelError

PRODUCTION, NEWEST = "production", "newest"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # a folder on every system, and a part of every URL
_ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Reference:
    """A model, and which of its versions is meant.

    Attributes:
        name: of the model.
        at: the number of a version, an alias, or "" where nothing was said.
    """

    name: str
    at: int | str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.at}" if self.at else self.name


def parse(text: str) -> Reference:
    """Reads ``NAME``, ``NAME@NUMBER`` or ``NAME@ALIAS``.

    Raises:
        ModelError: it is none of these.
    """
    name, has_at, at = text.partition("@")
    require_name(name)
    if not has_at:
        return Reference(name)
    if _NUMBER.fullmatch(at):
        return Reference(name, int(at))
    return Reference(name, require_alias(at))


def is_reference(text: str) -> bool:
    """Whether a word can stand for a registered model at all."""
    try:
        parse(text)
    except ModelError:
        return False
    return True


def is_name(text: str) -> bool:
    """Whether a word can be the name of a model, without number or alias."""
    return bool(_NAME.fullmatch(text))


def require_name(name: str) -> str:
    """The name, when it can be one.

    Raises:
        ModelError: it cannot.
    """
    if not is_name(name):
        raise ModelError(
            f"'{name}' cannot be the name of a model.",
            "lowercase letters a-z, digits, dots, dashes and underscores; a letter or a digit first",
        )
    return name


def require_alias(alias: str, to_set: bool = False) -> str:
    """The alias, when it can be one; ``newest`` cannot be set, it always is the newest version.

    Raises:
        ModelError: it cannot.
    """
    if not _ALIAS.fullmatch(alias) or (to_set and alias == NEWEST):
        raise ModelError(
            f"'{alias}' cannot be an alias.",
            f"a word such as {PRODUCTION} or staging: lowercase letters, digits, dots, dashes, underscores; "
            f"{NEWEST} always is the newest version",
        )
    return alias


def name_from(word: str) -> str:
    """The nearest name to that of a run or of a file; may be empty."""
    return re.sub(r"[^a-z0-9._-]+", "-", word.lower()).strip("-._")[:64]
