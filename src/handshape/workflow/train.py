"""The journey: class folders → checked samples → hands → split → decoded inputs → landmark stream → pixel stream →
fusion → measures → figures → bundle. Each line calls a stage; the modules of :mod:`handshape.stages` hold them:
``prepare``, ``learn``, ``judge``, ``save``, in this order.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.samples import ImageFolder
from handshape.data.splits import Split
from handshape.errors import RunError
from handshape.evaluation.metrics import Metrics
from handshape.export.bundle import Bundle
from handshape.hands.search import HandSearch
from handshape.machine import peak_memory_mib
from handshape.workflow import (
    dataset as prepare,
)
from handshape.workflow import (
    evaluate as judge,
)
from handshape.workflow import (
    fit as learn,
)
from handshape.workflow import (
    mlflow_logger as track,
)
from handshape.workflow import (
    publish as save,
)
from handshape.workflow import (
    report,
)
from handshape.workflow import (
    robustness as findings,
)
from handshape.workflow.dataset import FoundHands
from handshape.workflow.robustness import Findings
from handshape.workflow.run import Run, new_run, open_run, read_record, run_in_progress


@dataclass(frozen=True)
class TrainResult:
    """What a training came to."""

    run: Run
    bundle: Bundle
    split_by: str
    validation: Metrics
    test: Metrics
    findings: Findings
    seconds: dict[str, float]  # by stage


def train(
    settings: Settings, out: Path, name: str | None, console: Console, external: Mapping[str, Path] | None = None
) -> TrainResult:
    """The whole journey on ``settings.data.original_data_dir``, into a new run folder below ``out``.

    Args:
        settings: of the run.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        console: shows the progress.
        external: photographs from elsewhere that the model is measured on, by name.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    watch = Stopwatch()
    photographs = Path(settings.data.original_data_dir)
    run = new_run(out, name, photographs)
    begun = _begin(photographs, settings, watch, console)
    with run_in_progress(run, console, keep=False):
        prepare.start_run(run, settings, begun.split)
        run.record(external={name: str(path.resolve()) for name, path in (external or {}).items()})
        return _train_in(run, begun, watch, console)


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
    begun = _begin(Path(settings.data.original_data_dir), settings, watch, console)
    prepare.require_same_split(run, begun.split)
    with run_in_progress(run, console, keep=True):
        return _train_in(run, begun, watch, console)


@dataclass(frozen=True)
class _Begun:
    """What a run starts from."""

    settings: Settings
    folder: ImageFolder
    checked: CheckReport
    look: HandSearch | None
    hands: FoundHands
    split: Split


def _begin(photographs: Path, settings: Settings, watch: Stopwatch, console: Console) -> _Begun:
    with watch.stage("check"):
        folder, checked = prepare.check_data(photographs, console)
    with watch.stage("hands"):
        look = prepare.look_for_hands(settings, console)
        settings = prepare.settings_for(settings, look)
        hands = prepare.find_hands(folder, checked, look, console)
    with watch.stage("split"):
        split = prepare.split_data(folder, checked, hands, settings, console)
        checked = prepare.report_label_issues(checked, hands, split, console)
    return _Begun(settings, folder, checked, look, hands, split)


def _train_in(run: Run, begun: _Begun, watch: Stopwatch, console: Console) -> TrainResult:
    settings, folder, split = begun.settings, begun.folder, begun.split
    with watch.stage("layout"):
        prepare.export_split_folders(folder, split, settings, console)
    with watch.stage("start"):
        weights = learn.choose_weights(settings, console)
        runtime = learn.start_machine(settings, console)
        learn.require_same_start(run, weights, runtime, settings)
    with watch.stage("decode"):
        decoded = prepare.decode_split(folder, split, begun.hands, settings, run, console)
    with watch.stage("build"):
        classifier = learn.build_model(prepare.labels_of(split), settings, weights)
    with watch.stage("landmarks"):
        learn.train_landmark_stream(classifier, decoded, split, settings, runtime, console)
    with watch.stage("features"):
        trainer = learn.create_trainer(classifier, decoded, settings, runtime, run, console)
    with watch.stage("train"):
        learn.train_head(trainer, settings, console)
    with watch.stage("fine_tune"):
        learn.fine_tune(trainer, settings, console)
    with watch.stage("evaluate"):
        judgement = judge.judge(classifier, trainer, split, decoded, begun.look, settings, runtime, run, console)
    shipped = judgement.judged
    if learn.refits(split, settings):
        with watch.stage("refit"):
            learn.refit(classifier, judgement.calibration, decoded, split, settings, runtime, run, console)
            shipped = judge.ship(classifier, runtime, run, console)
    with watch.stage("findings"):
        external = {name: Path(path) for name, path in run.record().get("external", {}).items()}
        found = findings.find_out(
            judgement, shipped, folder, begun.checked, begun.hands, begun.look, external, settings, run, console
        )
        judge.write_results(run, judgement, found.as_dict(), trainer)
    with watch.stage("figures"):
        save.draw_figures(run, judgement.test, trainer, console)
    with watch.stage("report"):
        report.write_html(run, classifier, judgement, found, folder, begun.checked, begun.hands, settings, console)
    with watch.stage("save"):
        bundle = save.save_model(run, classifier, judgement, shipped, settings, console, found)
    with watch.stage("track"):
        track.track_run(run, bundle, trainer.state.history if trainer else {}, settings, console)
    console.log(f"Peak memory {peak_memory_mib() or 0:.0f} MiB; seconds {watch.seconds}")
    return TrainResult(
        run, bundle, split.by, judgement.validation.metrics, judgement.test.metrics, found, watch.seconds
    )


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
