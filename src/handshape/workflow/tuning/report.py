"""What a search for settings leaves behind: measures, figures, a page, and the settings found."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from handshape.config import DataSettings, Settings
from handshape.console import Console
from handshape.files import write_json, write_text
from handshape.reporting.page import TuneContent, TunedTrial, write_tune_page
from handshape.workflow.tuning.result import UNITS, Tried, TuneResult

OF_THE_FOLDER = ("original_data_dir", "temp_train_dir", "temp_val_dir", "temp_test_dir")  # no settings of a training


def publish_tuning(result: TuneResult, console: Console) -> None:
    """Writes tune.json, best.yaml, the figures and report.html."""
    from handshape.reporting import plots
    from handshape.reporting.plots.search import TrialPoint, search_history, setting_importance, trade_off

    run, title = result.run, result.run.folder.resolve().name
    write_json(run.results / "tune.json", result.as_dict())
    write_text(run.best, best_yaml(result))
    console.status("chart", f"Drawing figures into {run.results}")
    points = [
        TrialPoint(each.number, each.accuracy, each.is_done, each.cost or 0.0)
        for each in result.trials
        if each.accuracy is not None
    ]
    usual = result.defaults
    defaults = usual.accuracy if usual and usual.is_done else None
    drawings = {"search_history": lambda: search_history(points, defaults, title)}
    if result.importance:
        drawings["setting_importance"] = lambda: setting_importance(result.importance, title)
    if result.against:
        unit, front = UNITS[result.against], [each.number for each in result.front]
        done = [point for point in points if point.is_done]
        drawings["trade_off"] = lambda: trade_off(done, front, result.best.number, unit, title)
    files = plots.write_figures(drawings, run.results, [title], console)
    write_tune_page(run.report, _content(result, title, [file for file in files if file.suffix == ".png"]))
    console.status("chart", f"Report: {run.report}")


def best_yaml(result: TuneResult) -> str:
    """The settings found, as far as they are not the defaults of the program, for ``handshape train --config``."""
    found = result.settings[1]
    usual = DataSettings()
    data = found.data.model_copy(update={name: getattr(usual, name) for name in OF_THE_FOLDER})
    alone = Settings.model_validate(found.model_copy(update={"data": data}).model_dump(exclude_defaults=True))
    changed = alone.to_yaml(changed_alone=True)
    return f"# {result.verdict[:1].upper()}{result.verdict[1:]}.\n" + ("" if changed == "{}\n" else changed)


def _content(result: TuneResult, title: str, figures: list[Any]) -> TuneContent:
    made = result.confirmation
    trials = [each for each in result.trials if each.accuracy is not None]
    data = shlex.quote(result.settings[0].data.original_data_dir)
    return TuneContent(
        title=title,
        when=time.strftime("%d %B %Y, %H:%M"),
        verdict=result.verdict,
        is_better=made is not None and made.is_better,
        choice=result.choice,
        grouping=result.grouping,
        people=result.people,
        what=result.what,
        changes={name: (_short(was), _short(now)) for name, (was, now) in result.changes.items()},
        command=f"handshape train {data} --config {shlex.quote(str(result.run.best))}",
        trials=[
            _row(each, result) for each in sorted(trials, key=lambda each: (not each.is_done, -(each.accuracy or 0)))
        ],
        storage=result.storage,
        unit=UNITS[result.against] if result.against else "",
        accuracies=made.accuracies if made else (0.0, 0.0),
        difference=made.difference if made else 0.0,
        spread=made.spread if made else None,
        images=made.images if made else 0,
        folds=made.folds if made else (),
        figures=figures,
    )


def _row(each: Tried, result: TuneResult) -> TunedTrial:
    return TunedTrial(
        number=each.number,
        is_chosen=each.number == result.best.number,
        accuracy=each.accuracy or 0.0,
        cost=each.cost,
        folds=len(each.folds),
        is_done=each.is_done,
        seconds=each.seconds,
        values="; ".join(_in_words(each.values)),
    )


def _in_words(values: Mapping[str, Any]) -> Iterator[str]:
    """The settings of each section."""
    for section, names in groupby(values, key=lambda name: name.partition(".")[0]):
        of_it = ", ".join(f"{name.removeprefix(f'{section}.')} {_short(values[name])}" for name in names)
        yield f"{section}: {of_it}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "+".join(value) if isinstance(value, list) else str(value)
