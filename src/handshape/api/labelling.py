"""Suspect labels as users see them, and what is decided about photographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.api import html
from handshape.api.results import SHOWN, THUMBNAIL, Shown
from handshape.data.check_report import LabelIssue
from handshape.data.label_table import LABELS_FILE, Corrections
from handshape.data.messages import counted
from handshape.data.samples import list_samples
from handshape.workflow.labels import Desk, Review, decide_by_path

DECIDED = {"keep": "kept", "move": "moved to", "leave_out": "left out"}


@dataclass(frozen=True, eq=False, repr=False)
class LabelReview(Shown):
    """Photographs whose label others speak against, and the decisions in ``labels.csv``.

    Paths are those of the photographs in the folder, such as ``L/anna_3.jpg``, or from where the program runs. Every
    decision returns the review, which shows what was decided.

    Attributes:
        folder: of the photographs.
        review: what was found; None where nothing was looked for.
    """

    folder: Path
    review: Review | None

    @property
    def suspects(self) -> tuple[LabelIssue, ...] | None:
        """The clearest first; None where nothing was looked for, or no hands were found, so that nobody can say."""
        return None if self.review is None else self.review.suspects

    @property
    def table(self) -> tuple[dict[str, Any], ...]:
        """A row a suspect: ``path``, ``label``, ``suggested``, ``confidence`` 0 to 1, ``signer`` and ``decision``."""
        if self.review is None:
            return ()
        rows = Desk(self.review).state()["suspects"]
        return tuple(
            {**{name: value for name, value in row.items() if name != "image"}, "decision": _in_words(row["decision"])}
            for row in rows
        )

    @property
    def corrections(self) -> Corrections:
        """All that ``labels.csv`` says now: what is moved, left out and kept.

        Raises:
            DataError: the folder, or what the file names, is no longer there.
        """
        return list_samples(self.folder).corrections

    def keep(self, *paths: str | Path) -> LabelReview:
        """Their labels are right: they are not asked about again.

        Raises:
            DataError: there is no such photograph; those before it are decided.
        """
        return self._decide("keep", paths)

    def move(self, path: str | Path, label: str) -> LabelReview:
        """It shows another class.

        Raises:
            DataError: there is no such photograph or class.
        """
        return self._decide("move", (path,), label)

    def leave_out(self, *paths: str | Path) -> LabelReview:
        """They take no part in anything.

        Raises:
            DataError: as of :meth:`keep`.
        """
        return self._decide("leave_out", paths)

    def undo(self, *paths: str | Path) -> LabelReview:
        """Takes back what was decided about them.

        Raises:
            DataError: as of :meth:`keep`.
        """
        return self._decide("undo", paths)

    def _decide(self, kind: str, paths: tuple[str | Path, ...], label: str = "") -> LabelReview:
        for path in paths:
            decide_by_path(self.folder, str(path), kind, label)
        return self

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        said = f"{LABELS_FILE}: {self.corrections.in_words}"
        if self.review is None:
            return f"labels of {self.folder}; {said}"
        if self.suspects is None:
            return f"no hand was found in {self.folder}, so nobody can say which labels are suspect; {said}"
        return f"{counted(len(self.suspects), 'suspect label', 'suspect labels')} in {self.folder}; {said}"

    def _parts(self) -> Iterator[str]:
        rows = [
            (row["path"], row["label"], row["suggested"], f"{row['confidence']:.0%}", row["decision"])
            for row in self.table
        ]
        if rows:
            yield html.table(("image", "lies in", "looks like", "sure", "decided"), rows)
        for issue in (self.suspects or ())[:SHOWN]:
            yield html.picture(self.folder / issue.path, f"{issue.path} looks like {issue.suggested}", THUMBNAIL)


def _in_words(decision: Mapping[str, str] | None) -> str:
    if decision is None:
        return ""
    return f"{DECIDED[decision['kind']]} {decision['label'] if decision['kind'] == 'move' else ''}".rstrip()
