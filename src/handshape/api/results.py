"""What the functions return, in common: the workflow's own values, a line of text, and a small page in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handshape.api import html
from handshape.data.check_report import CheckReport
from handshape.data.messages import counted
from handshape.export.exports import Exports
from handshape.export.formats import WEB
from handshape.workflow.export_web import Website

SHOWN = 12  # photographs of a notebook's page
THUMBNAIL = 240  # pixels


class Shown:
    """A result as people see it."""

    @property
    def headline(self) -> str:
        """The most important in one line."""
        raise NotImplementedError

    def _parts(self) -> Iterator[str]:
        """HTML below the headline."""
        yield from ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline}>"

    def _repr_html_(self) -> str:
        return html.page(self.headline, self._parts())


@dataclass(frozen=True, repr=False)
class PracticeSet(Shown):
    """Drawn hands.

    Attributes:
        folder: with one folder a handshape.
        images: how many.
    """

    folder: Path
    images: int

    @property
    def signers(self) -> Path:
        """Who signed what: what ``groups`` takes."""
        return self.folder / "signers.csv"

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        return f"{counted(self.images, 'drawn image', 'drawn images')} in {self.folder}"

    def _parts(self) -> Iterator[str]:
        files = sorted(self.folder.glob("*/*.jpg"))
        for place in np.linspace(0, len(files) - 1, min(SHOWN, len(files))).astype(int):
            yield html.picture(files[place], files[place].parent.name, THUMBNAIL)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CheckResult(Shown, CheckReport):
    """What a check found; see :class:`~handshape.data.check_report.CheckReport` for what it holds.

    Attributes:
        folder: what was checked.
        hands_found: usable images of each class that show a hand; None where none were looked for.
    """

    folder: Path
    hands_found: Mapping[str, int] | None

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        found = "nothing is wrong" if self.ok else counted(len(self.problems), "finding", "findings")
        return f"{self.usable} of {self.images} images in {len(self.classes)} classes usable: {found}"

    def _parts(self) -> Iterator[str]:
        yield html.sentences(self.problems)
        columns = ["class", "files", "usable", *(["with a hand"] if self.hands_found is not None else [])]
        usable, found = self.usable_counts, self.hands_found
        rows = [[name, n, usable[name], *([found[name]] if found else [])] for name, n in self.classes.items()]
        yield html.table(columns, rows)
        for issue in (self.label_issues or ())[:SHOWN]:
            text = f"{issue.path} looks like {issue.suggested} ({issue.confidence:.0%} sure)"
            yield html.picture(self.folder / issue.path, text, THUMBNAIL)


@dataclass(frozen=True, repr=False)
class ExportResult(Shown, Exports):
    """A model in other formats; see :class:`~handshape.export.exports.Exports` for what it holds.

    Attributes:
        page: the folder for a web server; None where it was not asked for. Alone, nothing was compared with Keras.
    """

    page: Website | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """The file or folder of each format that is kept, by its name."""
        formats = {each.format.name: self.folder / each.format.path for each in self.each if not each.fault}
        return formats | ({WEB: self.page.folder} if self.page else {})

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        made = f"exported {', '.join(self.paths)} to {self.folder}"
        return f"{made}, compared with Keras on {self.each[0].parity.images} photographs" if self.each else made

    def _parts(self) -> Iterator[str]:
        if self.page:
            yield html.sentences(
                [f"The page has {self.page.files} files, {self.page.size / 1e6:.1f} MB, in {self.page.folder}."]
            )
        if not self.each:
            return
        columns = ("format", "MB", "ms", "same answer", "accuracy", "kept")
        first = self.each[0].parity
        keras = ("keras", self.keras_size, self.keras_milliseconds, 1.0, first.keras, "")
        others = [
            (
                each.format.name,
                each.size,
                each.milliseconds,
                each.parity.agreement,
                each.parity.export,
                each.fault or "yes",
            )
            for each in self.each
        ]
        rows = [
            (name, f"{size / 1e6:.1f}", f"{milliseconds:.1f}", f"{same:.1%}", f"{accuracy:.1%}", kept)
            for name, size, milliseconds, same, accuracy, kept in (keras, *others)
        ]
        yield html.table(columns, rows)
