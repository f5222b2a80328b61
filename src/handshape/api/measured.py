"""What a training, an evaluation and a cross-validation come to, as users see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.api import html
from handshape.api.results import Shown
from handshape.machine import is_installed
from handshape.reporting.wording import count, decisions_in_words, for_terminal, interval, percent
from handshape.workflow.crossval_result import CrossvalResult, mean_of, spread_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from handshape.evaluation.decisions import DecisionReport
    from handshape.evaluation.metrics import ClassScore, Metrics
    from handshape.evaluation.predictions import Predictions
    from handshape.evaluation.slices import Slice, Slices
    from handshape.export.bundle import Bundle
    from handshape.reporting.advice import Advice
    from handshape.reporting.verdict import Verdict
    from handshape.serving.recognizer import Recognizer
    from handshape.workflow.evaluate import Evaluation, Results
    from handshape.workflow.external_report import Judged
    from handshape.workflow.robustness import Findings
    from handshape.workflow.run import Run
    from handshape.workflow.train import TrainResult


class _Measured(Shown):
    """Answers to images whose classes are known."""

    @property
    def measured(self) -> Evaluation:
        """On which images, what was answered, and what that comes to."""
        raise NotImplementedError

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.metrics.accuracy

    @property
    def metrics(self) -> Metrics:
        """Accuracy, top 3, macro F1, calibration error."""
        return self.measured.metrics

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """Precision, recall, F1 and images of each class that has images."""
        return self.metrics.scored()

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Images, [C, C]: rows true, columns answered."""
        return self.metrics.confusion

    @property
    def class_names(self) -> tuple[str, ...]:
        """The C classes, in the order of their numbers."""
        return self.measured.class_names

    @property
    def predictions(self) -> Predictions:
        """The probabilities of each image."""
        return self.measured.predictions

    def _accuracy(self) -> str:
        """With its 95 % interval where there are few images."""
        surely = interval(self.accuracy, self.metrics.n)
        text = f"accuracy {percent(self.accuracy)} on {count(self.metrics.n, 'image')}"
        return for_terminal(f"{text} ({surely} with 95% confidence)" if surely else text)


