"""The cache as users see and clear it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handshape.api import html
from handshape.api.results import Shown
from handshape.cache import Clearing, Kept, clear, clearing, contents, overall_limit
from handshape.data.messages import counted
from handshape.downloads import cache_folder
from handshape.errors import SettingsError
from handshape.files import in_megabytes

DAY = 24 * 3600.0  # seconds


@dataclass(frozen=True, eq=False, repr=False)
class CacheContents(Shown):
    """What was kept when somebody looked; ``handshape.cached()`` looks again.

    Attributes:
        folder: where it is; ``HANDSHAPE_HOME`` chooses another.
        kinds: what is kept, a :class:`~handshape.cache.Kept` a kind: ``kind.name``, ``kind.about``, ``entries``,
            ``size`` and ``limit`` in bytes, ``used`` in seconds since 1970.
        limit: bytes that all kinds with a limit may take together, by ``HANDSHAPE_CACHE_GB``; None where it is not set.
    """

    folder: Path
    kinds: tuple[Kept, ...]
    limit: int | None

    @classmethod
    def now(cls) -> CacheContents:
        """What is kept at this moment."""
        return cls(cache_folder(), contents(), overall_limit())

    @property
    def size(self) -> int:
        """Bytes, all together."""
        return sum(kept.size for kept in self.kinds)

    def clear(self, *kinds: str, older_days: float = 0.0, force: bool = False) -> Clearing:
        """Removes what is kept, and returns what went, what another program may be using, and what could not go.

        Args:
            kinds: names of the kinds; none are all but those that would have to be fetched again, and what was trained
                on the page and waits to be kept.
            older_days: only what was not used for so many days.
            force: what another program may have used in the last hour, too.

        Raises:
            SettingsError: there is no such kind, or the days are negative.
        """
        if not older_days >= 0:
            raise SettingsError(f"older_days cannot be {older_days}.", "0 or more")
        return clear(clearing(kinds, older_days * DAY, force))

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        entries = sum(len(kept.entries) for kept in self.kinds)
        return f"{counted(entries, 'entry', 'entries')}, {in_megabytes(self.size)}, in {self.folder}"

    def _parts(self) -> Iterator[str]:
        rows = [
            (kept.kind.name, kept.kind.about, f"{len(kept.entries):,}", in_megabytes(kept.size))
            for kept in self.kinds
            if kept.entries
        ]
        if rows:
            yield html.table(("kind", "what it is", "entries", "size"), rows)
