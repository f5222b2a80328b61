"""A search for settings: load → keep people out → trials → confirm on those people → publish.

All trials share the photographs, their hands and their features. Optuna chooses what to try next (``study``), a trial
is fitted on one fold after the other (``objective``), and people whom no trial saw decide whether what was found is
better (``confirm``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.config import Settings, with_values
from handshape.console import Console
from handshape.errors import RunError, SettingsError
from handshape.files import write_text
from handshape.workflow.context import Context
from handshape.workflow.executor import Executor, HereExecutor
from handshape.workflow.fit import choose_weights, require_same_start
from handshape.workflow.photographs import keep_digests, require_same_photographs
from handshape.workflow.run import COMPLETE, TuneRun, claimed_run, held_run, read_record, run_in_progress
from handshape.workflow.run_folder import options_from
from handshape.workflow.splitting import require_same_labels
from handshape.workflow.train import moved_settings, note_beginning, say_what_is_kept, with_absolute_paths
from handshape.workflow.tuning.confirm import Confirmation, confirm
from handshape.workflow.tuning.objective import objective
from handshape.workflow.tuning.report import publish_tuning
from handshape.workflow.tuning.result import UNITS, Tried, TuneResult, all_tried, chosen, tried
from handshape.workflow.tuning.search_space import (
    params_of,
    read_space,
    space_as_yaml,
)
from handshape.workflow.tuning.start import (
    Begun,
    TuneOptions,
    begin,
    kept_options,
    study_options,
    url_of,
    what_groups_are,
    without_password,
)
from handshape.workflow.tuning.study import (
    best_of,
    counting,
    drop_study,
    finished,
    front_of,
    importance_of,
    open_study,
    require_optuna,
    sampler_of,
)
from handshape.workflow.tuning.trials import Trials, run_trials

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

BEGUN = "begun_with"  # of a study: what it searches, in short
PATIENCE = 120  # seconds that another process has to note it


def tune(
    settings: Settings,
    out: Path,
    name: str | None,
    options: TuneOptions,
    console: Console,
    executor: Executor | None = None,
) -> TuneResult | None:
    """Searches settings for ``settings.data.original_data_dir``, into a new folder below ``out``.

    Args:
        settings: those to start from.
        out: the folder of runs.
        name: of the folder, and of the study; None takes date and time.
        options: how much is tried of what, and what counts.
        console: shows the progress.
        executor: what the fits run on, a trial a worker at a time; None is this process.

    Returns:
        What it came to; None where another process began the study, which this one helped with its trials.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    require_optuna()
    if options.storage and not name:
        raise SettingsError("--storage needs --name, by which other processes find the study.")
    context = Context(console, settings.gpu)
    study, is_new = open_study(study_options(options, out / name)) if options.storage and name else (None, True)
    if study is not None and not is_new:
        _help(study, begin(settings, options, context, executor), context, executor or HereExecutor())
        return None
    try:
        with claimed_run(out, name, Path(settings.data.original_data_dir), TuneRun) as run:
            note_beginning(run, settings, options=kept_options(options))
            if options.space is not None:
                write_text(run.space, space_as_yaml(options.space))
            begun = begin(settings, options, context, executor)
            with run_in_progress(run, console, keep=False):
                _start(run, begun)
                return _go_on(begun, run, context, executor or HereExecutor())
    except BaseException:
        if study is not None and not study.trials:
            drop_study(study)
        raise


def resume_tuning(
    path: Path, console: Console, photographs: Path | None, changes: TuneOptions, executor: Executor | None = None
) -> TuneResult:
    """Goes on with a search that was stopped.

    Args:
        path: its folder.
        console: shows the progress.
        photographs: where they are now, if they were moved since.
        changes: how much is tried from now on, where it says so; its storage, where a password was left out.
        executor: what the fits run on, whatever others were before; None is this process.

    Raises:
        RunError: not a search, already complete, or the photographs have changed since.
    """
    require_optuna()
    with held_run(path, TuneRun) as run:
        record = read_record(path)
        if record.get("state") == COMPLETE:
            raise RunError(f"The search {path} is already complete.", fix=f"Look at {run.report}.")
        space = read_space(run.space) if run.space.is_file() else None
        options = _resumed(replace(options_from(record, TuneOptions, path), space=space), changes)
        settings = moved_settings(run, photographs)
        say_what_is_kept(run, console)
        context = Context(console, settings.gpu)
        begun = begin(settings, options, context, executor)
        require_same_labels(run, begun.searched.dataset)
        require_same_photographs(run, begun.searched.dataset)
        with run_in_progress(run, console, keep=True):
            if not run.has_progress:
                _start(run, begun)
            return _go_on(begun, run, context, executor or HereExecutor())


def _resumed(options: TuneOptions, changes: TuneOptions) -> TuneOptions:
    storage = changes.storage or options.storage
    if storage and "***" in storage:
        raise SettingsError("The password of the storage is not kept.", fix="Give --storage URL again.")
    return replace(
        options, trials=changes.trials or options.trials, minutes=changes.minutes or options.minutes, storage=storage
    )


def _start(run: TuneRun, begun: Begun) -> None:
    """Puts the settings, what is searched and what it is searched on into the folder."""
    settings, dataset = with_absolute_paths(begun.settings), begun.searched.dataset
    write_text(run.config, settings.to_yaml())
    write_text(run.space, space_as_yaml(begun.searched.space))
    run.record(data=settings.data.original_data_dir, labels_file=dataset.folder.corrections.as_record())
    keep_digests(run, dataset)  # the last: what is there says that the search has begun


