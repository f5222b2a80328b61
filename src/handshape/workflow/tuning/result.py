"""What a search for settings comes to: its trials, the best of them, the front of two objectives, the confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handshape.config import Settings
from handshape.workflow.run import TuneRun
from handshape.workflow.tuning.confirm import Confirmation
from handshape.workflow.tuning.objective import Cost
from handshape.workflow.tuning.search_space import Space, value_in, values_of
from handshape.workflow.tuning.study import FOLDS, SURPLUS

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

WORTH = 0.005  # of accuracy: a model so much worse than the best is taken where it costs less
UNITS: Mapping[Cost, str] = {"milliseconds": "ms", "size": "MB"}


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: from 1 on, in the order in which they began.
        state: ``complete``, ``pruned``, which is stopped early, ``failed`` or ``running``.
        accuracy: mean over the folds; of those that were done where it was stopped early; None before the first.
        cost: in the unit of the second objective; None without one.
        folds: the accuracy of each that was done.
        values: of the settings searched.
        seconds: that it took.
    """

    number: int
    state: str
    accuracy: float | None
    cost: float | None
    folds: tuple[float, ...]
    values: Mapping[str, Any]
    seconds: float

    @property
    def is_done(self) -> bool:
        """Whether all of its folds were."""
        return self.state == "complete"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        cost = {} if self.cost is None else {"cost": self.cost}
        return {
            "trial": self.number,
            "state": self.state,
            "accuracy": self.accuracy,
            **cost,
            "folds": list(self.folds),
            "settings": dict(self.values),
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, eq=False)
class TuneResult:
    """What a search came to.

    Attributes:
        run: its folder.
        storage: of the study, as ``optuna-dashboard`` takes it; without a password.
        grouping: what is never on two sides of a fold, in a sentence.
        trials: those that have a place, in order.
        best: the one that was chosen.
        front: where two objectives count, those that no other beats in both, the most accurate first.
        against: the second objective.
        importance: of each setting, shares of 1; empty where that is not known.
        people: that were searched on, and that were kept out.
        what: these are, in the plural.
        confirmation: None where the defaults themselves were the best.
        settings: those that were started from, and those found.
        seconds: by stage.
    """

    run: TuneRun
    storage: str
    grouping: str
    trials: tuple[Tried, ...]
    best: Tried
    front: tuple[Tried, ...]
    against: Cost | None
    importance: Mapping[str, float]
    people: tuple[int, int]
    what: str
    confirmation: Confirmation | None
    settings: tuple[Settings, Settings]
    seconds: Mapping[str, float]

    @property
    def defaults(self) -> Tried | None:
        """The trial of the settings that were started from; None where the space lacks them."""
        usual = self.settings[0]
        return next(
            (
                each
                for each in self.trials
                if all(value_in(usual, name) == value for name, value in each.values.items())
            ),
            None,
        )

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """What the settings found change: each from what to what."""
        usual, found = self.settings
        both = {name: (value_in(usual, name), value_in(found, name)) for name in self.best.values}
        return {name: pair for name, pair in both.items() if pair[0] != pair[1]}

    @property
    def verdict(self) -> str:
        """What it all comes to, in words."""
        if self.confirmation is None:
            return f"the defaults are the best of {len(self.trials)} trials: keep them"
        return self.confirmation.verdict

    @property
    def choice(self) -> str:
        """Why the best trial was chosen, in a sentence."""
        if self.against is None or self.best.cost is None:
            return f"Trial {self.best.number} was right most often on the people searched on."
        most = self.front[0]
        named = f"Trial {self.best.number} ({self.best.cost:.3g} {UNITS[self.against]})"
        if self.best.number == most.number:
            return f"{named} is the most accurate, and nothing that costs less comes within {100 * WORTH:.1f} points."
        return (
            f"{named} costs the least of those at most {100 * WORTH:.1f} points below the most accurate one, trial "
            f"{most.number}."
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "best": self.best.as_dict(),
            "choice": self.choice,
            "changes": {name: {"from": was, "to": now} for name, (was, now) in self.changes.items()},
            "confirmation": self.confirmation and self.confirmation.as_dict(),
            "defaults": self.defaults and self.defaults.as_dict(),
            "searched_on": self.people[0],
            "kept_out": self.people[1],
            "grouping": self.grouping,
            "against": self.against,
            "front": [each.number for each in self.front] if self.against else [],
            "importance": dict(self.importance),
            "trials": [each.as_dict() for each in self.trials],
            "storage": self.storage,
            "seconds": dict(self.seconds),
        }


def tried(trial: FrozenTrial, space: Space) -> Tried:
    """A trial of a study."""
    folds = tuple(map(float, trial.user_attrs.get(FOLDS, ())))
    values = list(trial.values or [])
    state = {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower())
    return Tried(
        number=trial.number + 1,
        state=state,
        accuracy=sum(folds) / len(folds) if folds else None,
        cost=float(values[-1]) if len(values) > 1 else None,
        folds=folds,
        values=values_of(space, trial.params),
        seconds=trial.duration.total_seconds() if trial.duration else 0.0,
    )


def all_tried(trials: Sequence[FrozenTrial], space: Space) -> tuple[Tried, ...]:
    """Those of a study that began and have a place."""
    return tuple(
        tried(each, space)
        for each in trials
        if each.state.name in ("COMPLETE", "PRUNED") and SURPLUS not in each.user_attrs
    )


def chosen(front: Sequence[Tried]) -> Tried:
    """Of a front, the most accurate first, what costs the least among those nearly as accurate as the first."""
    near = [each for each in front if (front[0].accuracy or 0) - (each.accuracy or 0) <= WORTH]
    return min(near, key=lambda each: (each.cost or 0, -(each.accuracy or 0)))
