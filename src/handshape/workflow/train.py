"""Training, from a folder of photographs to a published run: load → split → fit → evaluate → refit → publish."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.data.splits import Split
from handshape.distributed import chief_first, leave, tell
from handshape.errors import RunError
from handshape.evaluation.metrics import Metrics
from handshape.export.bundle import Bundle
from handshape.files import require_disk_space, write_text
from handshape.hands.inputs import Inputs
from handshape.machine import peak_memory_mib
from handshape.model.classifier import PIXELS
from handshape.workflow.context import Context
from handshape.workflow.convert import convert
from handshape.workflow.dataset import Dataset
from handshape.workflow.estimate import require_resources
from handshape.workflow.evaluate import Negatives, evaluate_training
from handshape.workflow.executor import Executor
from handshape.workflow.fit import answer_other_signs, fit, needs_refit, refit
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.other_photographs import load_externals, load_negatives
from handshape.workflow.photographs import keep_digests
from handshape.workflow.publish import publish
from handshape.workflow.robustness import Findings, find_out
from handshape.workflow.run import BEGUN, COMPLETE, ROOM, Run, claimed_run, held_run, read_record, run_in_progress
from handshape.workflow.splitting import export_split_folders, require_same_split, split, splits_csv
from handshape.workflow.trained import Trained
from handshape.workflow.workers import require_same_photographs

NAMED_WEIGHTS = ("auto", "imagenet", "own", "none")  # whatever else model.weights says is a path


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a training came to."""

    run: Run
    bundle: Bundle
    trained: Trained
    findings: Findings
    seconds: dict[str, float]  # by stage

    @property
    def validation(self) -> Metrics:
        """On the images that chose epochs and thresholds."""
        return self.trained.results.validation.metrics

    @property
    def test(self) -> Metrics:
        """On the images that no decision saw."""
        return self.trained.results.test.metrics


