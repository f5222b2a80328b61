"""Whether what a search found is better: beside the defaults, on people whom no trial saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import DataSettings, Settings
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.gain import spread_of
from handshape.evaluation.slices import Slice
from handshape.files import atomic_write
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.executor import Executor
from handshape.workflow.tuning.reuse import TrainedStreams

ARMS = ("defaults", "found")


@dataclass(frozen=True, eq=False)
class Confirmation:
    """Defaults and settings found, each trained on the same folds and tested on the same people, kept out until then.

    Attributes:
        folds: of each fold, right answers with the defaults and with the settings found.
        people: the same of each group, by its name.
        what: the groups are, in the plural: ``people``, or ``groups of images``.
    """

    folds: tuple[tuple[Slice, Slice], ...]
    people: tuple[tuple[Slice, Slice], ...]
    what: str

    @property
    def accuracies(self) -> tuple[float, float]:
        """Over all photographs, with the defaults and with the settings found."""
        both = [sum(pair[arm].hits for pair in self.people) for arm in (0, 1)]
        images = sum(pair[0].n for pair in self.people)
        return both[0] / images, both[1] / images

    @property
    def images(self) -> int:
        """Photographs that were tested on."""
        return sum(pair[0].n for pair in self.people)

    @property
    def difference(self) -> float:
        """By how much the settings found are better: the mean over people, each counted the same, -1 to 1."""
        return float(np.mean(self._differences))

    @property
    def spread(self) -> float | None:
        """Half the width of its 95 % interval over people; None where there is one alone."""
        return spread_of(self._differences)

    @property
    def is_better(self) -> bool:
        """Whether chance alone is an unlikely reason for the difference."""
        return self.spread is not None and self.difference - self.spread > 0

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""
        points = f"{100 * self.difference:+.1f}"
        if self.spread is not None:
            points += f" ± {100 * self.spread:.1f}"
        on = f"on {len(self.people)} {self.what} whom no trial saw"
        if self.is_better:
            return f"better by {points.lstrip('+')} points {on}"
        return f"not shown to be better ({points} points {on}): keep the defaults"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "people": len(self.people),
            "images": self.images,
            "accuracies": dict(zip(ARMS, self.accuracies, strict=True)),
            "difference": self.difference,
            "spread": self.spread,
            "is_better": self.is_better,
            "verdict": self.verdict,
            "folds": [
                {
                    "name": pair[0].name,
                    "n": pair[0].n,
                    **{arm: part.share for arm, part in zip(ARMS, pair, strict=True)},
                }
                for pair in self.folds
            ],
        }

    @property
    def _differences(self) -> NDArray[np.float64]:
        return np.array([found.share - usual.share for usual, found in self.people])


def confirm(
    dataset: Dataset,
    splits: Sequence[Split],
    arms: Mapping[str, Settings],
    folder: Path,
    context: Context,
    executor: Executor,
) -> Confirmation:
    """Trains with each of two settings on each split; what was right is kept in ``folder``, so that it goes on there.

    Args:
        dataset: whose rows.
        splits: over the people kept out.
        arms: settings, by :data:`ARMS`.
        folder: a file a fold.
        context: console and machine.
        executor: what the folds are trained on.

    Raises:
        RunError: the folder is of other photographs or settings.
    """
    files = [folder / f"confirm_{number:03}.npz" for number in range(1, len(splits) + 1)]
    streams = executor.share(
        TrainedStreams(dataset.seen_by([name for arm in ARMS for name in arms[arm].model.streams]))
    )
    asked = {
        executor.submit(both_right, split, arms, streams, context): number
        for number, split in enumerate(splits)
        if not files[number].is_file()
    }
    rows, right = {}, {}

    def take(number: int) -> None:
        split = splits[number]
        rows[number], right[number] = _read(files[number], split, arms)
        before, now = right[number].mean(axis=1)
        place = f"fold {number + 1} of {len(splits)}, {len(split.test)} images of people kept out"
        context.console.status("", f"{place}: {before:.1%} with the defaults, {now:.1%} with the settings found")

    for number, file in enumerate(files):
        if file.is_file():
            take(number)
    for future in executor.completed(asked):
        number, both = asked[future], future.result()
        with atomic_write(files[number]) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, rows=splits[number].test, right=both, of=[_of(arms)])
        take(number)
    order = range(len(splits))
    return _confirmation(dataset, [rows[number] for number in order], [right[number] for number in order])


def both_right(
    split: Split, arms: Mapping[str, Settings], streams: TrainedStreams, context: Context
) -> NDArray[np.bool_]:
    """Whether the defaults and the settings found are right about each test row of a split, [2, n]."""
    with context.console.only_bars():
        return np.array([streams.right(split, arms[arm], context) for arm in ARMS])


def _read(file: Path, split: Split, arms: Mapping[str, Settings]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows and right answers of a fold that is done."""
    with np.load(file) as known:
        if not np.array_equal(known["rows"], split.test) or known["of"][0] != _of(arms):
            raise RunError(
                f"{file.parent} was made with other photographs or settings.", fix="Remove it, or begin a new search."
            )
        return known["rows"], known["right"]


def _of(arms: Mapping[str, Settings]) -> str:
    """Both settings in short, wherever the photographs lie."""
    return "\n".join(arms[arm].model_copy(update={"data": DataSettings()}).to_yaml(changed_alone=True) for arm in ARMS)


def _confirmation(
    dataset: Dataset, rows: Sequence[NDArray[np.int64]], right: Sequence[NDArray[np.bool_]]
) -> Confirmation:
    folds = [_pair(f"fold {number}", each) for number, each in enumerate(right, 1)]
    everyone, both = np.array(dataset.group_names(np.concatenate(rows)), object), np.concatenate(right, axis=1)
    people = [_pair(str(name), both[:, everyone == name]) for name in sorted(set(everyone))]
    return Confirmation(tuple(folds), tuple(people), "people" if dataset.groups.are_signers else "groups of images")


def _pair(name: str, right: NDArray[np.bool_]) -> tuple[Slice, Slice]:
    """Right answers [2, n] as two slices."""
    return Slice.of(name, right[0]), Slice.of(name, right[1])