@dataclass(frozen=True, eq=False, repr=False)
class TrainingResult(_Measured):
    """A finished training. The measures are those on its test images.

    Attributes:
        run: its folder and the files in it.
        bundle: the model that is passed on.
        results: on validation and test images, and the thresholds.
        findings: on photographs from elsewhere, by signer, by light; the verdict.
        grouping: how the photographs were split.
        seconds: by stage.
    """

    run: Run
    bundle: Bundle
    results: Results
    findings: Findings
    grouping: str
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, done: TrainResult) -> TrainingResult:
        """Without the photographs and networks, which fill the memory."""
        results, grouping = done.trained.results, done.trained.dataset.groups.description
        return cls(done.run, done.bundle, results, done.findings, grouping, done.seconds)

    @property
    def measured(self) -> Evaluation:
        """On the test images, which no decision saw."""
        return self.results.test

    @property
    def validation(self) -> Metrics:
        """On the images that chose epochs and thresholds."""
        return self.results.validation.metrics

    @property
    def decisions(self) -> DecisionReport:
        """What is accepted of the test images, and of images without a sign."""
        return self.results.decisions

    @property
    def external(self) -> Mapping[str, Metrics]:
        """On photographs from elsewhere, by name."""
        return {name: each.metrics for name, each in self.findings.external.items()}

    @property
    def verdict(self) -> Verdict:
        """What all that comes to, in a few sentences."""
        return self.findings.verdict

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What to photograph next."""
        return self.findings.advice

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.run.folder

    @property
    def report(self) -> Path:
        """What was measured and what it means, as a page."""
        return self.run.report

    def load(self) -> Recognizer:
        """See :func:`handshape.load`."""
        from handshape.api.models import load

        return load(self)

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        return f"test {self._accuracy()}, split {self.grouping}; {self.folder}"

    def _parts(self) -> Iterator[str]:
        yield html.sentences([*self.verdict.sentences, *decisions_in_words(self.decisions)])
        for stem in ("confusion_matrix_normalized", "per_class_accuracy"):
            yield html.picture(self.run.results / f"{stem}.jpg", stem.replace("_", " "))
        yield html.links({"Report": self.report, "Model card": self.bundle.folder / "CARD.md"})


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationResult(_Measured):
    """A model on photographs from elsewhere.

    Attributes:
        folder: of the photographs.
        evaluation: on which images, what was answered, and what that comes to.
        decisions: what is accepted.
        verdict: what that comes to, in a few sentences.
        advice: what to photograph next.
        slices: accuracy by size of the hand and by light.
        unknown_classes: classes of the folder that the model does not know.
        left_out: photographs that were not measured on, by their paths, and why.
        is_external: False where the model learned from these photographs: the accuracy says nothing about other people.
        report: the same as a page; None where none was asked for.
    """

    folder: Path
    evaluation: Evaluation
    decisions: DecisionReport
    verdict: Verdict
    advice: tuple[Advice, ...]
    slices: Slices
    unknown_classes: tuple[str, ...]
    left_out: Mapping[str, str]
    is_external: bool
    report: Path | None

    @classmethod
    def of(cls, judged: Judged, folder: Path, report: Path | None) -> EvaluationResult:
        """Without the photographs, which fill the memory."""
        done = judged.result
        return cls(
            folder=folder,
            evaluation=done.evaluation,
            decisions=done.decisions,
            verdict=judged.verdict,
            advice=judged.advice,
            slices=judged.slices,
            unknown_classes=done.dataset.left_out,
            left_out=done.left_out,
            is_external=done.is_external,
            report=report,
        )

    @property
    def measured(self) -> Evaluation:
        """On all of them."""
        return self.evaluation

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        seen = "" if self.is_external else ", which the model learned from"
        return f"{self._accuracy()} of {self.folder}{seen}"

    def _parts(self) -> Iterator[str]:
        yield html.sentences([*self.verdict.sentences, *decisions_in_words(self.decisions)])
        if self.unknown_classes:
            yield html.sentences([f"Classes that the model does not know: {', '.join(self.unknown_classes)}."])
        if self.left_out:
            first, why = next(iter(self.left_out.items()))
            yield html.sentences([f"{len(self.left_out):,} photographs are left out, such as {first}: {why}."])
        if is_installed("matplotlib"):
            from handshape.reporting import plots
            from handshape.reporting.plots.files import render

            figure = plots.normalised_confusion_matrix(self.metrics, str(self.folder))
            yield html.picture(render(figure), "confusion matrix")
        rows = [(each.label, each.support, f"{each.recall:.1%}") for each in self.metrics.worst() if each.recall < 1]
        if rows:
            yield html.table(("hardest classes", "images", "right"), rows)
        if self.report:
            yield html.links({"Report": self.report})


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidationResult(Shown, CrossvalResult):
    """A finished cross-validation; :class:`~handshape.workflow.crossval_result.CrossvalResult` says what it holds."""

    @property
    def accuracy(self) -> float:
        """The mean of the folds'."""
        return self.mean

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.run.folder

    @property
    def report(self) -> Path:
        """What was measured, as a page."""
        return self.run.report

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        worst, who = self.worst_fold, self.worst_signer
        hardest = f"worst fold {percent(worst.share)}" + (f", worst signer {percent(who.share)}" if who else "")
        return for_terminal(
            f"accuracy {_mean(self.folds)} over {len(self.folds)} folds {self.grouping}; {hardest}; {self.folder}"
        )

    def _parts(self) -> Iterator[str]:
        if self.random:
            yield html.sentences([f"Random folds, the same people on both sides: {_mean(self.random)}."])
        for name, slices in self.external.items():
            yield html.sentences([f"On {name}: {_mean(slices)} of {slices[0].n} images."])
        for stem in ("fold_accuracies", "confusion_matrix_normalized"):
            yield html.picture(self.run.results / f"{stem}.jpg", stem.replace("_", " "))
        yield html.links({"Report": self.report})


def _mean(slices: tuple[Slice, ...]) -> str:
    return for_terminal(f"{percent(mean_of(slices))} ± {percent(spread_of(slices))}")