def _go_on(begun: Begun, run: TuneRun, context: Context, executor: Executor) -> TuneResult:
    weights = choose_weights(begun.settings, context.console)
    require_same_start(run, weights, context.runtime, begun.settings)
    study, _ = open_study(study_options(begun.options, run.folder))
    _begin_study(study, begun)
    with context.watch.stage("search"):
        _try(study, begun, context, executor)
    best, front = _best(study, begun)
    found = with_values(begun.settings, best.values)
    confirmation = None
    if found != begun.settings:
        with context.watch.stage("confirm"):
            confirmation = _confirm(begun, found, run, context, executor)
    dataset = begun.searched.dataset
    result = TuneResult(
        run=run,
        storage=without_password(url_of(begun.options, run.folder)),
        grouping=f"Folds {dataset.groups.description}.",
        trials=all_tried(study.get_trials(deepcopy=False), begun.searched.space),
        best=best,
        front=front,
        against=begun.options.against,
        importance=importance_of(study),
        people=(begun.plan.searched, begun.plan.kept_out),
        what=what_groups_are(dataset),
        confirmation=confirmation,
        settings=(begun.settings, found),
        seconds=context.watch.seconds,
    )
    publish_tuning(result, context.console)
    return result


def _help(study: Study, begun: Begun, context: Context, executor: Executor) -> None:
    """Joins in the trials of a study that another process began.

    Raises:
        RunError: it searches something else.
    """
    context.console.status("train", f"Joining the study {study.study_name}, which another process began")
    for _ in range(PATIENCE):
        if BEGUN in study.user_attrs:
            break
        time.sleep(1)
    _require_same(study, begun)
    try:
        _try(study, begun, context, executor)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped. The trial at hand waits for another process; to join in again, give the same "
                                "command.") from None  # fmt: skip


def _begin_study(study: Study, begun: Begun) -> None:
    """Has the settings to start from tried first, once; what goes on must be the same search."""
    if BEGUN in study.user_attrs:
        _require_same(study, begun)
        return
    usual = params_of(begun.searched.space, begun.settings)
    if len(usual) == len(begun.searched.space):
        study.enqueue_trial(usual)
    study.set_user_attr(BEGUN, begun.fingerprint)


def _require_same(study: Study, begun: Begun) -> None:
    if study.user_attrs.get(BEGUN) != begun.fingerprint:
        raise RunError(
            f"The study {study.study_name} searches something else.",
            "the photographs, settings, space, --folds, --against and --pruner that it began with",
            "Give the same ones, or begin another study with another --name.",
        )


def _try(study: Study, begun: Begun, context: Context, executor: Executor) -> None:
    options, space = begun.options, begun.searched.space
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    usual = params_of(space, begun.settings)
    choose = sampler_of(space, usual, begun.settings.data.seed, shared=options.storage is not None)
    done = len([trial for trial in counting(study) if trial.state.is_finished()])
    some = f"up to {options.trials} trials" if options.trials else "trials"
    some += f", {options.minutes:g} minutes" if options.minutes else ""
    context.console.status("train", f"Trying {len(space)} settings: {some}{f', {done} done before' if done else ''}")
    trials = Trials(
        objective(begun.searched, options.trials, context, executor),
        choose,
        _teller(begun, context.console),
        options.trials,
        until,
    )
    run_trials(study, trials, executor.workers)


def _teller(begun: Begun, console: Console) -> Callable[[Study, FrozenTrial], None]:
    """Tells of each trial what it came to, and the best so far."""
    options, space = begun.options, begun.searched.space

    def tell(study: Study, trial: FrozenTrial) -> None:
        best, this = best_of(study), tried(trial, space)
        if this.accuracy is None:
            return
        of = f" of {options.trials}" if options.trials else ""
        cost = f", {this.cost:.3g} {UNITS[options.against]}" if options.against and this.cost is not None else ""
        stopped = "" if this.is_done else f", stopped after {len(this.folds)} of {options.folds} folds"
        so_far = f"; best so far {best.values[0]:.2%}, trial {best.number + 1}" if best else ""
        done = len([each for each in counting(study) if each.state.is_finished()])
        console.status("", f"trial {done}{of}: {this.accuracy:.2%}{cost}{stopped}, {this.seconds:.0f} s{so_far}")

    return tell


def _best(study: Study, begun: Begun) -> tuple[Tried, tuple[Tried, ...]]:
    if not finished(study):
        raise RunError(
            "No trial was done, so there is nothing to choose from.", fix="Give more --minutes, or a higher --trials."
        )
    front = tuple(tried(each, begun.searched.space) for each in front_of(study))
    return chosen(front), front


def _confirm(begun: Begun, found: Settings, run: TuneRun, context: Context, executor: Executor) -> Confirmation:
    plan, dataset = begun.plan, begun.searched.dataset
    whom = f"{plan.kept_out} {what_groups_are(dataset)} kept out"
    context.console.status("train", f"Training defaults and settings found, to be tested on the {whom}")
    arms = {"defaults": begun.settings, "found": found}
    return confirm(dataset, plan.confirm, arms, run.answers, context, executor)
