"""How runs are shown on a terminal: a list of as many columns as there is room for, and some side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.reporting.runs import ListedRun
    from handshape.workflow.comparing.compare import RunComparison
    from handshape.workflow.comparing.found import FoundRun
    from handshape.workflow.comparing.words import Rows

DROPPED = ("took", "classes", "validation", "photos", "elsewhere", "kind", "began", "state")  # first, without room


def show_list(found: Sequence[FoundRun], chosen: Sequence[FoundRun], folders: Sequence[Path], console: Console) -> None:
    """A line a run, and what to do about those whose process is gone."""
    from handshape.workflow.comparing.found import GONE

    places = ", ".join(map(str, folders))
    if not found:
        console.hint(f"No runs in {places} yet. Train one:", "handshape train PHOTOGRAPHS")
        return
    of_all = f" of {len(found)}" if len(chosen) < len(found) else ""
    if not chosen:
        console.result("", f"None of the {len(found)} runs in {places} is so.")
        return
    from handshape.workflow.comparing.words import listed

    columns = _with_room(_columns([listed(run) for run in chosen]), console)
    title = f"{len(chosen)}{of_all} runs in {places}" if len(found) > 1 else f"1 run in {places}"
    console.table(title, list(columns), zip(*columns.values(), strict=True))
    for run in chosen:
        if run.state == GONE:
            console.hint(f"{run.name} did not end, and its process is gone. Go on with:", run.run.resume_command)


def show_comparison(compared: RunComparison, console: Console) -> None:
    """What differs in settings, measures, times and versions, and what that comes to."""
    from handshape.reporting.wording import CHANCE, for_terminal
    from handshape.workflow.comparing.words import measure_rows, second_rows, setting_rows, version_rows

    _beside("Settings that differ", compared, setting_rows(compared), console, "no setting differs")
    _beside("Measures (95% interval)", compared, measure_rows(compared), console, "nothing was measured")
    _beside("Seconds by stage", compared, second_rows(compared), console, "times were not kept")
    _beside("Versions that differ", compared, version_rows(compared), console)
    differences = compared.differences
    for each in differences:
        console.result("chart", for_terminal(each.text))
    if any(each.points for each in differences):
        console.result("", CHANCE)


def _beside(title: str, compared: RunComparison, rows: Rows, console: Console, nothing: str = "") -> None:
    from handshape.reporting.wording import for_terminal

    if rows:
        table = [(name, *map(for_terminal, cells)) for name, cells in rows]
        console.table(title, ("", *compared.names), table)
    elif nothing:
        console.result("", f"{title}: {nothing}")


def _columns(runs: Sequence[ListedRun]) -> dict[str, list[str]]:
    """The cells of each column; those that say nothing of any run are left out."""
    from handshape.reporting.wording import between, for_terminal, percent

    def share(value: float | None) -> str:
        return "" if value is None else for_terminal(percent(value))

    columns = {
        "run": [run.name for run in runs],
        "kind": [run.kind for run in runs],
        "state": [run.state for run in runs],
        "began": [run.when for run in runs],
        "photos": ["" if run.photographs is None else f"{run.photographs:,}" for run in runs],
        "classes": ["" if run.classes is None else str(run.classes) for run in runs],
        "validation": [share(run.validation.share if run.validation else None) for run in runs],
        "test": [share(run.test.share if run.test else None) for run in runs],
        "95% interval": [for_terminal(between(run.test)) if run.test else "" for run in runs],
        "elsewhere": [share(run.external) for run in runs],
        "took": [run.took for run in runs],
    }
    return {name: cells for name, cells in columns.items() if any(cells)}


def _with_room(columns: dict[str, list[str]], console: Console) -> dict[str, list[str]]:
    """As many of them as the terminal has room for without breaking cells, those that tell most."""
    if console.size is None:
        return columns
    from handshape.screen import ROOM_FOR_LINES

    width = console.size[0]
    kept = dict(columns)
    for name in ("", *DROPPED):
        kept.pop(name, None)
        gaps = 3 * len(kept) + 1 if width >= ROOM_FOR_LINES else 2 * len(kept) - 2
        if sum(max(map(len, (title, *cells))) for title, cells in kept.items()) + gaps < width:
            break
    return kept
