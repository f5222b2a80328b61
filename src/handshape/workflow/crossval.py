"""Cross-validation: every photograph is answered once by a model that learned from other people's.

All folds share the photographs, their hands and their trunk features; what each fold's model said is kept in a file, so
that a run that was stopped goes on with the fold it was at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.metrics import measure
from handshape.evaluation.slices import Slice, by_signer
from handshape.files import write_text
from handshape.workflow.context import Context
from handshape.workflow.crossval_fold import Fold, FoldAnswers, FoldWork, answer_fold
from handshape.workflow.crossval_report import publish_crossval
from handshape.workflow.crossval_result import CrossvalResult
from handshape.workflow.dataset import Dataset
from handshape.workflow.executor import Executor, HereExecutor
from handshape.workflow.fit import choose_weights, require_same_start
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.other_photographs import load_externals
from handshape.workflow.photographs import keep_digests, require_same_photographs
from handshape.workflow.run import COMPLETE, CrossvalRun, claimed_run, held_run, read_record, run_in_progress
from handshape.workflow.run_folder import options_from
from handshape.workflow.splitting import folds, random_folds, require_same_labels
from handshape.workflow.train import moved_settings, note_beginning, say_what_is_kept, with_absolute_paths


@dataclass(frozen=True)
class CrossvalOptions:
    """What is asked of a cross-validation.

    Attributes:
        folds: how many, or ``signers`` for one a signer.
        repeats: how often, each time with other folds and another seed.
        compare_random: also on folds that know no groups, which shows how much those flatter.
        external: photographs from elsewhere that every fold's model is measured on, by name.
    """

    folds: int | Literal["signers"] = 5
    repeats: int = 1
    compare_random: bool = False
    external: Mapping[str, Path] = field(default_factory=dict)


def cross_validate(
    settings: Settings,
    out: Path,
    name: str | None,
    options: CrossvalOptions,
    console: Console,
    executor: Executor | None = None,
) -> CrossvalResult:
    """Cross-validates on ``settings.data.original_data_dir``, into a new folder below ``out``.

    Args:
        settings: of every fold's training; nothing is refitted.
        out: the folder of runs.
        name: of the folder; None takes date and time.
        options: how many folds, and what beside them.
        console: shows the progress.
        executor: what the folds are answered on; None is this process.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    external = {name: str(path.resolve()) for name, path in options.external.items()}
    with claimed_run(out, name, Path(settings.data.original_data_dir), CrossvalRun) as run:
        note_beginning(run, settings, options={**asdict(options), "external": external})
        context = Context(console, settings.gpu)
        begun = _begin(settings, options, context, executor)
        with run_in_progress(run, console, keep=False):
            _start(run, begun)
            return _go_on(begun, run, context, executor or HereExecutor())


def resume_crossval(
    path: Path, console: Console, photographs: Path | None = None, executor: Executor | None = None
) -> CrossvalResult:
    """Goes on with a cross-validation that was stopped, from the first fold that is not done.

    Args:
        path: its folder.
        console: shows the progress.
        photographs: where they are now, if they were moved since.
        executor: what the folds are answered on, whatever others were before; None is this process.

    Raises:
        RunError: not a cross-validation, already complete, or the photographs have changed since.
    """
    with held_run(path, CrossvalRun) as run:
        record = read_record(path)
        if record.get("state") == COMPLETE:
            raise RunError(f"The cross-validation {path} is already complete.", fix=f"Look at {run.report}.")
        settings = moved_settings(run, photographs)
        say_what_is_kept(run, console)
        options = options_from(record, CrossvalOptions, path)
        context = Context(console, settings.gpu)
        begun = _begin(settings, options, context, executor)
        require_same_labels(run, begun.dataset)
        require_same_photographs(run, begun.dataset)
        with run_in_progress(run, console, keep=True):
            if "labels_file" not in record:
                _start(run, begun)
            return _go_on(begun, run, context, executor or HereExecutor())


def _start(run: CrossvalRun, begun: _Begun) -> None:
    """Puts the settings and what the folds are made of into the folder."""
    settings = with_absolute_paths(begun.settings)
    write_text(run.config, settings.to_yaml())
    keep_digests(run, begun.dataset)
    run.record(data=settings.data.original_data_dir, labels_file=begun.dataset.folder.corrections.as_record())


@dataclass(frozen=True, eq=False)
class _Begun:
    """What a cross-validation starts from; ``plan`` holds the split of each fold by its name."""

    settings: Settings
    options: CrossvalOptions
    dataset: Dataset
    external: Mapping[str, Dataset]
    plan: Mapping[str, Split]
    random: Mapping[str, Split]

    @property
    def work(self) -> FoldWork:
        """What all folds share."""
        streams = self.settings.model.streams
        external = {name: each.seen_by(streams) for name, each in self.external.items()}
        return FoldWork(self.settings, self.dataset.seen_by(streams), external)


