"""What one trial of a search comes to: fits on one fold after the other, each tested on people it did not see."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from handshape.config import Settings, with_values
from handshape.data.splits import Split
from handshape.errors import DivergedError, RuntimeUnavailableError
from handshape.hands.inputs import Inputs
from handshape.model.networks import Network
from handshape.workflow.context import Context
from handshape.workflow.convert import convert
from handshape.workflow.dataset import Dataset
from handshape.workflow.executor import Executor
from handshape.workflow.tuning.reuse import TrainedStreams
from handshape.workflow.tuning.search_space import STREAMS, Space, suggest
from handshape.workflow.tuning.study import FOLDS, best_of, require_place

if TYPE_CHECKING:
    from optuna import Trial

Cost = Literal["milliseconds", "size"]
WARM_UPS, TIMED = 5, 50  # calls


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search goes over.

    Attributes:
        dataset: photographs, hands and features, the same for all trials.
        settings: those that are not searched.
        space: those that are.
        splits: that a trial is fitted on, in turn.
        against: what a model costs, as a second objective.
    """

    dataset: Dataset
    settings: Settings
    space: Space
    splits: tuple[Split, ...]
    against: Cost | None

    @property
    def shown(self) -> Dataset:
        """The data set as trials need it."""
        return self.dataset if STREAMS in self.space else self.dataset.seen_by(self.settings.model.streams)


def objective(
    searched: Searched, most: int | None, context: Context, executor: Executor
) -> Callable[[Trial], float | tuple[float, float]]:
    """What Optuna asks for each trial: mean accuracy over the folds, and the cost where that counts too.

    Args:
        searched: what the search goes over.
        most: trials in all; a trial beyond has no place.
        context: console and machine.
        executor: what the fits run on; each of its workers remembers the streams that it trained.
    """
    streams = executor.share(TrainedStreams(searched.shown))

    def answer(trial: Trial) -> float | tuple[float, float]:
        import optuna

        require_place(trial.study, trial, most)
        settings = with_values(searched.settings, suggest(searched.space, trial))
        shares = list(trial.user_attrs.get(FOLDS, ()))
        try:
            for number, split in enumerate(searched.splits, 1):
                if number > len(shares):
                    shares.append(executor.submit(accuracy_on, split, settings, streams, context).result())
                    trial.set_user_attr(FOLDS, shares)
                if searched.against is None:
                    trial.report(float(np.mean(shares[:number])), number)
                    if number < len(searched.splits) and is_hopeless(trial, shares[:number], len(searched.splits)):
                        raise optuna.TrialPruned
            if searched.against is None:
                return float(np.mean(shares))
            against = searched.against
            cost = executor.submit(cost_on, searched.splits[-1], settings, streams, against, context).result()
        except DivergedError as error:
            context.console.log(f"Trial {trial.number + 1}: {error.happened}")
            raise optuna.TrialPruned from None
        return float(np.mean(shares)), cost

    return answer


def is_hopeless(trial: Trial, shares: Sequence[float], folds: int) -> bool:
    """Whether a trial is to be stopped after these folds, as the pruner says.

    A pruner that stops any stops also what would be no better than the best so far if it were right about everything on
    the folds to come.
    """
    from optuna.pruners import NopPruner

    best = best_of(trial.study)
    if best is None or isinstance(trial.study.pruner, NopPruner):
        return False
    return bool(trial.should_prune()) or sum(shares) + folds - len(shares) <= folds * best.values[0]


def accuracy_on(split: Split, settings: Settings, streams: TrainedStreams, context: Context) -> float:
    """Trains on a split's training rows; the share of its test rows that is right."""
    start = time.perf_counter()
    with context.console.only_bars():
        right = streams.right(split, settings, context)
    context.console.log(f"Right on {right.mean():.2%} of {len(right)}, {time.perf_counter() - start:.1f} s")
    return float(right.mean())


def cost_on(split: Split, settings: Settings, streams: TrainedStreams, against: Cost, context: Context) -> float:
    """What a model fitted on a split costs on LiteRT: milliseconds for a photograph, hand finding aside, or megabytes.

    Raises:
        RuntimeUnavailableError: there is no TensorFlow, which converts.
    """
    with context.console.only_bars():
        made = convert(streams.fit(split, settings, context), context)
    if made.litert is None:
        raise RuntimeUnavailableError("Without TensorFlow there is no LiteRT model, whose cost could be measured.")
    if against == "size":
        return len(made.litert) / 1e6
    return milliseconds(made.network, streams.dataset.inputs[np.arange(1)])


def milliseconds(network: Network, one: Inputs) -> float:
    """The median time of a call with one photograph."""
    seconds = []
    for _ in range(WARM_UPS + TIMED):
        start = time.perf_counter()
        network(one)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[WARM_UPS:])) * 1000
