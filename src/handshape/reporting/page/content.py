"""What the pages tell, as plain values. Whatever was not measured is None or empty, and its section says so or goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from handshape.data.check_report import LabelIssue
from handshape.data.label_table import Corrections
from handshape.evaluation.decisions import DecisionReport
from handshape.evaluation.ensembles import EnsembleFacts
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.mirror import MirrorTest
from handshape.evaluation.slices import Slice, Slices
from handshape.explain.saliency import Heat
from handshape.hands.boxes import Box
from handshape.model.decisions import Thresholds
from handshape.reporting.advice import Advice
from handshape.reporting.page.pairs import Pair
from handshape.reporting.runs import ListedRun
from handshape.reporting.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Example:
    """A photograph, what it was taken for, and where the model looked.

    Attributes:
        file: the photograph.
        label: its true class.
        answer: the class it was taken for.
        confidence: of that answer, 0 to 1.
        decision: what a user is told: the answer, or that it is unknown or shows no hand.
        heat: [h, w] float32, from :func:`~handshape.explain.saliency.where_it_looked`, for that answer.
        box: what the model saw, in pixels of the upright photograph at its full size; None is all of it.
    """

    file: Path
    label: str
    answer: str
    confidence: float
    decision: str
    heat: Heat | None = None
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class MeasuredContent:
    """What a page tells of a model on some photographs.

    Attributes:
        title: what this page is about.
        when: it was made, as people write it.
        verdict: what it all means.
        advice: what to do next, the most useful first.
        test: measures of the photographs.
        pairs: confusions as pictures.
        examples: photographs answered right, to show where the model looked.
        slices: accuracy by hand size, by brightness, by signer; and where a hand was found.
        decisions: on the photographs.
        thresholds: that decide.
        target: share of photographs without a sign that may be taken for one.
        classes: photographs of each class.
        corrections: what the ``labels.csv`` of the photographs changes.
        figures: pictures of the results folder.
        versions: of the program and its libraries.
    """

    title: str
    when: str
    verdict: Verdict | None = None
    advice: Sequence[Advice] = ()
    test: Metrics | None = None
    pairs: Sequence[Pair[Example]] = ()
    examples: Sequence[Example] = ()
    slices: Slices = field(default_factory=Slices)
    decisions: DecisionReport | None = None
    thresholds: Thresholds | None = None
    target: float | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    corrections: Corrections = field(default_factory=Corrections)
    figures: Sequence[Path] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReportContent(MeasuredContent):
    """Everything that the report of a run tells, on its test photographs and others.

    Attributes:
        random: accuracy on a random split, where the same people may stand on both sides.
        signers: accuracy on people who are in no training photograph.
        external: accuracy on other sets of photographs, by name.
        mirror: the mirror test.
        parts: photographs of each part of the split, by its name.
        people: photographs of each signer; empty where nobody knows who signed.
        near_duplicates: share of the test images with a near-duplicate among the training images.
        label_issues: labels in doubt, the surest first; None where they were not looked for.
        photographs: the folder that the paths of the label issues start from.
        settings: sections of settings, name and value.
        ensemble: its members and what joining them gained; None of a model that has none.
    """

    random: Slice | None = None
    signers: Slice | None = None
    external: Mapping[str, Slice] = field(default_factory=dict)
    mirror: MirrorTest | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)
    near_duplicates: float | None = None
    label_issues: Sequence[LabelIssue] | None = None
    photographs: Path = Path()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    ensemble: EnsembleFacts | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationContent(MeasuredContent):
    """Everything that the page of a later evaluation tells.

    Attributes:
        model: what was measured.
        right: answers to the photographs.
        is_external: whether the model had seen none of them; else they say nothing about other people.
        left_out: photographs that were not measured on, and why.
        unknown_classes: folders of classes that the model does not know.
    """

    model: str
    right: Slice
    is_external: bool
    left_out: Mapping[str, str]
    unknown_classes: Sequence[str]


@dataclass(frozen=True)
class Listed:
    """A line in the list of a model's evaluations.

    Attributes:
        right: answers, and the name of the photographs.
        when: it was made, in the order of dates.
        accepted: share that was answered with a label.
        accuracy_of_accepted: how many of these rightly; None where there were none.
        page: the way to it from the list; None where there is none.
    """

    right: Slice
    when: str
    accepted: float
    accuracy_of_accepted: float | None
    page: str | None


@dataclass(frozen=True, eq=False)
class EvaluationsContent:
    """The list of a model's evaluations, the latest first."""

    title: str
    evaluations: Sequence[Listed]
    when: str = ""


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
        corrections: what the ``labels.csv`` of the photographs changes.
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
    corrections: Corrections = field(default_factory=Corrections)
    figures: Sequence[Path] = ()


