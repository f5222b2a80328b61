"""What happened to a model, event by event. Replaying the events gives its versions and its aliases.

Events are only ever added, each under the next free number, so nothing can be half-changed, and of two programs that
change a model at once one comes second and looks again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Action = Literal["add", "promote", "rollback", "release", "remove"]


@dataclass(frozen=True)
class Event:
    """One change.

    Attributes:
        action: add or remove a version; promote an alias to one, roll it back to one, or release it.
        version: the version that was added or removed; that the alias stands for from then on, or until then (release).
        alias: of promote, rollback and release.
        bundle: of add, the SHA-256 of what was added.
        source: of add, where it came from.
        at: when, in UTC, as ISO 8601.
    """

    action: Action
    version: int
    alias: str = ""
    bundle: str = ""
    source: str = ""
    at: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what says nothing is left out."""
        return {name: value for name, value in asdict(self).items() if value}

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return (json.dumps(self.as_dict(), ensure_ascii=False) + "\n").encode()


@dataclass
class State:
    """Where a model stands after its events.

    Attributes:
        added: the add event of each version that is there, by number, in order.
        promoted: the versions of each alias, the one it stands for last.
        newest: the highest number ever given; it is not given again.
    """

    added: dict[int, Event] = field(default_factory=dict)
    promoted: dict[str, list[int]] = field(default_factory=dict)
    newest: int = 0

    @property
    def aliases(self) -> dict[str, int]:
        """The version of each alias, by name."""
        return {alias: versions[-1] for alias, versions in sorted(self.promoted.items())}

    def before(self, alias: str) -> int | None:
        """The version that a rollback leads to: the last other one that is still there."""
        *earlier, now = self.promoted.get(alias, [0])
        return next((version for version in reversed(earlier) if version in self.added and version != now), None)


def replay(events: Iterable[Event]) -> State:
    """The state that the events lead to."""
    state = State()
    for event in events:
        if event.action == "add":
            state.added[event.version] = event
            state.newest = max(state.newest, event.version)
        elif event.action == "remove":
            state.added.pop(event.version, None)
        elif event.action == "promote":
            state.promoted.setdefault(event.alias, []).append(event.version)
        elif event.action == "rollback":
            state.promoted[event.alias] = _back_to(event.version, state.promoted.get(event.alias, []))
        else:
            state.promoted.pop(event.alias, None)
    return state


def _back_to(version: int, versions: list[int]) -> list[int]:
    earlier = versions[:-1]
    while earlier and earlier[-1] != version:
        earlier.pop()
    return earlier or [version]


def read_event(content: bytes) -> Event | None:
    """An event as it was stored; None for what is none, or is of a kind that a later version will know."""
    try:
        event = Event(**json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (event.alias, event.bundle, event.source, event.at)
    is_one = type(event.version) is int and event.version > 0 and all(isinstance(text, str) for text in texts)
    return event if is_one and event.action in get_args(Action) else None
