"""An ensemble from photographs: members trained apart, joined into one model, measured, refitted, published.

What each member came to is kept in a file, so that a run that was stopped goes on with the member it was at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.hands.inputs import Inputs
from handshape.machine import peak_memory_mib
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.crew import Crew
from handshape.workflow.ensemble.joining import Ensemble, distill, join
from handshape.workflow.ensemble.plan import EnsembleOptions, MemberPlan, plan_members
from handshape.workflow.evaluate import Negatives
from handshape.workflow.executor import Executor, HereExecutor
from handshape.workflow.fit import choose_weights, require_same_start
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.other_photographs import load_externals, load_negatives
from handshape.workflow.publish import publish
from handshape.workflow.robustness import find_out
from handshape.workflow.run import COMPLETE, EnsembleRun, claimed_run, held_run, read_record, run_in_progress
from handshape.workflow.run_folder import options_from
from handshape.workflow.splitting import export_split_folders, folds, require_same_split, split
from handshape.workflow.train import TrainResult, moved_settings, note_beginning, say_what_is_kept, start_run


def train_ensemble(
    settings: Settings,
    out: Path,
    name: str | None,
    options: EnsembleOptions,
    console: Console,
    executor: Executor | None = None,
) -> TrainResult:
    """Trains an ensemble on ``settings.data.original_data_dir``, into a new run folder below ``out``.

    Args:
        settings: that members share.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        options: how members differ, and what is made of them.
        console: shows the progress.
        executor: what members are trained on; None is this process.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    asked = {**asdict(options), "external": {name: str(path.resolve()) for name, path in options.external.items()}}
    asked["members"] = [str(Path(word).resolve()) if Path(word).is_file() else word for word in options.members]
    with claimed_run(out, name, Path(settings.data.original_data_dir), EnsembleRun) as run:
        note_beginning(run, settings, options=asked)
        context = Context(console, settings.gpu)
        begun = _begin(settings, options, context, executor)
        with run_in_progress(run, console, keep=False):
            start_run(run, begun.settings, begun.dataset, begun.split)
            return _go_on(begun, run, context, executor or HereExecutor())


def resume_ensemble(
    path: Path, console: Console, photographs: Path | None = None, executor: Executor | None = None
) -> TrainResult:
    """Goes on with an ensemble that was stopped, from the first member that is not done.

    Args:
        path: its folder.
        console: shows the progress.
        photographs: where they are now, if they were moved since.
        executor: what members are trained on, whatever others were before; None is this process.

    Raises:
        RunError: not an ensemble, already complete, or the photographs have changed since.
    """
    with held_run(path, EnsembleRun) as run:
        record = read_record(path)
        if record.get("state") == COMPLETE:
            raise RunError(f"The ensemble {path} is already complete.", fix=f"Look at {run.report}.")
        settings = moved_settings(run, photographs)
        say_what_is_kept(run, console)
        context = Context(console, settings.gpu)
        begun = _begin(settings, options_from(record, EnsembleOptions, path), context, executor)
        is_split = run.splits.is_file()
        if is_split:
            require_same_split(run, begun.dataset, begun.split)
        with run_in_progress(run, console, keep=True):
            if not is_split:
                start_run(run, begun.settings, begun.dataset, begun.split)
            run.record(data=settings.data.original_data_dir)
            return _go_on(begun, run, context, executor or HereExecutor())


@dataclass(frozen=True, eq=False)
class _Begun:
    """What an ensemble starts from; everything that it needs is read before anything is learned."""

    settings: Settings
    options: EnsembleOptions
    dataset: Dataset
    split: Split
    members: tuple[MemberPlan, ...]
    folds: tuple[tuple[Split, tuple[MemberPlan, ...]], ...]  # where the gain is measured over some: each with members
    external: Mapping[str, Dataset]
    negatives: Inputs | None


def _begin(settings: Settings, options: EnsembleOptions, context: Context, executor: Executor | None) -> _Begun:
    console, size = context.console, settings.model.img_size
    dataset = load(settings, context, executor)
    settings = possible_settings(settings, dataset, console)
    with context.watch.stage("read"):
        negatives = load_negatives(settings.data.negatives, dataset.search, size, console)
        external = load_externals(options.external, dataset, size, console)
    made = split(dataset, settings, console)
    others = folds(dataset, options.folds, settings, settings.data.seed) if options.folds else {}
    members = plan_members(dataset, made, settings, options, context)
    planned = tuple((each, plan_members(dataset, each, settings, options, context)) for each in others.values())
    return _Begun(settings, options, dataset, made, members, planned, external, negatives)


def _go_on(begun: _Begun, run: EnsembleRun, context: Context, executor: Executor) -> TrainResult:
    settings, dataset, console = begun.settings, begun.dataset, context.console
    export_split_folders(dataset, begun.split, settings, console)
    require_same_start(run, choose_weights(settings, console), context.runtime, settings)
    crew = Crew(dataset, settings, begun.options, executor, run, context)
    members, tested = crew.train(begun.split, begun.members, begun.folds)
    ensemble = Ensemble(dataset, begun.split, begun.members, members, begun.options.weigh)
    negatives = Negatives(begun.negatives, ensemble.other_signs)
    made = distill if begun.options.distill else join
    trained = made(ensemble, settings, negatives, context.within(run))
    with context.watch.stage("findings"):
        findings = find_out(trained, begun.external, console)
    facts = ensemble.facts(trained if begun.options.distill else None, tested)
    calibration = {**trained.fitted.calibration, "ensemble": facts.as_dict()}
    trained = replace(trained, fitted=replace(trained.fitted, calibration=calibration), ensemble=facts)
    bundle = publish(trained, findings, run, context.within(run))
    console.log(f"Peak memory {peak_memory_mib() or 0:.0f} MiB; seconds {context.watch.seconds}")
    return TrainResult(run, bundle, trained, findings, context.watch.seconds)
