"""Cross-validation: every photograph is answered once by a model that learned from other people's.

All folds share the photographs, their hands and their trunk features; what each fold's model said is kept in a file, so
that a run that was stopped goes on with the fold it was at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.metrics import measure
from handshape.evaluation.slices import Slice, by_signer
from handshape.files import atomic_write, write_text
from handshape.workflow.context import Context
from handshape.workflow.crossval_report import publish_crossval
from handshape.workflow.crossval_result import CrossvalResult
from handshape.workflow.dataset import Dataset, load, possible_settings
from handshape.workflow.evaluate import evaluate
from handshape.workflow.fit import choose_weights, fit, require_same_start
from handshape.workflow.other_photographs import load_externals
from handshape.workflow.photographs import keep_digests, require_same_photographs
from handshape.workflow.run import COMPLETE, CrossvalRun, claimed_run, held_run, read_record, run_in_progress
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


@dataclass(frozen=True, eq=False)
class FoldAnswers:
    """What one fold's model said.

    Attributes:
        rows: of the data set, those it was tested on, [n].
        probabilities: about them, [n, C].
        external: right answers on other photographs, [m] each, by name.
        seconds: that it took.
    """

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    external: Mapping[str, NDArray[np.bool_]]
    seconds: float

    def save(self, path: Path) -> None:
        """Writes them whole or not at all."""
        arrays: dict[str, Any] = {f"external_{name}": right for name, right in self.external.items()}
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file, rows=self.rows, probabilities=self.probabilities, seconds=np.array(self.seconds), **arrays
            )

    @classmethod
    def load(cls, path: Path) -> FoldAnswers:
        """Reads what :meth:`save` wrote."""
        with np.load(path) as file:
            names = [name for name in file.files if name.startswith("external_")]
            external = {name.removeprefix("external_"): file[name] for name in names}
            return cls(file["rows"], file["probabilities"], external, float(file["seconds"]))


def cross_validate(
    settings: Settings, out: Path, name: str | None, options: CrossvalOptions, console: Console
) -> CrossvalResult:
    """Cross-validates on ``settings.data.original_data_dir``, into a new folder below ``out``.

    Args:
        settings: of every fold's training; nothing is refitted.
        out: the folder of runs.
        name: of the folder; None takes date and time.
        options: how many folds, and what beside them.
        console: shows the progress.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    external = {name: str(path.resolve()) for name, path in options.external.items()}
    with claimed_run(out, name, Path(settings.data.original_data_dir), CrossvalRun) as run:
        note_beginning(run, settings, options={**asdict(options), "external": external})
        context = Context(console, settings.gpu)
        begun = _begin(settings, options, context)
        with run_in_progress(run, console, keep=False):
            _start(run, begun)
            return _go_on(begun, run, context)


def resume_crossval(path: Path, console: Console, photographs: Path | None = None) -> CrossvalResult:
    """Goes on with a cross-validation that was stopped, from the first fold that is not done.

    Args:
        path: its folder.
        console: shows the progress.
        photographs: where they are now, if they were moved since.

    Raises:
        RunError: not a cross-validation, already complete, or the photographs have changed since.
    """
    with held_run(path, CrossvalRun) as run:
        record = read_record(path)
        if record.get("state") == COMPLETE:
            raise RunError(f"The cross-validation {path} is already complete.", fix=f"Look at {run.report}.")
        settings = moved_settings(run, photographs)
        say_what_is_kept(run, console)
        kept = record["options"]
        external = {name: Path(each) for name, each in kept["external"].items()}
        options = CrossvalOptions(**{**kept, "external": external})
        context = Context(console, settings.gpu)
        begun = _begin(settings, options, context)
        require_same_labels(run, begun.dataset)
        require_same_photographs(run, begun.dataset)
        with run_in_progress(run, console, keep=True):
            if "labels_file" not in record:
                _start(run, begun)
            return _go_on(begun, run, context)


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


def _begin(settings: Settings, options: CrossvalOptions, context: Context) -> _Begun:
    console = context.console
    dataset = load(settings, context)
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


def _go_on(begun: _Begun, run: CrossvalRun, context: Context) -> CrossvalResult:
    weights = choose_weights(begun.settings, context.console)
    require_same_start(run, weights, context.runtime, begun.settings)
    answers = _answer_all("fold", begun.plan, begun, run, context)
    random = _answer_all("random", begun.random, begun, run, context)
    result = _result(begun, answers, random, run, context)
    publish_crossval(result, context.console)
    return result


def _answer_all(
    kind: str, plan: Mapping[str, Split], begun: _Begun, run: CrossvalRun, context: Context
) -> dict[str, FoldAnswers]:
    """What each fold's model says; those that are done are read from their files, which are named after the kind."""
    answers, a_repeat = {}, max(1, len(plan) // begun.options.repeats)
    for number, (name, each) in enumerate(plan.items()):
        file = run.answers / f"{kind}_{number + 1:03}.npz"
        known = FoldAnswers.load(file) if file.is_file() else None
        if known is not None and not np.array_equal(known.rows, each.test):
            raise RunError(
                f"The photographs are not those that {run.folder} began with.",
                fix="Begin anew, or put the photographs back as they were.",
            )
        place = f"{name} ({number + 1} of {len(plan)})"
        if known is None:
            sizes = f"on {len(each.train):,} images, tested on {len(each.test):,}"
            context.console.status("train", f"{place}: training {sizes}")
        answers[name] = known or _answer_fold(begun, each, number // a_repeat, context)
        if known is None:
            answers[name].save(file)
        right = (answers[name].probabilities.argmax(axis=1) == begun.dataset.targets[each.test]).mean()
        took = "done before" if known else f"{answers[name].seconds:.0f} s"
        context.console.status("", f"{place}: right on {right:.1%} of {len(each.test):,}, {took}")
    return answers


def _answer_fold(begun: _Begun, split: Split, repeat: int, context: Context) -> FoldAnswers:
    """Trains on a fold's training rows and answers its test rows, and all other photographs."""
    start = time.perf_counter()
    data = begun.settings.data
    settings = begun.settings.model_copy(update={"data": data.model_copy(update={"seed": data.seed + repeat})})
    with context.console.only_bars():
        fitted = fit(begun.dataset, split, settings, context)
        tested = evaluate(fitted, begun.dataset, split.test, context.console)
        external = {
            name: evaluate(fitted, each, each.rows, context.console).predictions.correct
            for name, each in begun.external.items()
        }
    return FoldAnswers(split.test, tested.predictions.probabilities, external, time.perf_counter() - start)


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
