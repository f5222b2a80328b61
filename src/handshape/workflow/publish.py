"""The last stages: figures, the report, the saved model and its bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handshape.config import Settings
from handshape.console import Console
from handshape.export.bundle import Bundle, write_bundle
from handshape.files import atomic_write, write_json
from handshape.machine import versions
from handshape.model.classifier import Classifier
from handshape.workflow.dataset import knows_signers
from handshape.workflow.evaluate import Evaluation, Judgement, Shipped
from handshape.workflow.robustness import Findings
from handshape.workflow.run import Run

if TYPE_CHECKING:
    from handshape.training.pixels import Trainer


def draw_figures(run: Run, test: Evaluation, trainer: Trainer | None, console: Console) -> None:
    """The eight figures, as .png and .jpg."""
    from handshape.reporting import plots
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
    run: Run,
    classifier: Classifier,
    judgement: Judgement,
    shipped: Shipped,
    settings: Settings,
    console: Console,
    findings: Findings | None = None,
) -> Bundle:
    """The finished model, its labels, and the bundle with both."""
    with atomic_write(run.final_model) as partial:
        shipped.model.save(partial)
    write_json(run.label_map, {str(number): label for number, label in enumerate(classifier.class_names)})
    pixels = classifier.pixels
    details = {
        "accuracy": {part: getattr(judgement, part).metrics.accuracy for part in ("validation", "test")},
        "split": judgement.split.by,
        **facts(judgement, findings),
        "learned_from_all": shipped is not judgement.judged,
        "settings": settings.model_dump(),
        "versions": versions(),
    }
    bundle = write_bundle(
        run.bundle,
        run.final_model,
        shipped.litert,
        classifier.class_names,
        settings.model.img_size,
        judgement.tuning.thresholds,
        settings.hands.max if judgement.looked_for_hands else 0,
        None if pixels is None else pixels.logits.get_weights()[0],
        details,
    )
    console.status("save", f"Saved {run.final_model} and {bundle.folder}")
    return bundle


def facts(judgement: Judgement, findings: Findings | None) -> dict[str, Any]:
    """What the model card tells: on how many images and people, and how well. No signer is named."""
    split = judgement.split
    measures = {part: getattr(judgement, part).metrics.as_dict() for part in ("validation", "test")}
    if judgement.looked_for_hands:
        measures["hands_found"] = float(judgement.test.inputs.found.mean())
    if findings is not None:
        worst, external = findings.slices.worst_signer, findings.external
        measures |= {
            "external": {
                name: {"n": each.metrics.n, "accuracy": each.metrics.accuracy} for name, each in external.items()
            },
            "worst_signer": {"n": worst.n, "accuracy": worst.share} if worst else None,
            "near_duplicate_share": findings.near_duplicates,
            "level": findings.verdict.level,
        }
    return {
        "images": {part: len(samples) for part, samples in split.parts.items()},
        "signers": len(set(split.groups.values())) if knows_signers(split) and split.groups else None,
        "measures": measures,
    }
