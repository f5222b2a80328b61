"""The stage that writes report.html: what was measured, what it means, and the photographs that show it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.samples import ImageFolder
from handshape.evaluation.slices import Slice
from handshape.explain.saliency import where_it_looked
from handshape.hands.crops import crop_box
from handshape.machine import versions
from handshape.model.classifier import Classifier
from handshape.reporting.page import ReportContent, choose_pairs, write_report
from handshape.reporting.page.content import (
    Accuracies,
    DataFacts,
    Decisions,
    Measured,
    Mirror,
    Pair,
    Shot,
    Slices,
    SuspectedLabel,
    Verdict,
)
from handshape.reporting.page.pairs import typical_image
from handshape.workflow.dataset import FoundHands, knows_signers
from handshape.workflow.evaluate import Judgement, decisions_on
from handshape.workflow.robustness import Findings
from handshape.workflow.run import Run

MAX_EXAMPLES = 12


def write_html(
    run: Run,
    classifier: Classifier,
    judgement: Judgement,
    findings: Findings,
    folder: ImageFolder,
    checked: CheckReport,
    hands: FoundHands,
    settings: Settings,
    console: Console,
) -> None:
    """Writes the report of a run, one self-contained page."""
    shots = _Shots(classifier, judgement, folder, hands)
    test = judgement.test.predictions
    pairs = [
        Pair(shots.take(choice.wrong), None if choice.typical is None else shots.take(choice.typical))
        for choice in choose_pairs(test.probabilities, test.targets)
    ]
    typical = (typical_image(test.probabilities, test.targets, number) for number in range(len(judgement.class_names)))
    looks = [shots.take(row) for row in typical if row is not None]
    coverage = findings.slices.coverage
    content = ReportContent(
        title=run.folder.resolve().name,
        when=time.strftime("%d %B %Y, %H:%M"),
        accuracies=_accuracies(judgement, findings),
        verdict=Verdict(findings.verdict.level, findings.verdict.sentences),
        advice=[advice.text for advice in findings.advice],
        test=judgement.test.metrics,
        pairs=pairs,
        looks=_spread(looks) if classifier.pixels else (),
        slices=_slices(findings),
        coverage=_measured(coverage.overall) if coverage else None,
        mirror=Mirror(
            findings.mirror.accuracy,
            findings.mirror.mirrored_accuracy,
            [(each.label, each.read_as, each.mirrored) for each in findings.mirror.collisions],
        ),
        decisions=_decisions(judgement),
        data=_facts(judgement, findings, folder, checked),
        figures=sorted(run.results.glob("*.png")),
        settings=settings.model_dump(),
        versions=versions(),
    )
    write_report(run.report, content)
    console.status("chart", f"Report: {run.report}")


class _Shots:
    """Test photographs with where the model looked."""

    def __init__(self, classifier: Classifier, judgement: Judgement, folder: ImageFolder, hands: FoundHands) -> None:
        self._weights = classifier.pixels.logits.get_weights()[0] if classifier.pixels else None
        self._judgement, self._folder, self._hands = judgement, folder, hands

    def take(self, row: int) -> Shot:
        """The photograph of a row of the test images."""
        test, sample = self._judgement.test, self._judgement.split.test[row]
        answer = int(test.predictions.probabilities[row].argmax())
        hand = self._hands.get(sample.path)
        is_left = hand is not None and hand.handedness == "Left"
        return Shot(
            file=self._folder.file(sample),
            label=sample.label,
            answer=self._judgement.class_names[answer],
            confidence=float(test.predictions.confidence[row]),
            heat=self._heat(test.inputs.image[row], answer, is_left),
            box=crop_box(hand) if hand else None,
        )

    def _heat(self, image: NDArray[np.uint8], answer: int, is_left: bool) -> NDArray[np.float32] | None:
        if self._weights is None:
            return None
        features = self._judgement.judged.network.features(image[None])[0]
        return where_it_looked(features, self._weights, answer, is_left)


def _accuracies(judgement: Judgement, findings: Findings) -> Accuracies:
    own = Measured(judgement.test.metrics.accuracy, judgement.test.metrics.n)
    by_signer = knows_signers(judgement.split)
    external = {name: Measured(each.metrics.accuracy, each.metrics.n) for name, each in findings.external.items()}
    signers_command = "handshape train DATA --set data.groups=SIGNERS.csv"
    return Accuracies(None if by_signer else own, own if by_signer else None, external, signers_command=signers_command)


def _slices(findings: Findings) -> list[Slices]:
    named = {
        "hand size": findings.slices.by_size,
        "brightness": findings.slices.by_brightness,
        "signer": findings.slices.by_signer,
    }
    return [Slices(by, {part.name: _measured(part) for part in parts}) for by, parts in named.items() if parts]


def _decisions(judgement: Judgement) -> Decisions:
    made = decisions_on(judgement, judgement.test)
    kept = judgement.negatives.test if judgement.negatives else None
    thresholds = judgement.tuning.thresholds.as_dict()
    return Decisions(
        accepted=made.accepted,
        accuracy_of_accepted=made.accuracy_of_accepted or 0.0,
        unknown=made.unknown,
        no_hand=made.no_hand,
        n=judgement.test.metrics.n,
        false_accepts=None
        if kept is None or made.false_accept is None
        else Measured(made.false_accept, len(kept.probabilities)),
        target=judgement.tuning.target,
        thresholds={name: value for name, value in thresholds.items() if value is not None},
    )


def _facts(judgement: Judgement, findings: Findings, folder: ImageFolder, checked: CheckReport) -> DataFacts:
    split = judgement.split
    samples = [sample for part in split.parts.values() for sample in part]
    counts = Counter(sample.label for sample in samples)
    signers: Counter[str] = Counter()
    if knows_signers(split) and split.groups:
        signers.update(split.groups[sample.path] for sample in samples)
    return DataFacts(
        images={label: counts[label] for label in judgement.class_names},
        parts={part: len(each) for part, each in split.parts.items()},
        signers=dict(sorted(signers.items())),
        near_duplicates=Measured(findings.near_duplicates, len(split.test)),
        label_issues=None
        if checked.label_issues is None
        else [
            SuspectedLabel(folder.root / each.path, each.label, each.suggested, each.confidence)
            for each in checked.label_issues
        ],
    )


def _measured(part: Slice) -> Measured:
    return Measured(part.share, part.n)


def _spread(shots: Sequence[Shot]) -> list[Shot]:
    """At most a dozen, evenly over the classes."""
    rows = np.unique(np.linspace(0, len(shots) - 1, min(MAX_EXAMPLES, len(shots))).round().astype(int))
    return [shots[row] for row in rows]
