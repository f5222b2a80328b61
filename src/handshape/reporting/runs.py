"""What a list of runs tells of each, on a terminal and on a page."""

from __future__ import annotations

from dataclasses import dataclass

from handshape.evaluation.slices import Slice


@dataclass(frozen=True)
class ListedRun:
    """A line in a list of runs; what is not known is None.

    Attributes:
        name: below the folder that was searched.
        kind: the verb that made it.
        state: how it ended, or that it has not.
        when: it began.
        photographs: that it learned from or was tested on.
        classes: of these.
        validation: right answers.
        test: right answers.
        external: mean accuracy on other sets of photographs.
        took: time, in words.
    """

    name: str
    kind: str
    state: str
    when: str
    photographs: int | None
    classes: int | None
    validation: Slice | None
    test: Slice | None
    external: float | None
    took: str
