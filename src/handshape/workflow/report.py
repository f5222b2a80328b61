"""The report of a run: what was measured, what it means, and the photographs that show it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.slices import Slice
from handshape.explain.saliency import where_it_looked
from handshape.hands.crops import crop_box
from handshape.machine import versions
from handshape.reporting.page import Example, Pair, ReportContent, choose_pairs, typical_image, write_report
from handshape.workflow.robustness import Findings
from handshape.workflow.run import Run
from handshape.workflow.trained import Trained

MAX_EXAMPLES = 12


def write_report_of(trained: Trained, findings: Findings, run: Run) -> None:
    """Writes report.html, one self-contained page."""
    dataset, results = trained.dataset, trained.results
    predictions = results.test.predictions
    own = Slice.of("test images", predictions.correct)
    pairs = [
        Pair(_example(trained, pair.wrong), None if pair.typical is None else _example(trained, pair.typical))
        for pair in choose_pairs(predictions.probabilities, predictions.targets)
    ]
    signs = results.negatives
    content = ReportContent(
        title=run.folder.resolve().name,
        when=time.strftime("%d %B %Y, %H:%M"),
        random=None if dataset.groups.are_signers else own,
        signers=own if dataset.groups.are_signers else None,
        external={name: Slice.of(name, each.predictions.correct) for name, each in findings.external.items()},
        verdict=findings.verdict,
        advice=findings.advice,
        test=results.test.metrics,
        pairs=pairs,
        examples=_examples(trained),
        slices=findings.slices,
        mirror=findings.mirror,
        decisions=results.decisions,
        tuning=results.tuning,
        negatives=Slice.of("negatives", signs.accepted_as_sign(results.tuning.thresholds)) if signs else None,
        temperature=trained.fitted.calibration.get("temperature"),
        classes=Counter(sample.label for sample in dataset.samples),
        parts={part: len(rows) for part, rows in trained.split.parts.items()},
        people=Counter(dataset.group_names(dataset.rows)) if dataset.groups.are_signers else {},
        near_duplicates=findings.near_duplicates,
        label_issues=dataset.report.label_issues,
        photographs=dataset.folder.root,
        figures=sorted(run.results.glob("*.png")),
        settings=trained.settings.model_dump(),
        versions=versions(),
    )
    write_report(run.report, content)


def _examples(trained: Trained) -> Sequence[Example]:
    """A typical photograph of at most a dozen classes, evenly over them; none without a pixel stream's heat map."""
    if trained.measured.activation is None:
        return ()
    predictions, classes = trained.results.test.predictions, range(len(trained.dataset.class_names))
    numbers = (typical_image(predictions.probabilities, predictions.targets, each) for each in classes)
    chosen = [number for number in numbers if number is not None]
    even = np.unique(np.linspace(0, len(chosen) - 1, min(MAX_EXAMPLES, len(chosen))).round().astype(int))
    return [_example(trained, chosen[place]) for place in even]


def _example(trained: Trained, number: int) -> Example:
    """One of the test photographs, with where the model looked."""
    dataset, test = trained.dataset, trained.results.test
    row = test.rows[number]
    hand, answer = dataset.hands[row], int(test.predictions.predicted[number])
    return Example(
        file=dataset.folder.file(dataset.samples[row]),
        label=dataset.samples[row].label,
        answer=dataset.class_names[answer],
        confidence=float(test.predictions.confidence[number]),
        heat=_heat(trained, row, answer),
        box=crop_box(hand) if hand else None,
    )


def _heat(trained: Trained, row: int, answer: int) -> NDArray[np.float32] | None:
    model, hand = trained.measured, trained.dataset.hands[row]
    if model.activation is None:
        return None
    features = model.network.features(trained.dataset.inputs.image[[row]])[0]
    return where_it_looked(features, model.activation, answer, hand is not None and hand.handedness == "Left")
