"""The data set: photographs, their classes, groups and hands, and what a classifier is shown of them; no split in it.

Every fit on a data set shares its pictures, hands and trunk features.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.check_report import CheckReport
from handshape.data.groups import Groups
from handshape.data.messages import some
from handshape.data.samples import (
    ImageFolder,
    Sample,
)
from handshape.data.splits import Rows
from handshape.hands.inputs import Inputs, Photograph
from handshape.hands.known_hands import KnownHands
from handshape.hands.landmarks import Hand
from handshape.hands.search import HandSearch
from handshape.model.classifier import PIXELS
from handshape.model.decisions import is_negative_name

MAX_NAMED = 10  # of what is left out


@dataclass(frozen=True, eq=False)
class Dataset:
    """N photographs whose classes are known; all that belongs to one stands in the same row.

    Attributes:
        folder: where they lie.
        report: what is known of all files of the folder.
        samples: [N].
        class_names: the C classes, in the order of their numbers.
        targets: [N], the class number of each.
        groups: who signed what, or which belong together otherwise.
        hands: [N], in pixels of the whole photograph; None where none was found.
        inputs: what a classifier is shown of the N.
        search: what found the hands; None where none were looked for.
        left_out: classes of the folder that are not among the class names.
        also: class names without photographs, learned from known hands alone.
    """

    folder: ImageFolder
    report: CheckReport
    samples: tuple[Sample, ...]
    class_names: tuple[str, ...]
    targets: NDArray[np.int64]
    groups: Groups
    hands: tuple[Hand | None, ...]
    inputs: Inputs = field(repr=False)
    search: HandSearch | None = None
    left_out: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    features: dict[Any, Any] = field(default_factory=dict, repr=False)  # trunk features by what they depend on
    known: dict[bytes, KnownHands] = field(default_factory=dict, repr=False)  # that look like those of some rows

    def __len__(self) -> int:
        return len(self.samples)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs of it: what found the hands stays here, and features are made there."""
        search = None if self.search is None else searched_before
        inputs = [np.asarray(each) for each in vars(self.inputs).values()]  # of a memory map, the array
        once = [each[:1] if len(each) and not each.strides[0] else each for each in inputs]  # rows all alike
        return {**vars(self), "search": search, "inputs": once, "features": {}, "known": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows = len(state["samples"])
        inputs = Inputs(*(np.broadcast_to(each, (rows, *each.shape[1:])) for each in state["inputs"]))
        vars(self).update({**state, "inputs": inputs})

    def seen_by(self, streams: Collection[str]) -> Dataset:
        """The same, a quarter as large where none of these streams looks at pixels: all pictures are one black dot."""
        if PIXELS in streams:
            return self
        dots = np.broadcast_to(np.zeros(3, np.uint8), (len(self), 1, 1, 3))
        return replace(self, inputs=replace(self.inputs, image=dots))

    @property
    def finds_hands(self) -> bool:
        """Whether hands were looked for."""
        return self.search is not None

    @property
    def rows(self) -> Rows:
        """All of them."""
        return np.arange(len(self))

    @property
    def sign_coverage(self) -> float:
        """In what share of the images of signs a hand was found; 1 where there are none."""
        shows_sign = np.array([not is_negative_name(name) for name in self.class_names])[self.targets]
        return float(self.inputs.found[shows_sign].mean()) if shows_sign.any() else 1.0

    def found(self, rows: Rows) -> NDArray[np.bool_] | None:
        """In which of these a hand was found, [n]; None where none was looked for."""
        return self.inputs.found[rows] if self.finds_hands else None

    def files(self, rows: Rows) -> list[Path]:
        """Where these lie on disk."""
        return [self.folder.file(self.samples[row]) for row in rows]

    def group_names(self, rows: Rows) -> list[str]:
        """The group of each of these."""
        return [self.groups.of[self.samples[row].path] for row in rows]

    def signers(self, rows: Rows) -> NDArray[np.int64]:
        """The number of the signer of each of these, [n]; one number for all where signers are not known."""
        if not self.groups.are_signers:
            return np.zeros(len(rows), np.int64)
        return np.unique(self.group_names(rows), return_inverse=True)[1]

    def embeddings(self, rows: Rows) -> NDArray[np.float32]:
        """What near-duplicates among these are told by, [n, D]."""
        return self.report.similarity.embeddings[self._places(rows)]

    def thumbnails(self, rows: Rows) -> NDArray[np.uint8]:
        """What near-duplicates among these and photographs of other folders are told by, [n, 256]."""
        return self.report.thumbnails[self._places(rows)]

    def left_out_in_words(self) -> Iterator[str]:
        """What of the folder was left out, and why; a sentence for each kind."""
        report = self.report
        for names, what in (
            (self.left_out, "classes the model does not know"),
            ([f"{path} ({why.removeprefix('is ')})" for path, why in report.reasons.items()], "unreadable images"),
            (report.strays, "files that are not images, going by their names"),
        ):
            if names:
                yield f"Left out, {what}: {some(names, MAX_NAMED)}."
        empty = [name for name, count in report.usable_counts.items() if not count and name not in self.left_out]
        if empty:
            yield f"Nothing is measured of {some(empty, MAX_NAMED)}: no image there can be used."

    def _places(self, rows: Rows) -> list[int]:
        """Where these stand among the usable images of the report, of which a data set may leave some out."""
        place = {sample.path: number for number, sample in enumerate(self.report.usable_samples)}
        return [place[self.samples[row].path] for row in rows]


def searched_before(photographs: Iterable[Photograph]) -> Iterator[tuple[Photograph, Hand | None]]:
    """Stands in a data set that was sent to another process for what found its hands.

    Raises:
        RuntimeError: it is asked to find further ones.
    """
    raise RuntimeError("Hands are found where a data set is loaded.")
