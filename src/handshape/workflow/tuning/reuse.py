"""Fits that share streams: what was trained before, on the same rows and with the same settings, is taken as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.splits import Split
from handshape.errors import DivergedError
from handshape.hands.geometry import hand_size
from handshape.model.classifier import Classifier, fused_scores, fusion_inputs
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.fit import Fitted, calibrate, fusion_of, prepare, prior_of, set_prior
from handshape.workflow.streams import StreamTrainer

KEPT = 24  # trained streams, the latest; up to 9 MB each


@dataclass(frozen=True, eq=False)
class _Trained:
    """One stream: its weights, and what it says of the rows that validate and that test, [n, C] each."""

    weights: list[Any]
    validation: NDArray[np.float32]
    test: NDArray[np.float32]


class TrainedStreams:
    """Fits on one data set; remembers its streams.

    A stream's training depends on its rows, its settings, the seed and the streams beside it alone, so that one taken
    from here is equal to one trained again, to the last bit.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._kept: dict[str, _Trained] = {}

    def right(self, split: Split, settings: Settings, context: Context) -> NDArray[np.bool_]:
        """Whether a classifier fitted on a split is right about each of its test rows, [n].

        It answers as the one of :meth:`fit` does, but that network is not even put together.

        Raises:
            DivergedError: weights are no numbers any more.
        """
        dataset, (classifier, _, streams) = self.dataset, self._trained(split, settings, context)
        scores = next(iter(streams.values())).test
        if classifier.fusion is not None:
            kernel = fusion_of({name: each.validation for name, each in streams.items()}, dataset, split.validation)
            present, size = dataset.inputs.hand_present[split.test], hand_size(dataset.inputs.landmarks[split.test])
            weights = fusion_inputs(present, size) @ kernel
            scores = fused_scores([each.test for each in streams.values()], weights)
            if classifier.prior is not None:
                scores = scores + (1 - present) @ prior_of(dataset, split.train)
        return np.asarray(scores.argmax(axis=1) == dataset.targets[split.test])

    def fit(self, split: Split, settings: Settings, context: Context) -> Fitted:
        """As :func:`~handshape.workflow.fit.fit`; the run of the context gets none of its files.

        Raises:
            DivergedError: weights are no numbers any more.
        """
        classifier, trainers, streams = self._trained(split, settings, context)
        for name, each in streams.items():
            classifier.streams[name].model.set_weights(each.weights)
        set_prior(classifier, self.dataset, split.train)
        return Fitted(classifier, calibrate(classifier, trainers, self.dataset, split.validation), trainers)

    def _trained(
        self, split: Split, settings: Settings, context: Context
    ) -> tuple[Classifier, tuple[StreamTrainer, ...], dict[str, _Trained]]:
        classifier, trainers = prepare(self.dataset, split, settings, context)
        place, streams = str(hash((split.train.tobytes(), split.validation.tobytes(), split.test.tobytes()))), {}
        for trainer in trainers:
            key = f"{place} {_what_counts(settings, trainer.name)}"
            if key not in self._kept:
                self._kept[key] = _train(trainer, classifier, split)
            streams[trainer.name] = self._kept[key] = self._kept.pop(key)  # the latest is last
        for old in list(self._kept)[:-KEPT]:
            del self._kept[old]
        return classifier, trainers, streams


def _train(trainer: StreamTrainer, classifier: Classifier, split: Split) -> _Trained:
    trainer.train()
    weights = classifier.streams[trainer.name].model.get_weights()
    if not all(np.isfinite(each).all() for each in weights):
        raise DivergedError("The training went astray: weights are no numbers any more.", "a lower learning rate")
    said = trainer.probabilities(np.concatenate([split.validation, split.test]))
    return _Trained(weights, said[: len(split.validation)], said[len(split.validation) :])


def _what_counts(settings: Settings, stream: str) -> str:
    """The settings that a stream's training depends on, the seed among them."""
    sections: dict[str, Any] = {"landmarks": settings.landmark_stream, "hand": settings.hand_stream}
    parts = [sections[stream]] if stream in sections else [settings.model, settings.augmentation, settings.training]
    facts = [settings.model.streams, *(part.model_dump() for part in (*parts, settings.hands))]  # all start in turn
    return f"{stream} {settings.data.seed} {json.dumps(facts, sort_keys=True)}"
