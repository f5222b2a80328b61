"""The last stages: figures, the report, the saved model and its bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshape.config import Settings
from handshape.console import Console
from handshape.export.bundle import Bundle, write_bundle
from handshape.files import whole_file, write_json
from handshape.model.classifier import Classifier
from handshape.runs import Run
from handshape.runtime import versions
from handshape.stages.judge import Evaluation, Judgement, Shipped

if TYPE_CHECKING:
    from handshape.training.fit import Trainer


def draw_figures(run: Run, test: Evaluation, trainer: Trainer | None, console: Console) -> None:
    """The eight figures, as .png and .jpg."""
    from handshape.evaluation import plots
    from handshape.training.checkpoints import TrainingState

    console.status("chart", f"Drawing figures into {run.results}")
    state, predictions = trainer.state if trainer else TrainingState(), test.predictions
    plots.draw_figures(
        run.results,
        test.metrics,
        predictions.confidence,
        predictions.correct,
        state.history,
        state.phase_epochs.get("1", 0),
        run.folder.name,
        console,
    )


def save_model(
    run: Run, classifier: Classifier, judgement: Judgement, shipped: Shipped, settings: Settings, console: Console
) -> Bundle:
    """The finished model, its labels, and the bundle with both."""
    with whole_file(run.final_model) as partial:
        shipped.model.save(partial)
    write_json(run.label_map, {str(number): label for number, label in enumerate(classifier.labels)})
    pixels = classifier.pixels
    details = {
        "accuracy": {part: getattr(judgement, part).metrics.accuracy for part in ("validation", "test")},
        "split": judgement.split.by,
        "learned_from_all": shipped is not judgement.judged,
        "settings": settings.model_dump(),
        "versions": versions(),
    }
    bundle = write_bundle(
        run.bundle,
        run.final_model,
        shipped.litert,
        classifier.labels,
        settings.model.img_size,
        judgement.tuning.thresholds,
        settings.hands.max if judgement.looked_for_hands else 0,
        None if pixels is None else pixels.logits.get_weights()[0],
        details,
    )
    console.status("save", f"Saved {run.final_model} and {bundle.folder}")
    return bundle
