"""Optuna's study behind a search: where it is stored, what comes next, and places for so many trials.

Several processes may share one storage. Each trial's process shows every few seconds that it lives; the trial of one
that was killed is taken up again by another, folds that were done included.
"""

from __future__ import annotations

import os
import socket
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from handshape.errors import RuntimeUnavailableError, SettingsError
from handshape.machine import is_installed
from handshape.workflow.tuning.search_space import Space, stream_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

HEARTBEAT, SILENCE = 10, 60  # seconds between two signs of life, and without one until a trial is given to another
LOCKED = 120  # seconds that SQLite waits for another process's write
STARTUP = 6  # trials that are drawn by chance, before what was learned from them draws the next
FOLDS, SURPLUS = "folds", "surplus"  # what is noted of a trial: accuracy of each fold done; that there was no place
TURNS = {"hand": 2}  # in a row, of a stream that trains faster than the others
PRUNERS = ("median", "hyperband", "none")


@dataclass(frozen=True)
class StudyOptions:
    """How a study searches.

    Attributes:
        url: of its storage, as SQLAlchemy takes it.
        name: of the study in that storage.
        directions: one an objective.
        pruner: ``median``, ``hyperband`` or ``none``.
        folds: steps of a trial.
    """

    url: str
    name: str
    directions: tuple[Literal["maximize", "minimize"], ...]
    pruner: str
    folds: int


class NoPlaceError(Exception):
    """As many trials as asked for are done, or other processes are at them."""


def require_optuna() -> None:
    """Passes when Optuna is installed.

    Raises:
        RuntimeUnavailableError: it is not.
    """
    if not is_installed("optuna"):
        raise RuntimeUnavailableError("Searching settings needs the extra [tune]: pip install 'handshape[tune]'.")


def sqlite_url(file: Path) -> str:
    """The storage in a file."""
    return f"sqlite:///{file.resolve()}"


@contextmanager
def optuna_silent() -> Iterator[None]:
    """Optuna says itself nothing: lines are the console's, and heartbeats are called experimental."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def open_study(options: StudyOptions) -> tuple[Study, bool]:
    """The study of this name, and whether this process made it, because there was none.

    Raises:
        SettingsError: the storage cannot be opened, or the study is for other objectives.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    sqlite = options.url.startswith("sqlite")
    try:
        with optuna_silent():
            storage = optuna.storages.RDBStorage(
                options.url,
                engine_kwargs={"connect_args": {"timeout": LOCKED}} if sqlite else {"pool_pre_ping": True},
                heartbeat_interval=HEARTBEAT,
                grace_period=SILENCE,
                heartbeat_stale_trial_callback=take_up_again,
            )
            is_new = _is_made(storage, options)
            study = optuna.load_study(storage=storage, study_name=options.name, pruner=_pruner(options))
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise SettingsError(
            f"The storage cannot be opened: {str(error).splitlines()[0]}",
            "a URL such as sqlite:///study.db or mysql+pymysql://user@host/base, and its driver installed",
        ) from None
    if [each.name.lower() for each in study.directions] != list(options.directions):
        raise SettingsError(
            f"There is a study {options.name} in that storage, which has other objectives.",
            fix="Choose another --name, or the same --against as it began with.",
        )
    return study, is_new


def _is_made(storage: Any, options: StudyOptions) -> bool:
    """Whether the study is made by this call; of several processes that try it is one."""
    import optuna

    try:
        optuna.create_study(storage=storage, study_name=options.name, directions=options.directions)
    except optuna.exceptions.DuplicatedStudyError:
        return False
    return True


def drop_study(study: Study) -> None:
    """Forgets a study that nothing came of."""
    import optuna

    optuna.delete_study(study_name=study.study_name, storage=study._storage)


def take_up_again(study: Study, trial: FrozenTrial) -> None:
    """Has the values of a trial that did not end tried once more; folds that were done are not fitted again."""
    import optuna

    if SURPLUS not in trial.user_attrs:
        study.add_trial(
            optuna.create_trial(
                state=optuna.trial.TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
            )
        )


def counting(study: Study) -> list[FrozenTrial]:
    """The trials that have a place, by number: done, stopped early, running or waiting, but not given up."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "FAIL"]


def finished(study: Study) -> list[FrozenTrial]:
    """The trials that ended with a value."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def require_place(study: Study, trial: Trial, most: int | None) -> None:
    """Passes when this trial is among the first so many; two processes may have begun the last one at once.

    Raises:
        NoPlaceError: it is not.
    """
    if most is None:
        return
    before = [each for each in counting(study) if each.number < trial.number]
    if len(before) >= most:
        trial.set_user_attr(SURPLUS, True)
        raise NoPlaceError


def sampler_of(space: Space, start: Mapping[str, Any], seed: int, shared: bool) -> Callable[[Study], BaseSampler]:
    """What draws the values of each next trial: TPE (Bergstra et al. 2011), one stream's at a time.

    The other streams keep those of the best trial so far, so that they need not be trained again.

    Args:
        space: what is searched.
        start: values of the settings to start from, those that are in the space.
        seed: of the search.
        shared: with other processes, each of which draws its own.
    """
    import optuna

    streams = list(dict.fromkeys(stream for name in space if (stream := stream_of(name))))
    turns = [stream for stream in streams for _ in range(TURNS.get(stream, 1))]
    own = zlib.crc32(f"{socket.gethostname()} {os.getpid()}".encode()) if shared else 0

    def choose(study: Study) -> BaseSampler:
        trials = study.get_trials(deepcopy=False)
        own_seed = (seed + len(trials) + own) % 2**32
        tpe = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=STARTUP, constant_liar=True)
        if len(streams) < 2:
            return tpe
        best = best_of(study)
        known = dict(best.params) if best else dict(start)
        turn = turns[len(trials) % len(turns)]
        fixed = {name: value for name, value in known.items() if stream_of(name) not in (turn, None) and name in space}
        return optuna.samplers.PartialFixedSampler(fixed, tpe)

    return choose


def best_of(study: Study) -> FrozenTrial | None:
    """The most accurate trial, the first among equals; None where none is done."""
    done = finished(study)
    return max(done, key=lambda trial: (trial.values[0], -trial.number)) if done else None


def front_of(study: Study) -> Sequence[FrozenTrial]:
    """The trials that no other beats in both objectives, the most accurate first."""
    best = study.best_trials if len(study.directions) > 1 else [each for each in [best_of(study)] if each]
    return sorted(best, key=lambda trial: -trial.values[0])


def importance_of(study: Study) -> dict[str, float]:
    """How much each setting counts for the accuracy, shares of 1, the largest first; empty where that is not known.

    By PED-ANOVA (Watanabe, Bansal, Hutter 2023), Optuna's own.
    """
    import optuna

    if len(finished(study)) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with optuna_silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a lower target is better, which is why it is turned round
        try:
            found = optuna.importance.get_param_importances(
                study, evaluator=evaluator, target=lambda trial: -trial.values[0]
            )
        except (ValueError, RuntimeError):  # the trials are all alike
            return {}
    return dict(sorted(found.items(), key=lambda each: -each[1])) if sum(found.values()) > 0 else {}


def _pruner(options: StudyOptions) -> BasePruner:
    import optuna

    if options.pruner == "none" or len(options.directions) > 1:  # Optuna prunes one objective alone
        return optuna.pruners.NopPruner()
    if options.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=options.folds, reduction_factor=2)
    return optuna.pruners.MedianPruner(n_startup_trials=1)  # the first are the defaults: what all are compared with