def train(
    settings: Settings,
    out: Path,
    name: str | None,
    console: Console,
    external: Mapping[str, Path] | None = None,
    executor: Executor | None = None,
) -> TrainResult:
    """The whole journey on ``settings.data.original_data_dir``, into a new run folder below ``out``.

    Args:
        settings: of the run.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        console: shows the progress.
        external: photographs from elsewhere that the model is measured on, by name.
        executor: reads the photographs and finds their hands; None does it in this process.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    elsewhere = {name: str(path.resolve()) for name, path in (external or {}).items()}
    with claimed_run(out, name, Path(settings.data.original_data_dir), Run) as run:
        note_beginning(run, settings, external=elsewhere)
        context = Context(console, settings.gpu)
        _tell(settings)
        begun = begin(settings, external or {}, context, executor)
        with run_in_progress(run, console, keep=False):
            start_run(run, begun.settings, begun.dataset, begun.split)
            return _go_on(begun, run, context)


def resume(
    path: Path, console: Console, photographs: Path | None = None, executor: Executor | None = None
) -> TrainResult:
    """Goes on with a run that was stopped, to the same result as an unbroken one.

    Args:
        path: the run folder.
        console: shows the progress.
        photographs: where they are now, if they were moved since.
        executor: as for :func:`train`.

    Raises:
        RunError: not a run, already complete, or the photographs have changed or are no longer there.
    """
    with held_run(path, Run) as run:
        record = read_record(path)
        if record.get("state") == COMPLETE:
            use = f"handshape predict {shlex.quote(str(path))} IMAGE"
            raise RunError(f"The run {path} is already complete.", fix=f"Use it: {use}")
        settings = moved_settings(run, photographs)
        say_what_is_kept(run, console)
        context = Context(console, settings.gpu)
        external = {name: Path(folder) for name, folder in record.get("external", {}).items()}
        _tell(settings)
        begun = begin(settings, external, context, executor)
        is_split = run.splits.is_file()
        if is_split:
            require_same_split(run, begun.dataset, begun.split)
        with run_in_progress(run, console, keep=True):
            if not is_split:
                start_run(run, begun.settings, begun.dataset, begun.split)
            run.record(data=settings.data.original_data_dir)
            return _go_on(begun, run, context)


def note_beginning(run: Run, settings: Settings, **facts: Any) -> None:
    """Puts on record what a run is begun with, so that it can be resumed, whenever its process is killed.

    Raises:
        RunError: the disk has too little room for a run; better said before the photographs are read.
    """
    require_disk_space(run.folder, ROOM)
    settings = with_absolute_paths(settings)
    write_text(run.config, settings.to_yaml(given_alone=True))
    run.record(state=BEGUN, data=settings.data.original_data_dir, **facts)


def say_what_is_kept(run: Run, console: Console) -> None:
    """Says so where a run was stopped too early for anything to go on with."""
    if not run.has_progress:
        console.status("hint", f"Nothing was learned yet when {run.folder} was stopped, so it begins anew.")


def moved_settings(run: Run, photographs: Path | None) -> Settings:
    """The settings of a run, its photographs where they are now.

    Raises:
        RunError: they are not where they were, and nobody says where they are.
    """
    settings = load_settings(config_file=run.config)
    if photographs is not None:
        data = settings.data.model_copy(update={"original_data_dir": str(photographs.resolve())})
        return settings.model_copy(update={"data": data})
    was = Path(settings.data.original_data_dir)
    if not was.is_dir():
        raise RunError(
            f"The photographs of the run {run.folder} are no longer in {was}.",
            "the photographs that it began with",
            f"If they were moved, say where they are now: {run.resume_command} NEW_FOLDER",
        )
    return settings


def _tell(settings: Settings) -> None:
    """Other workers, where there are any, learn by the same settings."""
    tell("settings", with_absolute_paths(settings).model_dump_json(exclude_unset=True).encode())


@dataclass(frozen=True, eq=False)
class Begun:
    """What a run starts from: everything that it needs is read before anything is learned."""

    settings: Settings
    dataset: Dataset
    split: Split
    external: Mapping[str, Dataset]
    negatives: Inputs | None


def begin(
    settings: Settings, external: Mapping[str, Path], context: Context, executor: Executor | None = None
) -> Begun:
    """Reads everything; of several workers the chief first, so that the others find the hands that it found."""
    console, size = context.console, settings.model.img_size
    with chief_first():
        dataset = load(settings, context, executor)
    settings = possible_settings(settings, dataset, console)
    if PIXELS in settings.model.streams:  # perhaps only since the hands were counted; and a refit needs other views
        require_resources(settings, len(dataset), console, refits=needs_refit(dataset, settings))
    with context.watch.stage("read"):
        negatives = load_negatives(settings.data.negatives, dataset.search, size, console)
        others = load_externals(external, dataset, size, console)
    made = split(dataset, settings, console)
    require_same_photographs(dataset, made)
    return Begun(settings, dataset, made, others, negatives)


def _go_on(begun: Begun, run: Run, context: Context) -> TrainResult:
    settings, dataset, made, console = begun.settings, begun.dataset, begun.split, context.console
    context = context.within(run)
    export_split_folders(dataset, made, settings, console)
    fitted = fit(dataset, made, settings, context)
    with context.watch.stage("evaluate"):
        measured = shipped = convert(fitted, context)
        target = settings.hands.false_accept
        negatives = Negatives(begun.negatives, answer_other_signs(fitted))
        results = evaluate_training(measured, dataset, made, negatives, target, console)
    if needs_refit(dataset, settings):
        refit(fitted, made.all, settings, context)
        with context.watch.stage("refit"):
            shipped = convert(fitted, context)
    leave()
    trained = Trained(dataset, made, settings, fitted, results, measured, shipped)
    with context.watch.stage("findings"):
        findings = find_out(trained, begun.external, console)
    bundle = publish(trained, findings, run, context)
    console.log(f"Peak memory {peak_memory_mib() or 0:.0f} MiB; seconds {context.watch.seconds}")
    return TrainResult(run, bundle, trained, findings, context.watch.seconds)


def start_run(run: Run, settings: Settings, dataset: Dataset, made: Split) -> None:
    """Puts the settings and the split into the run folder; what an earlier training left to work with goes."""
    run.clean()
    run.create_folders()
    settings = with_absolute_paths(settings)
    write_text(run.config, settings.to_yaml())
    run.record(data=settings.data.original_data_dir, labels_file=dataset.folder.corrections.as_record())
    keep_digests(run, dataset)
    write_text(run.splits, splits_csv(dataset, made))  # the last: what is there says that the run has started


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings with every path in full, so that a run can be resumed from any folder."""
    data, weights = settings.data, settings.model.weights
    folders = ("original_data_dir", "temp_train_dir", "temp_val_dir", "temp_test_dir")
    paths: dict[str, Any] = {name: str(Path(getattr(data, name)).resolve()) for name in folders}
    paths["negatives"] = [str(Path(folder).expanduser().resolve()) for folder in data.negatives]
    if data.groups.lower().endswith(".csv"):
        paths["groups"] = str(Path(data.groups).expanduser().resolve())
    if weights not in NAMED_WEIGHTS:
        weights = str(Path(weights).expanduser().resolve())
    model = settings.model.model_copy(update={"weights": weights})
    return settings.model_copy(update={"data": data.model_copy(update=paths), "model": model})