@dataclass(frozen=True)
class TunedTrial:
    """A line in the list of a search's trials.

    Attributes:
        number: from 1 on.
        is_chosen: whether it is the one that was chosen.
        accuracy: mean over the folds that were done.
        cost: in the unit of the second objective; None without one.
        folds: how many were done.
        is_done: whether all were.
        seconds: that it took.
        values: its settings, in words.
    """

    number: int
    is_chosen: bool
    accuracy: float
    cost: float | None
    folds: int
    is_done: bool
    seconds: float
    values: str


@dataclass(frozen=True, eq=False)
class TuneContent:
    """Everything that the page of a search for settings tells.

    Attributes:
        title: what the search is called.
        when: as people write it.
        verdict: whether what was found is better.
        is_better: the same.
        choice: why that trial was chosen, in a sentence.
        grouping: one sentence on what never stands on both sides of a fold.
        people: that were searched on, and that were kept out.
        what: these are, in the plural.
        changes: settings found that are not the defaults, each from what to what.
        command: trains with them.
        trials: the best first.
        storage: of the study, as ``optuna-dashboard`` takes it.
        unit: of what else counts; empty where nothing does.
        accuracies: on the people kept out, with the defaults and with the settings found.
        difference: by how much the latter are better, the mean over people.
        spread: half the width of its 95 % interval; None where it is not known.
        images: of the people kept out.
        folds: over these, right answers with each of both; empty where the defaults were the best.
        figures: pictures.
    """

    title: str
    when: str
    verdict: str
    is_better: bool
    choice: str
    grouping: str
    people: tuple[int, int]
    what: str
    changes: Mapping[str, tuple[str, str]]
    command: str
    trials: Sequence[TunedTrial]
    storage: str
    unit: str = ""
    accuracies: tuple[float, float] = (0.0, 0.0)
    difference: float = 0.0
    spread: float | None = None
    images: int = 0
    folds: Sequence[tuple[Slice, Slice]] = ()
    figures: Sequence[Path] = ()


Rows = Sequence[tuple[str, Sequence[str]]]  # what something is called, and what each run has of it


@dataclass(frozen=True, eq=False)
class RunsContent:
    """A list of runs, and where some were compared what tells them apart.

    Attributes:
        title: which runs.
        when: this page was made, as people write it.
        runs: in order.
        figures: pictures.
        names: of the runs compared.
        sentences: how far each is from the first, and whether that may be chance.
        chance: what those take for granted.
        settings: that differ.
        measures: in words.
        seconds: by stage.
        versions: that differ.
    """

    title: str
    when: str
    runs: Sequence[ListedRun]
    figures: Sequence[Path] = ()
    names: Sequence[str] = ()
    sentences: Sequence[str] = ()
    chance: str = ""
    settings: Rows = ()
    measures: Rows = ()
    seconds: Rows = ()
    versions: Rows = ()


PageContent = ReportContent | EvaluationContent | EvaluationsContent | CrossvalContent | TuneContent | RunsContent
