"""The journey: class folders → checked samples → split → decoded images → trained classifier → calibration →
measures → figures → bundle. Each line calls a stage; :mod:`handshape.stages` and
:mod:`handshape.outcome` hold them, in the same order.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from handshape import outcome, stages
from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.data.samples import ImageFolder
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.metrics import Metrics
from handshape.export.bundle import Bundle
from handshape.runs import Run, new_run, open_run, read_record, run_in_progress
from handshape.runtime import peak_memory_mib


@dataclass(frozen=True)
class TrainResult:
    """What a training came to."""

    run: Run
    bundle: Bundle
    split_by: str
    validation: Metrics
    test: Metrics
    seconds: dict[str, float]  # by stage


def train(settings: Settings, out: Path, name: str | None, console: Console) -> TrainResult:
    """The whole journey on ``settings.data.original_data_dir``, into a new run folder below ``out``.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    watch = Stopwatch()
    photographs = Path(settings.data.original_data_dir)
    run = new_run(out, name, photographs)
    with watch.stage("check"):
        folder, report = stages.check_data(photographs, console)
    with watch.stage("split"):
        split = stages.split_data(folder, report, settings, console)
    with run_in_progress(run, console, keep=False):
        stages.start_run(run, settings, split)
        return _train_in(run, settings, folder, split, watch, console)


def resume(path: Path, console: Console) -> TrainResult:
    """Goes on with a run that was stopped, to the same result as an unbroken one.

    Raises:
        RunError: not a run, already complete, or the photographs have changed since.
    """
    run = open_run(path)
    if read_record(path).get("state") == "complete":
        use = f"handshape predict {shlex.quote(str(path))} IMAGE"
        raise RunError(f"The run {path} is already complete.", fix=f"Use it: {use}")
    settings = load_settings(config_file=run.config)
    watch = Stopwatch()
    with watch.stage("check"):
        folder, report = stages.check_data(Path(settings.data.original_data_dir), console)
    with watch.stage("split"):
        split = stages.split_data(folder, report, settings, console)
    stages.require_same_split(run, split)
    with run_in_progress(run, console, keep=True):
        return _train_in(run, settings, folder, split, watch, console)


def _train_in(
    run: Run, settings: Settings, folder: ImageFolder, split: Split, watch: Stopwatch, console: Console
) -> TrainResult:
    with watch.stage("layout"):
        stages.lay_out_split(folder, split, settings, console)
    with watch.stage("start"):
        weights = stages.choose_weights(settings, console)
        runtime = stages.start_machine(settings, console)
        stages.require_same_start(run, weights, runtime)
    with watch.stage("decode"):
        decoded = stages.decode_split(folder, split, settings, run, console)
    with watch.stage("build"):
        classifier = stages.build_model(stages.labels_of(split), settings, weights)
        trainer = stages.create_trainer(classifier, decoded, settings, runtime, run, console)
    with watch.stage("features"):
        trainer.prepare()
    with watch.stage("train"):
        stages.train_head(trainer, settings, console)
    with watch.stage("fine_tune"):
        stages.fine_tune(trainer, settings, console)
    with watch.stage("evaluate"):
        judgement = outcome.judge(classifier, trainer, split, decoded, runtime, run, console)
    with watch.stage("figures"):
        outcome.draw_figures(run, judgement.test, trainer, console)
    with watch.stage("save"):
        bundle = outcome.save_model(run, classifier, judgement, settings, console)
    console.log(f"Peak memory {peak_memory_mib() or 0:.0f} MiB; seconds {watch.seconds}")
    return TrainResult(run, bundle, split.by, judgement.validation.metrics, judgement.test.metrics, watch.seconds)


@dataclass
class Stopwatch:
    """Seconds each stage took, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + time.perf_counter() - start, 3)
