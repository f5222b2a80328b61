"""The page of a list of runs, or of some compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handshape.console import Console
from handshape.reporting.page import RunsContent, write_runs_page
from handshape.reporting.wording import CHANCE
from handshape.workflow.comparing.compare import RunComparison
from handshape.workflow.comparing.found import FoundRun
from handshape.workflow.comparing.words import listed, measure_rows, second_rows, setting_rows, version_rows

DRAWN = 60  # runs at most: more than that cannot be told apart in a figure


def write_page(
    path: Path, title: str, runs: Sequence[FoundRun], compared: RunComparison | None, console: Console
) -> None:
    """Writes one self-contained HTML file, with a figure of the accuracies of the first runs that have any.

    Raises:
        RunError: the place cannot be written.
    """
    with TemporaryDirectory() as folder:
        content = RunsContent(
            title=title,
            when=time.strftime("%d %B %Y, %H:%M"),
            runs=[listed(run) for run in runs],
            figures=_figure(Path(folder), title, runs, console),
            **(_compared(compared) if compared else {}),
        )
        write_runs_page(path, content)


def _compared(compared: RunComparison) -> dict[str, Any]:
    return {
        "names": compared.names,
        "sentences": [each.text for each in compared.differences],
        "chance": CHANCE if any(each.points for each in compared.differences) else "",
        "settings": setting_rows(compared),
        "measures": measure_rows(compared),
        "seconds": second_rows(compared),
        "versions": version_rows(compared),
    }


def _figure(folder: Path, title: str, runs: Sequence[FoundRun], console: Console) -> list[Path]:
    from handshape.reporting import plots
    from handshape.reporting.plots.runs import RunPoint, run_accuracies

    measured = [(run.name, run.measured) for run in runs]
    points = [RunPoint(name, each.test, each.external_mean) for name, each in measured if each.test][:DRAWN]
    if not points:
        return []
    drawings = {"run_accuracies": lambda: run_accuracies(points, title)}
    files = plots.write_figures(drawings, folder, [title, *(point.name for point in points)], console)
    return [file for file in files if file.suffix == ".png"]