def _begin(settings: Settings, options: CrossvalOptions, context: Context, executor: Executor | None) -> _Begun:
    console = context.console
    dataset = load(settings, context, executor)
    settings = possible_settings(settings, dataset, console)
    with context.watch.stage("read"):
        external = load_externals(options.external, dataset, settings.model.img_size, console)
    plan: dict[str, Split] = {}
    random: dict[str, Split] = {}
    for repeat in range(options.repeats):
        seed, again = settings.data.seed + repeat, f"{repeat + 1}. " if options.repeats > 1 else ""
        made = folds(dataset, options.folds, settings, seed)
        plan |= {f"{again}{name}": each for name, each in made.items()}
        if options.compare_random:
            others = random_folds(dataset, min(len(made), 10), settings, seed)
            random |= {f"{again}{name}": each for name, each in others.items()}
    console.status("split", f"{len(plan)} folds {dataset.groups.description}")
    for note in dict.fromkeys(note for each in plan.values() for note in each.notes):
        console.warn(note)
    return _Begun(settings, options, dataset, external, plan, random)


def _go_on(begun: _Begun, run: CrossvalRun, context: Context, executor: Executor) -> CrossvalResult:
    weights = choose_weights(begun.settings, context.console)
    require_same_start(run, weights, context.runtime, begun.settings)
    answers = _answer_all("fold", begun.plan, begun, run, context, executor)
    random = _answer_all("random", begun.random, begun, run, context, executor)
    result = _result(begun, answers, random, run, context)
    publish_crossval(result, context.console)
    return result


def _answer_all(
    kind: str, plan: Mapping[str, Split], begun: _Begun, run: CrossvalRun, context: Context, executor: Executor
) -> dict[str, FoldAnswers]:
    """What each fold's model says; those that are done are read from their files, which are named after the kind.

    Whoever answers a fold, its file is written here, once.
    """
    answers: dict[str, FoldAnswers] = {}
    files = {name: run.answers / f"{kind}_{number:03}.npz" for number, name in enumerate(plan, 1)}
    for name, file in files.items():
        if file.is_file():
            answers[name] = _known(file, plan[name], run)
            _tell(_place(name, plan), answers[name], begun, "done before", context)
    work = executor.share(begun.work) if len(answers) < len(plan) else None
    a_repeat = max(1, len(plan) // begun.options.repeats)
    asked = {
        executor.submit(answer_fold, work, Fold(_place(name, plan), split, number // a_repeat), context): name
        for number, (name, split) in enumerate(plan.items())
        if name not in answers
    }
    for future in executor.completed(asked):
        name, answer = asked[future], future.result()
        answer.save(files[name])
        answers[name] = answer
        _tell(_place(name, plan), answer, begun, f"{answer.seconds:.0f} s", context)
    return {name: answers[name] for name in plan}


def _place(name: str, plan: Mapping[str, Split]) -> str:
    return f"{name} ({list(plan).index(name) + 1} of {len(plan)})"


def _known(file: Path, split: Split, run: CrossvalRun) -> FoldAnswers:
    known = FoldAnswers.load(file)
    if not np.array_equal(known.rows, split.test):
        raise RunError(
            f"The photographs are not those that {run.folder} began with.",
            fix="Begin anew, or put the photographs back as they were.",
        )
    return known


def _tell(place: str, answer: FoldAnswers, begun: _Begun, took: str, context: Context) -> None:
    right = (answer.probabilities.argmax(axis=1) == begun.dataset.targets[answer.rows]).mean()
    context.console.status("", f"{place}: right on {right:.1%} of {len(answer.rows):,}, {took}")


def _result(
    begun: _Begun,
    answers: Mapping[str, FoldAnswers],
    random: Mapping[str, FoldAnswers],
    run: CrossvalRun,
    context: Context,
) -> CrossvalResult:
    dataset = begun.dataset
    rows = np.concatenate([each.rows for each in answers.values()])
    probabilities, targets = np.concatenate([each.probabilities for each in answers.values()]), dataset.targets[rows]
    right = probabilities.argmax(axis=1) == targets
    return CrossvalResult(
        run=run,
        grouping=dataset.groups.description,
        folds=_slices(answers, dataset),
        metrics=measure(probabilities, targets, dataset.class_names),
        corrections=dataset.folder.corrections,
        per_class=tuple(
            Slice.of(name, right[targets == number])
            for number, name in enumerate(dataset.class_names)
            if (targets == number).any()
        ),
        per_signer=by_signer(right, dataset.group_names(rows)) if dataset.groups.are_signers else (),
        random=_slices(random, dataset),
        external={
            name: tuple(Slice.of(fold, each.external[name]) for fold, each in answers.items())
            for name in begun.external
        },
        seconds=context.watch.seconds,
    )


def _slices(answers: Mapping[str, FoldAnswers], dataset: Dataset) -> tuple[Slice, ...]:
    return tuple(
        Slice.of(name, each.probabilities.argmax(axis=1) == dataset.targets[each.rows])
        for name, each in answers.items()
        if len(each.rows)
    )
