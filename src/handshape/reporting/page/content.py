"""What the pages tell, as plain values. Whatever was not measured is None or empty, and its section says so or goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handshape.data.check_report import LabelIssue
from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.mirror import MirrorTest
from handshape.evaluation.slices import Slice, Slices
from handshape.evaluation.thresholds import Tuning
from handshape.explain.saliency import Heat
from handshape.hands.boxes import Box
from handshape.reporting.advice import Advice
from handshape.reporting.page.pairs import Pair
from handshape.reporting.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Example:
    """A photograph, what it was taken for, and where the model looked.

    Attributes:
        file: the photograph.
        label: its true class.
        answer: what the model said.
        confidence: of that answer, 0 to 1.
        heat: [h, w] float32, from :func:`~handshape.explain.saliency.class_activation`, for that answer.
        box: what the model saw, in pixels of the upright photograph at its full size; None is all of it.
    """

    file: Path
    label: str
    answer: str
    confidence: float
    heat: Heat | None = None
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that the report of a run tells.

    Attributes:
        title: what this run is.
        when: it was made, as people write it.
        random: accuracy on a random split, where the same people stand on both sides.
        signers: accuracy on people who are in no training photograph.
        external: accuracy on other sets of photographs, by name.
        verdict: what they mean.
        advice: what to do next, the most useful first.
        test: measures of the test images.
        pairs: confusions as pictures.
        examples: photographs answered right, to show where the model looked.
        slices: accuracy by hand size, by brightness, by signer; and where a hand was found.
        mirror: the mirror test.
        decisions: on the test images.
        tuning: of the thresholds that decide.
        negatives: photographs without a sign; a hit is one taken for a sign.
        temperature: by which the logits were divided.
        classes: photographs of each class.
        parts: photographs of each part of the split, by its name.
        people: photographs of each signer; empty where nobody knows who signed.
        near_duplicates: share of the test images with a near-duplicate among the training images.
        label_issues: labels in doubt, the surest first; None where they were not looked for.
        photographs: the folder that the paths of the label issues start from.
        figures: pictures of the results folder.
        settings: sections of settings, name and value.
        versions: of the program and its libraries.
    """

    title: str
    when: str
    random: Slice | None = None
    signers: Slice | None = None
    external: Mapping[str, Slice] = field(default_factory=dict)
    verdict: Verdict | None = None
    advice: Sequence[Advice] = ()
    test: Metrics | None = None
    pairs: Sequence[Pair[Example]] = ()
    examples: Sequence[Example] = ()
    slices: Slices = field(default_factory=Slices)
    mirror: MirrorTest | None = None
    decisions: DecisionReport | None = None
    tuning: Tuning | None = None
    negatives: Slice | None = None
    temperature: float | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)
    near_duplicates: float | None = None
    label_issues: Sequence[LabelIssue] | None = None
    photographs: Path = Path()
    figures: Sequence[Path] = ()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CrossvalContent:
    """Everything that the page of a cross-validation tells. Accuracies are shares, spreads standard deviations.

    Attributes:
        title: what was cross-validated.
        when: as people write it.
        grouping: one sentence on what never stands on both sides of a fold.
        folds: accuracy of each, named by its number or by who was kept out.
        mean: accuracy, over the folds.
        spread: of the accuracy, over the folds.
        worst_fold: the one of the lowest accuracy.
        confusion: measures of every image, each answered by the model that had not seen its fold.
        per_class: right answers of each class, over all folds.
        worst_signer: None where nobody knows who signed.
        random: mean and spread over random folds, where the same people stand on both sides; None if not measured.
        external: mean and spread over the folds' models on other photographs, and how many those are, by name.
        figures: pictures.
    """

    title: str
    when: str
    grouping: str
    folds: Sequence[Slice]
    mean: float
    spread: float
    worst_fold: Slice
    confusion: Metrics
    per_class: Sequence[Slice]
    worst_signer: Slice | None = None
    random: tuple[float, float] | None = None
    external: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    figures: Sequence[Path] = ()
