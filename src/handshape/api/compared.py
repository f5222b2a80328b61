"""Runs as users see them: a list that is filtered and cut, and some side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from handshape.api import html
from handshape.api.results import Shown
from handshape.console import Console
from handshape.data.messages import counted
from handshape.errors import SettingsError
from handshape.evaluation.slices import Slice
from handshape.reporting.wording import CHANCE, between, percent
from handshape.suggestions import did_you_mean
from handshape.workflow.comparing.compare import RunComparison, compare_runs
from handshape.workflow.comparing.found import KINDS, STATES, FoundRun, find_runs
from handshape.workflow.comparing.query import conditions, ordered
from handshape.workflow.comparing.words import Rows, listed, measure_rows, second_rows, setting_rows, version_rows

RUNS = Path("runs")
COLUMNS = ("run", "kind", "state", "began", "photos", "classes", "test", "95% interval", "elsewhere", "took")


class _Paged(Shown):
    """Runs that are also written as a page."""

    def write_page(self, file: str | Path) -> Path:
        """Writes them as one HTML page that needs nothing else; a file from before is replaced.

        Raises:
            RunError: the place cannot be written.
        """
        from handshape.workflow.comparing.page import write_page

        path, (title, chosen, compared) = Path(file), self._page()
        write_page(path, title, chosen, compared, Console(quiet=True))
        return path

    def _page(self) -> tuple[str, Sequence[FoundRun], RunComparison | None]:
        """Its title, its runs, and what these are compared as."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class RunList(_Paged, Sequence[FoundRun]):
    """Runs in the order that was asked for; slices are lists of runs as well.

    Each is a :class:`~handshape.workflow.comparing.found.FoundRun`: ``name``, ``kind``, ``state``, ``when``,
    ``settings``, ``seconds``, ``run.folder``, and ``measured.test.share``, where that was measured. ``as_dict()`` has
    all of it, so ``pandas.DataFrame(run.as_dict() for run in runs)`` is a data frame.

    Attributes:
        chosen: those that are listed.
        found: all that are there, which :meth:`compare` finds by their names.
        folders: that were looked in.
    """

    chosen: tuple[FoundRun, ...]
    found: tuple[FoundRun, ...]
    folders: tuple[Path, ...]

    @overload
    def __getitem__(self, place: int) -> FoundRun: ...

    @overload
    def __getitem__(self, place: slice) -> RunList: ...

    def __getitem__(self, place: int | slice) -> FoundRun | RunList:
        return replace(self, chosen=self.chosen[place]) if isinstance(place, slice) else self.chosen[place]

    def __len__(self) -> int:
        return len(self.chosen)

    def compare(self, *names: str | FoundRun) -> ComparedRuns:
        """Two runs or more side by side, and whether the first differs from the others by more than chance.

        Args:
            names: of runs, listed or not; their folders, or runs of this list. None are all that are listed.

        Raises:
            RunError: nothing is called so.
            SettingsError: there are fewer than two, or one is named twice.
        """
        words = [str(each.run.folder) if isinstance(each, FoundRun) else str(each) for each in names or self.chosen]
        return ComparedRuns(compare_runs(words, self.found).runs)

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        of_all = f" of {len(self.found)}" if len(self) < len(self.found) else ""
        return f"{len(self)}{of_all} {'run' if len(self.found) == 1 else 'runs'} in {self._places}"

    @property
    def _places(self) -> str:
        return ", ".join(map(str, self.folders))

    def _parts(self) -> Iterator[str]:
        if self.chosen:
            yield html.table(COLUMNS, [_row(run) for run in self.chosen])

    def _page(self) -> tuple[str, Sequence[FoundRun], RunComparison | None]:
        return f"Runs in {self._places}", self.chosen, None


@dataclass(frozen=True, eq=False, repr=False)
class ComparedRuns(_Paged, RunComparison):
    """Runs side by side; see :class:`~handshape.workflow.comparing.compare.RunComparison` for what it holds."""

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        return " ".join([f"{counted(len(self.runs), 'run', 'runs')} compared.", *(d.text for d in self.differences)])

    def _parts(self) -> Iterator[str]:
        if any(each.points for each in self.differences):
            yield html.sentences([CHANCE])
        for title, rows in (
            ("Settings that differ", setting_rows(self)),
            ("Measures (95% interval)", measure_rows(self)),
            ("Seconds by stage", second_rows(self)),
            ("Versions that differ", version_rows(self)),
        ):
            if rows:
                yield self._beside(title, rows)

    def _beside(self, title: str, rows: Rows) -> str:
        return html.table((title, *self.names), [(name, *cells) for name, cells in rows])

    def _page(self) -> tuple[str, Sequence[FoundRun], RunComparison | None]:
        return "Runs compared", self.runs, self


def listed_runs(
    folders: Sequence[Path] | None,
    where: Sequence[str],
    among: Mapping[str, Sequence[str]],
    order: tuple[str, bool],
) -> RunList:
    """See :func:`handshape.runs`.

    Args:
        folders: None is the usual one, which may be missing.
        where: conditions.
        among: the kinds and the states that are listed, under ``kind`` and ``state``; none are all.
        order: what they are sorted by, and whether that is turned.
    """
    _require("kind", among["kind"], tuple(KINDS))
    _require("state", among["state"], STATES)
    places = (RUNS,) if folders is None else tuple(folders)
    found = [] if folders is None and not RUNS.is_dir() else find_runs(places)
    asked = conditions(where, found)
    chosen = [
        run
        for run in found
        if all(getattr(run, word) in values for word, values in among.items() if values)
        and all(condition.holds(run) for condition in asked)
    ]
    return RunList(tuple(ordered(chosen, *order)), tuple(found), places)


def _require(word: str, values: Sequence[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise SettingsError(f"{word} cannot be {value!r}.", f"of {', '.join(known)}", did_you_mean(value, known))


def _row(run: FoundRun) -> tuple[object, ...]:
    line = listed(run)
    return (
        line.name,
        line.kind,
        line.state,
        line.when,
        "" if line.photographs is None else f"{line.photographs:,}",
        "" if line.classes is None else line.classes,
        _share(line.test),
        between(line.test) if line.test else "",
        "" if line.external is None else percent(line.external),
        line.took,
    )


def _share(found: Slice | None) -> str:
    return "" if found is None else percent(found.share)
