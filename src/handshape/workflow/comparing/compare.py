"""Runs side by side: settings that differ, measures, times, versions, and whether a difference may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handshape.errors import RunError, SettingsError
from handshape.evaluation.compare import SURE, PairedComparison, unpaired_interval
from handshape.evaluation.slices import Slice
from handshape.reporting.wording import count, difference_in_words
from handshape.suggestions import did_you_mean, did_you_mean_path
from handshape.workflow.comparing.found import FoundRun, read_run, with_own_names
from handshape.workflow.run_folder import RECORD

PLACES = tuple(
    f"data.{name}" for name in ("original_data_dir", "temp_train_dir", "temp_val_dir", "temp_test_dir")
)  # of photographs: the first is shown as such, and nothing is learned from the others


@dataclass(frozen=True)
class Difference:
    """How far the second of two runs is from the first on test photographs.

    Attributes:
        names: of both.
        pair: on the photographs that both were tested on; None where those are not known.
        points: by how much the second is right more often, -1 to 1; None where that was not measured.
        interval: of that, with 95 % confidence.
        text: what it comes to, as a sentence.
    """

    names: tuple[str, str]
    pair: PairedComparison | None
    points: float | None
    interval: tuple[float, float] | None
    text: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "runs": list(self.names),
            "same_photographs": self.pair and self.pair.as_dict(),
            "difference": self.points,
            "interval": self.interval and list(self.interval),
            "text": self.text,
        }


@dataclass(frozen=True, eq=False)
class RunComparison:
    """Two runs or more, in the order in which they were named."""

    runs: tuple[FoundRun, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(run.name for run in self.runs)

    @property
    def settings(self) -> dict[str, tuple[Any, ...]]:
        """Those that differ; None where a run does not keep it. Its kind and its photographs count as settings."""
        kept = [{"kind": run.kind, "photographs": run.record.get("data"), **run.settings} for run in self.runs]
        return {name: values for name, values in _that_differ(kept).items() if name not in PLACES}

    @property
    def shares(self) -> dict[str, tuple[Slice | None, ...]]:
        """Right answers, with what is not known of a run as None."""
        return _side_by_side([run.measured.shares for run in self.runs])

    @property
    def figures(self) -> dict[str, tuple[float | None, ...]]:
        """Other measures."""
        return _side_by_side([run.measured.figures for run in self.runs])

    @property
    def seconds(self) -> dict[str, tuple[float | None, ...]]:
        """By stage, and in all."""
        stages = _side_by_side([run.measured.seconds for run in self.runs])
        return {**stages, "in all": tuple(run.seconds for run in self.runs)} if stages else {}

    @property
    def versions(self) -> dict[str, tuple[str | None, ...]]:
        """Those that differ between runs that keep them."""
        found = _side_by_side([run.versions for run in self.runs])
        keep = [bool(run.versions) for run in self.runs]
        return {
            name: values
            for name, values in found.items()
            if len({value for value, is_kept in zip(values, keep, strict=True) if is_kept}) > 1
        }

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of each other run from the first."""
        return tuple(difference(self.runs[0], other) for other in self.runs[1:])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "runs": [run.as_dict() for run in self.runs],
            "settings": {name: list(values) for name, values in self.settings.items()},
            "versions": {name: list(values) for name, values in self.versions.items()},
            "differences": [each.as_dict() for each in self.differences],
        }


def compare_runs(names: Sequence[str], runs: Sequence[FoundRun]) -> RunComparison:
    """The runs of these names, or at these paths, side by side.

    Args:
        names: two or more.
        runs: among which a name is looked for.

    Raises:
        SettingsError: there are fewer, or one is named twice.
        RunError: nothing is called so.
    """
    chosen = [_named(name, runs) for name in names]
    folders = [run.run.folder.resolve() for run in chosen]
    if len(set(folders)) < max(2, len(folders)):
        raise SettingsError("Nothing to compare a run with.", "two different runs or more, each named once")
    return RunComparison(tuple(with_own_names(chosen)))


def difference(first: FoundRun, second: FoundRun) -> Difference:
    """Of the second run from the first."""
    names = (first.name, second.name)
    shared = [key for key in first.answers if key in second.answers]
    if shared:
        pair = PairedComparison.of(*(np.array([run.answers[key] for key in shared]) for run in (first, second)))
        words = difference_in_words(names, pair.difference, pair.interval, pair.p_value < SURE)
        text = f"On the {count(pair.n, 'photograph')} that both were tested on, {words}."
        return Difference(names, pair, pair.difference, pair.interval, text)
    one, other = first.measured.test, second.measured.test
    if one is None or other is None:
        untested = " and ".join(run.name for run in (first, second) if run.measured.test is None)
        return Difference(names, None, None, None, f"Nothing was measured on test photographs by {untested}.")
    interval = unpaired_interval(one, other)
    points = other.share - one.share
    words = difference_in_words(names, points, interval, not interval[0] <= 0 <= interval[1])
    return Difference(names, None, points, interval, f"{_why_unpaired(first, second)}: {words}.")


def _why_unpaired(first: FoundRun, second: FoundRun) -> str:
    if first.record.get("data") != second.record.get("data"):
        return "Their photographs lie in different folders, so more may differ than the runs"
    if first.answers and second.answers:
        return "They were tested on different photographs"
    without = " and ".join(run.name for run in (first, second) if not run.answers)
    return f"Answers to single photographs are not kept by {without}; going by accuracies alone"


def _named(name: str, runs: Sequence[FoundRun]) -> FoundRun:
    found = [run for run in runs if run.name == name] or [run for run in runs if run.run.folder.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        paths = ", ".join(str(run.run.folder) for run in found)
        raise RunError(f"There are {len(found)} runs called {name}.", f"one of {paths}")
    path = Path(name)
    if (path / RECORD).is_file():
        return read_run(path, path.resolve().name)
    known = [word for run in runs for word in (run.name, run.run.folder.name)]
    raise RunError(
        f"There is no run {name}.",
        "a name that handshape runs lists, or the path of a run folder",
        did_you_mean(name, known) or did_you_mean_path(path),
    )


def _side_by_side(kept: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for each in kept for name in each)
    return {name: tuple(each.get(name) for each in kept) for name in names}


def _that_differ(kept: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: values for name, values in _side_by_side(kept).items() if any(value != values[0] for value in values)}
