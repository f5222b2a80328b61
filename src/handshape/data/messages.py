"""Counts and lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, one: str, many: str) -> str:
    """The count with the words that fit it."""
    return f"{count:,} {one if count == 1 else many}"


def some(names: Sequence[str], first: int = 3, between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = len(names) - first
    return between.join(names[:first]) + (f" and {more:,} more" if more > 0 else "")
