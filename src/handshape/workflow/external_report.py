"""What an evaluation leaves behind: its figures, measures and page, and a line in the list of the model's run.

A run keeps a small record of each set of photographs that its model was measured on, and ``evaluations.html``, the list
of them, which its report links to.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.console import Console
from handshape.errors import HandshapeError, RunError, RuntimeUnavailableError
from handshape.evaluation.slices import Slice, Slices
from handshape.export.bundle import Bundle
from handshape.files import write_json
from handshape.machine import is_installed, versions
from handshape.model.networks import LiteRtNetwork
from handshape.reporting.advice import Advice, advise
from handshape.reporting.page import EvaluationContent, Listed, write_evaluation_page, write_evaluations_page
from handshape.reporting.verdict import Evidence, Verdict, verdict_on
from handshape.runtime import INSTALL_HINT
from handshape.workflow.context import optional
from handshape.workflow.examples import Gallery
from handshape.workflow.external import ExternalEvaluation
from handshape.workflow.robustness import acceptance, slice_test
from handshape.workflow.run import RECORD

PAGE, RESULTS = "report.html", "results.json"
MADE_BY = "handshape evaluate"  # in the results: such a folder may be written again
RECORDS, LIST = Path("results") / "external", "evaluations.html"  # in a run folder


@dataclass(frozen=True, eq=False)
class Judged:
    """An evaluation and what it means."""

    result: ExternalEvaluation
    slices: Slices
    verdict: Verdict
    advice: tuple[Advice, ...]

    @classmethod
    def of(cls, result: ExternalEvaluation) -> Judged:
        """By hand size and brightness, in plain words, and what to do about it."""
        evaluation, right = result.evaluation, result.right
        slices = slice_test(evaluation, result.dataset)
        accepted, rejected = acceptance(evaluation, result.bundle.thresholds)
        evidence = Evidence(
            same_people=None if result.is_external else right,
            external=(right,) if result.is_external else (),
            hands_found=slices.coverage.overall if slices.coverage else None,
            calibration_error=evaluation.metrics.ece,
            accepted=accepted,
            rejected=rejected,
        )
        return cls(result, slices, verdict_on(evidence), advise(evaluation.metrics, slices=slices))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.result.as_dict(),
            "slices": self.slices.as_dict(),
            "verdict": self.verdict.as_dict(),
            "advice": [advice.text for advice in self.advice],
        }


def require_place(folder: Path, photographs: Path) -> None:
    """Passes where an evaluation may write a folder: better said before photographs are read than after.

    Raises:
        RunError: it holds something that no evaluation made, or lies among the photographs.
        RuntimeUnavailableError: what draws and writes pages is not installed.
    """
    missing = [name for name in ("jinja2", "matplotlib") if not is_installed(name)]
    if missing:
        raise RuntimeUnavailableError(f"A report needs {' and '.join(missing)}.", "the extra [train]", INSTALL_HINT)
    if folder.resolve().is_relative_to(photographs.resolve()):
        raise RunError(
            f"The report would go into {folder}, among the photographs.", fix="Name another place with --out."
        )
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file.", "a folder for the report", "Name another place with --out.")
    if folder.is_dir() and any(folder.iterdir()) and _read(folder / RESULTS).get("made_by") != MADE_BY:
        raise RunError(
            f"There is something else in {folder}, which the report would be mixed with.",
            "a new or empty folder, or the one of an earlier evaluation",
            "Name another place with --out.",
        )


def write_evaluation(judged: Judged, folder: Path, console: Console) -> Path:
    """Writes figures, results.json and report.html into a folder, and a line into the list of the model's run.

    Returns:
        The page.

    Raises:
        RunError: the folder cannot be written.
    """
    result = judged.result
    photographs = str(result.dataset.folder.root.resolve()).encode("utf-8", "replace").decode()
    about = {"made_by": MADE_BY, "when": time.strftime("%Y-%m-%dT%H:%M:%S"), "photographs": photographs}
    write_json(folder / RESULTS, {**about, "model": result.bundle.sha256, **judged.as_dict()})
    figures = []
    with optional("Drawing the figures", console):
        figures = _draw(result, folder, console)
    write_evaluation_page(folder / PAGE, _content(judged, figures))
    run = run_of(result.bundle)
    if run is not None and result.is_external:
        _record(result, run, folder / PAGE, about, console)
    return folder / PAGE


def run_of(bundle: Bundle) -> Path | None:
    """The run folder that a bundle lies in; None of one that stands alone, or in a registry."""
    return bundle.folder.parent if (bundle.folder.parent / RECORD).is_file() else None


def list_evaluations(run: Path) -> None:
    """Writes the list of evaluations of a run's model from their records; without any, it says how to make one."""
    write_evaluations_page(
        run / LIST, run.resolve().name, sorted(_listed(run), key=lambda each: each.when, reverse=True)
    )


