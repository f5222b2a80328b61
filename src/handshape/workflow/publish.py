"""What a training leaves behind: measures, figures, the report, the model and its bundle."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handshape.config import Settings
from handshape.data.check_report import CheckReport
from handshape.evaluation.metrics import classification_report
from handshape.evaluation.predictions import Predictions
from handshape.export.bundle import TRAINED_ON, Bundle, ModelDescription, folder_mark, write_bundle
from handshape.export.keras_file import save_keras
from handshape.files import atomic_write, write_json, write_text
from handshape.machine import versions
from handshape.model.profile import PROFILE
from handshape.workflow.context import Context, optional
from handshape.workflow.evaluate import measures_of
from handshape.workflow.hparams import log_hparams
from handshape.workflow.mlflow_logger import log_to_mlflow
from handshape.workflow.overlap import LEARNED_FROM, Learned
from handshape.workflow.report import write_report_of
from handshape.workflow.robustness import Findings
from handshape.workflow.run import Run
from handshape.workflow.splitting import PART_FOLDERS
from handshape.workflow.trained import Trained

DIGITS = 16  # of a SHA-256: as much as a bundle keeps of the photographs it learned from


def publish(trained: Trained, findings: Findings, run: Run, context: Context) -> Bundle:
    """Writes everything into the run folder, the model first: whatever fails after it is said, and nothing is lost."""
    with context.watch.stage("results"):
        write_results(trained, findings.as_dict(), run)
    with context.watch.stage("save"):
        bundle = save_model(trained, findings, run, context)
    with context.watch.stage("figures"), optional("Drawing the figures", context.console):
        draw_figures(trained, run, context)
    with context.watch.stage("report"), optional("Writing the report", context.console):
        write_report_of(trained, findings, run)
        context.console.status("chart", f"Report: {run.report}")
    with context.watch.stage("mlflow"):
        log_to_mlflow(run, bundle, trained.fitted.history.get("history", {}), trained.settings, context.console)
    with optional("Telling TensorBoard", context.console):
        log_hparams(run, bundle, trained.settings)
    run.record(seconds=context.watch.seconds)
    return bundle


def write_results(trained: Trained, findings: dict[str, Any], run: Run) -> None:
    """The measures and the training's history as JSON."""
    results, dataset = trained.results, trained.dataset
    parts = {"validation": results.validation, "test": results.test}
    content = {
        "accuracy": {part: each.metrics.accuracy for part, each in parts.items()},
        "split": {
            "by": dataset.groups.description,
            "grouping": dataset.groups.grouping,
            **{part: len(rows) for part, rows in trained.split.parts.items()},
        },
        "corrections": dataset.folder.corrections.as_dict(),
        **{part: measures_of(each.metrics) for part, each in parts.items()},
        "decisions": results.decisions.as_dict(),
        "thresholds": results.tuning.as_dict(),
        **trained.fitted.calibration,
        **findings,
    }
    if dataset.finds_hands:
        rows = {part: each.rows for part, each in parts.items()}
        content["hands_found"] = {part: float(dataset.inputs.found[rows[part]].mean()) for part in rows}
    if trained.fitted.history:
        content["training"] = trained.fitted.history
    write_json(run.results / "evaluation_results.json", content)
    write_json(run.results / "classification_report.json", classification_report(results.test.metrics))
    answers = answers_as_csv(results.test.predictions, dataset.class_names, dataset.report)
    write_text(run.results / "test_answers.csv", answers)


def answers_as_csv(predictions: Predictions, class_names: Sequence[str], report: CheckReport) -> str:
    """What was answered to each photograph, and what photograph that was, so that runs can be compared on the same."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "answer", "confidence", "sha256"))
    answers = zip(
        predictions.paths, predictions.targets, predictions.predicted, predictions.confidence.tolist(), strict=True
    )
    for path, target, answer, confidence in answers:
        digest = report.digests[path][:DIGITS]
        writer.writerow((path, class_names[target], class_names[answer], f"{confidence:.4f}", digest))
    return text.getvalue()


def draw_figures(trained: Trained, run: Run, context: Context) -> None:
    """The eight figures, as .png and .jpg."""
    from handshape.reporting import plots

    context.console.status("chart", f"Drawing figures into {run.results}")
    test, curves, fitted = trained.results.test, None, trained.fitted
    if fitted.history:
        joined = trained.results.validation.metrics.accuracy if len(fitted.trainers) > 1 else None
        stream = next(trainer.name.removesuffix("s") for trainer in fitted.trainers if trainer.history)
        phase_one = fitted.history["epochs"].get("1", 0)
        curves = plots.TrainingCurves(
            fitted.history["history"], phase_one, fitted.history["best_epoch"], stream, joined
        )
    plots.draw_figures(run.results, test.metrics, test.predictions, curves, run.folder.name, context.console)


def save_model(trained: Trained, findings: Findings | None, run: Run, context: Context) -> Bundle:
    """The finished model, its labels, and the bundle with both."""
    shipped, dataset, settings = trained.shipped, trained.dataset, trained.settings
    with atomic_write(run.final_model) as partial:
        save_keras(shipped.keras, partial)
    write_json(run.label_map, {str(number): name for number, name in enumerate(dataset.class_names)})
    model = ModelDescription(
        class_names=dataset.class_names,
        size=settings.model.img_size,
        thresholds=trained.results.tuning.thresholds,
        hands=settings.hands.max if dataset.finds_hands else 0,
    )
    learned = Learned.of(dataset.report)
    learned.save(run.photographs)
    details = {
        **_facts(trained, findings),
        "learned_from_all": trained.is_refitted,
        PROFILE: trained.results.test.profile(dataset, trained.results.tuning.thresholds).as_dict(),
        LEARNED_FROM: learned.encoded,
        TRAINED_ON: folder_mark(Path(settings.data.original_data_dir)),
        "settings": without_places(settings),
        "versions": versions(),
    }
    bundle = write_bundle(run.bundle, model, run.final_model, shipped.litert, shipped.activation, details)
    context.console.status("save", f"Saved {run.final_model} and {bundle.folder}")
    return bundle


def without_places(settings: Settings) -> dict[str, Any]:
    """The settings as they are passed on: of paths the last part alone, for the rest says who works where."""
    values = settings.model_dump()
    data, model = values["data"], values["model"]
    for name in ("original_data_dir", *PART_FOLDERS.values()):
        data[name] = Path(data[name]).name
    data["negatives"] = [Path(folder).name for folder in data["negatives"]]
    if data["groups"].lower().endswith(".csv"):
        data["groups"] = Path(data["groups"]).name
    model["weights"] = Path(model["weights"]).name
    return values


def _facts(trained: Trained, findings: Findings | None) -> dict[str, Any]:
    """What the model card tells: on how many images and people, and how well. No signer is named."""
    dataset, results = trained.dataset, trained.results
    parts = {"validation": results.validation, "test": results.test}
    measures: dict[str, Any] = {part: each.metrics.as_dict() for part, each in parts.items()}
    measures["accepted"] = results.decisions.accepted
    passed = results.decisions.false_accepts
    if passed is not None:
        measures["without_sign"] = passed.as_dict("share")
    if dataset.finds_hands:
        measures["hands_found"] = float(dataset.inputs.found[results.test.rows].mean())
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
        "accuracy": {part: each.metrics.accuracy for part, each in parts.items()},
        "split": dataset.groups.description,
        "images": {part: len(rows) for part, rows in trained.split.parts.items()},
        "signers": len(set(dataset.groups.of.values())) if dataset.groups.are_signers else None,
        "measures": measures,
    }
