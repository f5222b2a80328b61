"""What a training has at its end, before anything of it is written."""

from __future__ import annotations

from dataclasses import dataclass

from handshape.config import Settings
from handshape.data.splits import Split
from handshape.evaluation.ensembles import EnsembleFacts
from handshape.workflow.convert import ConvertedModel
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import Results
from handshape.workflow.fit import Fitted


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained, measured, converted model and what it was made of.

    Attributes:
        dataset: what it learned from.
        split: which rows.
        settings: how.
        fitted: the classifier in Keras.
        results: measured before it learned from the images kept back.
        measured: the model that was measured.
        shipped: the model that is passed on; the same where it learned from nothing more.
        ensemble: what its members came to; None where it has none.
    """

    dataset: Dataset
    split: Split
    settings: Settings
    fitted: Fitted
    results: Results
    measured: ConvertedModel
    shipped: ConvertedModel
    ensemble: EnsembleFacts | None = None

    @property
    def is_refitted(self) -> bool:
        """Whether it has learned from the images kept back, once measured."""
        return self.shipped is not self.measured
