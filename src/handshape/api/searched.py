"""What a search for settings comes to, as users see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.api import html
from handshape.api.results import Shown
from handshape.reporting.wording import for_terminal, percent
from handshape.workflow.tuning.result import UNITS, Tried, TuneResult

BEST = 10  # trials of a notebook's page
FIGURES = ("search_history", "setting_importance", "trade_off")


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult(Shown, TuneResult):
    """A finished search; :class:`~handshape.workflow.tuning.result.TuneResult` says what it holds."""

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.run.folder

    @property
    def report(self) -> Path:
        """What was tried and found, as a page."""
        return self.run.report

    @property
    def config(self) -> Path:
        """The settings found, as YAML: what ``config`` of a training takes."""
        return self.run.best

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        best = f"trial {self.best.number} of {len(self.trials)} is the best"
        return for_terminal(f"{best}, accuracy {_share(self.best)}; {self.verdict}; {self.folder}")

    def _parts(self) -> Iterator[str]:
        if self.against:
            yield html.sentences([self.choice])
        if self.changes:
            changes = [(name, _said(was), _said(now)) for name, (was, now) in self.changes.items()]
            yield html.table(("setting", "default", "found"), changes)
        unit = (UNITS[self.against],) if self.against else ()
        shown = sorted(self.trials, key=lambda each: (each.is_done, each.accuracy or 0), reverse=True)[:BEST]
        rows = [
            (
                each.number,
                "stopped early" if each.state == "pruned" else each.state,
                _share(each),
                *([_said(each.cost)] if unit else []),
                ", ".join(f"{name}={_said(value)}" for name, value in each.values.items()),
                f"{each.seconds:.0f}",
            )
            for each in shown
        ]
        yield html.table(("trial", "state", "accuracy", *unit, "settings", "seconds"), rows)
        for stem in FIGURES:
            yield html.picture(self.run.results / f"{stem}.jpg", stem.replace("_", " "))
        yield html.links({"Report": self.report, "Settings found": self.config})


def _share(trial: Tried) -> str:
    return "" if trial.accuracy is None else percent(trial.accuracy)


def _said(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
