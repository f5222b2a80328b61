"""What runs are shown as, in tables and on pages: lines of a list, and rows of what differs between some."""

from __future__ import annotations

from typing import Any

from handshape.console import duration
from handshape.evaluation.slices import Slice
from handshape.reporting.runs import ListedRun
from handshape.reporting.wording import between, percent
from handshape.workflow.comparing.compare import RunComparison
from handshape.workflow.comparing.found import FoundRun
from handshape.workflow.comparing.measured import EXTERNAL

Rows = list[tuple[str, list[str]]]  # what something is called, and what each run has of it

NOT_KEPT = "not kept"
NAMES = {
    "top3": "right among the first three",
    "macro_f1": "macro F1",
    "ece": "calibration error",
    "accepted": "named a sign",
    "accuracy_of_accepted": "right where it did",
    "mean_of_folds": "mean over folds",
    "spread_of_folds": "spread over folds",
    "best_trial": "best trial",
    "defaults": "defaults, people kept out",
}


def listed(run: FoundRun) -> ListedRun:
    """A line of the list."""
    measured, took = run.measured, run.seconds
    return ListedRun(
        name=run.name,
        kind=run.kind,
        state=run.state,
        when=run.when[:16],
        photographs=measured.photographs,
        classes=measured.classes,
        validation=measured.validation,
        test=measured.test,
        external=measured.external_mean,
        took="" if took is None else duration(took),
    )


def setting_rows(compared: RunComparison) -> Rows:
    """Settings that differ."""
    return [(name, [_value(each) for each in values]) for name, values in compared.settings.items()]


def measure_rows(compared: RunComparison) -> Rows:
    """Right answers with their intervals, how many images these are of, and other measures."""
    rows: Rows = []
    for name, values in compared.shares.items():
        called = f"on {name.removeprefix(EXTERNAL)}" if name.startswith(EXTERNAL) else name
        rows.append((called, [_share(each) for each in values]))
        if name in ("validation", "test"):
            rows.append((f"{called}: images", [f"{each.n:,}" if each else "" for each in values]))
    for name, figures in compared.figures.items():
        rows.append((NAMES.get(name, name), ["" if value is None else percent(value) for value in figures]))
    return rows


def second_rows(compared: RunComparison) -> Rows:
    """Seconds by stage; stages that took no time in any run are left out."""
    return [
        (stage.replace("_", " "), ["" if each is None else f"{each:,.1f}" for each in values])
        for stage, values in compared.seconds.items()
        if any((each or 0) >= 0.05 for each in values)
    ]


def version_rows(compared: RunComparison) -> Rows:
    """Versions that differ."""
    return [(name, [each or "" for each in values]) for name, values in compared.versions.items()]


def _share(found: Slice | None) -> str:
    return "" if found is None else f"{percent(found.share)} ({between(found)})"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return NOT_KEPT if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
