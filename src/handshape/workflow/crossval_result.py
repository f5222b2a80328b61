"""What a cross-validation comes to: folds, their mean and spread, the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handshape.data.label_table import Corrections
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.slices import Slice
from handshape.workflow.run import CrossvalRun


@dataclass(frozen=True, eq=False)
class CrossvalResult:
    """What a cross-validation came to. A slice is a name, images and right answers.

    Attributes:
        run: its folder.
        grouping: what never stands on both sides of a fold, in a sentence.
        folds: in order; named by number, or by the signer who was kept out.
        metrics: of all images, each answered by the model that had not seen its group.
        per_class: right answers of each class.
        per_signer: the worst first; empty where nobody knows who signed.
        random: folds that know no groups; empty where they were not asked for.
        external: for each set of other photographs, a slice a fold.
        seconds: by stage.
        corrections: what the ``labels.csv`` of the photographs changes.
    """

    run: CrossvalRun
    grouping: str
    folds: tuple[Slice, ...]
    metrics: Metrics
    per_class: tuple[Slice, ...]
    per_signer: tuple[Slice, ...]
    random: tuple[Slice, ...]
    external: Mapping[str, tuple[Slice, ...]]
    seconds: Mapping[str, float]
    corrections: Corrections = field(default_factory=Corrections)

    @property
    def mean(self) -> float:
        """Of the folds' accuracies."""
        return mean_of(self.folds)

    @property
    def spread(self) -> float:
        """Their standard deviation."""
        return spread_of(self.folds)

    @property
    def worst_fold(self) -> Slice:
        """The one of the lowest accuracy."""
        return min(self.folds, key=lambda fold: fold.share)

    @property
    def worst_signer(self) -> Slice | None:
        """The one of the lowest accuracy."""
        return self.per_signer[0] if self.per_signer else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        worst = self.worst_signer
        return {
            "grouping": self.grouping,
            "folds": [fold.as_dict() for fold in self.folds],
            "mean": self.mean,
            "spread": self.spread,
            "worst_fold": self.worst_fold.as_dict(),
            "worst_signer": worst.as_dict() if worst else None,
            "per_class": [each.as_dict() for each in self.per_class],
            "per_signer": [each.as_dict() for each in self.per_signer],
            "all_images": self.metrics.as_dict(),
            "random": summary_of(self.random) if self.random else None,
            "external": {name: summary_of(slices) for name, slices in self.external.items()},
            "corrections": self.corrections.as_dict(),
            "seconds": dict(self.seconds),
        }


def mean_of(slices: Sequence[Slice]) -> float:
    """The mean of their accuracies, 0 to 1."""
    return float(np.mean([each.share for each in slices]))


def spread_of(slices: Sequence[Slice]) -> float:
    """The standard deviation of their accuracies; 0 for a single one."""
    return float(np.std([each.share for each in slices], ddof=1)) if len(slices) > 1 else 0.0


def summary_of(slices: Sequence[Slice]) -> dict[str, Any]:
    """Folds and what they come to, for JSON."""
    return {
        "mean": mean_of(slices),
        "spread": spread_of(slices),
        "n": slices[0].n,
        "folds": [each.as_dict() for each in slices],
    }
