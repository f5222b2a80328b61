"""YAML as people and machines write it, read within limits: what is nested, repeated or long beyond them is refused."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml

from handshape.errors import SettingsError
from handshape.files import read_regular
from handshape.suggestions import did_you_mean_path

MAX_BYTES = 100_000  # every setting there is takes 3 KB
MAX_DEPTH = 10  # settings need three
MAX_VALUES = 10_000  # with each alias counted as what it stands for
MAX_SHOWN = 100  # characters of a value or a name in a message
MAX_PROBLEM = 300  # of what a parser says
DATE = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Takes dates as the text they are: no setting is one, and there are impossible ones."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as its base class has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != DATE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _UnreadableValueError(yaml.YAMLError):
    """A value is not of the kind that its tag says."""

    def __init__(self, cause: Exception) -> None:
        self.problem = f"a value cannot be read ({cause})"
        super().__init__(self.problem)


def read_yaml(path: Path, what: str, example: str, fix: str) -> Any:
    """What a YAML file holds; an empty one holds nothing, ``{}``.

    Args:
        path: the file.
        what: it is, in an error.
        example: of lines that it may hold.
        fix: where to see more of them.

    Raises:
        SettingsError: it cannot be read, is not YAML, or is beyond the limits.
    """
    try:
        values = parse_yaml(read_regular(path, MAX_BYTES).decode(), f"The {what} {path}")
    except OSError as error:
        raise SettingsError(f"Cannot read the {what} {path}: {error.strerror}.", fix=did_you_mean_path(path)) from None
    except (yaml.YAMLError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        place = f" at line {where.line + 1}, column {where.column + 1}" if where else ""
        problem = shorten(getattr(error, "problem", None) or "it is not text", MAX_PROBLEM, placeholder="…")
        raise SettingsError(
            f"The {what} {path} is not valid YAML{place}: {problem}.",
            f"lines such as\n{example}",
            f"Correct that line; {fix}",
        ) from None
    return {} if values is None else values


def parse_yaml(text: str, subject: str) -> Any:
    """What a YAML text says.

    Args:
        text: the text.
        subject: what it is, as messages begin.

    Raises:
        SettingsError: it is beyond the limits.
        yaml.YAMLError: it is not YAML.
    """
    _require_modest(text, subject)
    try:
        return yaml.load(text, _Loader)  # a safe loader
    except yaml.YAMLError:
        raise
    except Exception as error:  # tags such as !!int fail in as many ways as there are kinds of values
        raise _UnreadableValueError(error) from None


def shown(value: object) -> str:
    """A value as a message shows it, however large it is."""
    try:
        text = _short.repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a very long number"
    return cut(text)


def cut(text: str) -> str:
    """The beginning of a text, where it is long."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _repr_within_limits() -> reprlib.Repr:
    made = reprlib.Repr()
    made.maxstring = made.maxother = MAX_SHOWN
    made.maxlevel = 3
    return made


_short = _repr_within_limits()


class _Size:
    """How many values a text stands for, counted while it is parsed, before any of them is made.

    Composing them first would be too late: aliases of aliases grow exponentially, and deep nesting overflows the stack.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._behind: dict[str, int] = {}  # values behind each anchor
        self._open: list[tuple[str | None, int]] = []  # anchor and values so far of each list and mapping around

    def see(self, event: yaml.Event) -> None:
        """The next piece of the text."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, 0))
            if len(self._open) > MAX_DEPTH:
                raise self._refused(f"nests values more than {MAX_DEPTH} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, inside = self._open.pop()
            self._add(anchor, inside + 1)
        elif isinstance(event, yaml.AliasEvent):
            name = str(event.anchor)
            if any(anchor == name for anchor, _ in self._open):
                raise self._refused(f"has a value that contains itself (*{cut(name)})")
            self._add(None, self._behind.get(name, 1))
        elif isinstance(event, yaml.ScalarEvent):
            self._add(event.anchor, 1)

    def _add(self, anchor: str | None, values: int) -> None:
        if anchor is not None:
            self._behind[anchor] = values
        if self._open:
            around, before = self._open[-1]
            values += before
            self._open[-1] = (around, values)
        if values > MAX_VALUES:
            raise self._refused(f"stands for more than {MAX_VALUES:,} values")

    def _refused(self, why: str) -> SettingsError:
        return SettingsError(
            f"{self._subject} {why}.", "sections with their settings, written out once", "Write it without aliases."
        )


def _require_modest(text: str, subject: str) -> None:
    if len(text) > MAX_BYTES:
        raise SettingsError(f"{subject} has {len(text):,} characters.", f"at most {MAX_BYTES:,}", "Shorten it.")
    size = _Size(subject)
    for event in yaml.parse(text, _Loader):
        size.see(event)


def merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Puts nested values into others; later ones win, setting by setting."""
    for key, value in changes.items():
        if isinstance(value, Mapping):
            nested = into.setdefault(key, {})
            if isinstance(nested, dict):
                merge(nested, value)
                continue
        into[key] = value


def number_or(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people mean the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