def _draw(result: ExternalEvaluation, folder: Path, console: Console) -> list[Path]:
    from handshape.reporting import plots

    evaluation = result.evaluation
    console.status("chart", f"Drawing figures into {folder}")
    return plots.draw_figures(folder, evaluation.metrics, evaluation.predictions, None, result.name, console)


def _content(judged: Judged, figures: list[Path]) -> EvaluationContent:
    result, bundle = judged.result, judged.result.bundle
    activation = bundle.class_activation()
    network = LiteRtNetwork(bundle.litert)
    gallery = Gallery(result.evaluation, result.dataset, bundle.thresholds, network.features, activation)
    run = run_of(bundle)
    return EvaluationContent(
        title=result.name,
        when=time.strftime("%d %B %Y, %H:%M"),
        model=(run or bundle.folder).resolve().name,
        is_external=result.is_external,
        right=result.right,
        verdict=judged.verdict,
        advice=judged.advice,
        test=result.evaluation.metrics,
        pairs=gallery.mistakes(),
        examples=gallery.typical(),
        slices=judged.slices,
        decisions=result.decisions,
        thresholds=bundle.thresholds,
        left_out=result.left_out,
        corrections=result.dataset.folder.corrections,
        unknown_classes=result.dataset.left_out,
        classes=Counter(result.dataset.samples[row].label for row in result.evaluation.rows),
        figures=[file for file in figures if file.suffix == ".png"],
        versions=versions(),
    )


def _record(result: ExternalEvaluation, run: Path, page: Path, about: dict[str, str], console: Console) -> None:
    """Keeps what came of it in the run, where that can be written, instead of an earlier one of these photographs."""
    right, made = result.right, result.decisions
    record = {
        **about,
        "name": result.name,
        "n": right.n,
        "right": right.hits,
        "accepted": made.accepted,
        "accuracy_of_accepted": made.accuracy_of_accepted,
        "page": _beside(page, run),
    }
    try:
        write_json(_place(run / RECORDS, result.name, about["photographs"]), record)
        list_evaluations(run)
    except HandshapeError as error:
        console.detail(f"{run} cannot be written, so its report does not list this evaluation. {error.happened}")


def _place(records: Path, name: str, photographs: str) -> Path:
    """The record of these photographs, or a free name where other photographs have theirs."""
    numbered = (records / f"{name}{number}.json" for number in ("", *(f"_{number}" for number in range(2, 10_000))))
    return next(file for file in numbered if _read(file).get("photographs", photographs) == photographs)


def _listed(run: Path) -> Iterator[Listed]:
    for file in (run / RECORDS).glob("*.json"):
        record = _read(file)
        try:
            right = Slice(str(record["name"]), int(record["n"]), int(record["right"]))
            accepted, rightly = record["accepted"], record["accuracy_of_accepted"]
            yield Listed(right, str(record["when"]), accepted, rightly, record["page"])
        except (KeyError, TypeError, ValueError):
            continue  # somebody else's


def _beside(page: Path, run: Path) -> str | None:
    """The way from a run to a page, as a link says it; None on another drive."""
    try:
        return Path(os.path.relpath(page.resolve(), run.resolve())).as_posix()
    except ValueError:
        return None


def _read(file: Path) -> dict[str, Any]:
    """A JSON file; nothing where there is none, or a damaged one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
