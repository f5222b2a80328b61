"""The trials of a study, run until all are done: one after the other, or several at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handshape.workflow.tuning.study import NoPlaceError, counting, optuna_silent, take_up_again

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

WAIT = 2.0  # seconds between two looks at what other processes do


@dataclass(frozen=True)
class Trials:
    """What is tried.

    Attributes:
        objective: what a trial comes to.
        choose: what draws the values of the next one.
        tell: is called after each.
        most: trials in all; None has no limit.
        until: :func:`time.monotonic` when no further one begins.
    """

    objective: Callable[[Trial], Any]
    choose: Callable[[Study], BaseSampler]
    tell: Callable[[Study, FrozenTrial], None]
    most: int | None
    until: float = float("inf")


def run_trials(study: Study, trials: Trials, at_a_time: int = 1) -> None:
    """Runs trials until all are done, those of other processes included, or time is up.

    Args:
        study: whose trials.
        trials: what is tried, and how often.
        at_a_time: each in a thread, which waits for whoever fits; 1 is this thread, one trial after the other.

    Raises:
        KeyboardInterrupt: the user stopped it; the trials at hand wait to be taken up again.
    """
    choosing, is_over = threading.Lock(), threading.Event()
    with optuna_silent():
        if at_a_time == 1:
            _run_some(study, trials, _Turn(choosing), is_over)
            return
        threads = ThreadPoolExecutor(at_a_time, "trials")
        try:
            asked = [
                threads.submit(_run_some, _same(study), trials, _Turn(choosing), is_over) for _ in range(at_a_time)
            ]
            for each in wait(asked, return_when=FIRST_EXCEPTION).done:
                each.result()
        finally:
            is_over.set()
            threads.shutdown(wait=False)  # a thread waits for a worker, and ends with it


class _Turn:
    """One thread's turn to choose: each trial is drawn when those that others are at are known."""

    def __init__(self, choosing: threading.Lock) -> None:
        self._choosing, self._is_mine = choosing, False

    def __enter__(self) -> None:
        self._choosing.acquire()
        self._is_mine = True

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """The others' turn, unless it is so already."""
        if self._is_mine:
            self._is_mine = False
            self._choosing.release()


def _same(study: Study) -> Study:
    """The study once more, for a thread of its own."""
    import optuna

    return optuna.load_study(study_name=study.study_name, storage=study._storage, pruner=study.pruner)


def _run_some(study: Study, trials: Trials, turn: _Turn, is_over: threading.Event) -> None:
    """Runs trials, one after the other."""
    import optuna

    while time.monotonic() < trials.until and not is_over.is_set():
        with turn:
            optuna.storages.fail_stale_trials(study)
            here = counting(study)
            states = {trial.state.name for trial in here}
            if trials.most is not None and len(here) >= trials.most and "WAITING" not in states:
                if "RUNNING" not in states:
                    return
                turn.end()
                time.sleep(WAIT)  # another process may be killed at its last one
                continue
            study.sampler = trials.choose(study)
            objective = _kept(trials.objective, turn)
            try:
                study.optimize(objective, n_trials=1, catch=(NoPlaceError,), callbacks=[trials.tell])
            except optuna.exceptions.UpdateFinishedTrialError:
                continue  # this process was silent for so long that another took the trial up


def _kept(objective: Callable[[Trial], Any], turn: _Turn) -> Callable[[Trial], Any]:
    """The objective; where the user stops it, its trial is queued again before it is given up."""

    def run(trial: Trial) -> Any:
        turn.end()
        try:
            return objective(trial)
        except (KeyboardInterrupt, CancelledError):
            take_up_again(trial.study, trial.study.get_trials(deepcopy=False)[trial.number])
            raise

    return run
