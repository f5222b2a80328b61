"""Several models as one, as users see it: trained together, or joined from models that were there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.api import html
from handshape.api.measured import TrainingResult
from handshape.api.models import load, word_of
from handshape.api.results import Shown
from handshape.console import Console
from handshape.evaluation.ensembles import ENSEMBLE, EnsembleFacts
from handshape.reporting.wording import for_terminal, percent
from handshape.workflow.ensemble.saved import JoinedModels, SavedOptions, join_saved

if TYPE_CHECKING:
    from handshape.api.models import Model
    from handshape.evaluation.gain import Gain
    from handshape.serving.recognizer import Recognizer
    from handshape.workflow.train import TrainResult


@dataclass(frozen=True, eq=False, repr=False)
class EnsembleResult(TrainingResult):
    """A finished ensemble, or what was distilled from it; the measures are those of the model that is passed on.

    Attributes:
        ensemble: each member, how often they agree, and what joining them gained.
    """

    ensemble: EnsembleFacts

    @classmethod
    def of(cls, done: TrainResult) -> EnsembleResult:
        """Without the photographs and networks, which fill the memory."""
        trained = TrainingResult.of(done)
        if done.trained.ensemble is None:
            raise ValueError("That is the result of a single training.")
        return cls(**vars(trained), ensemble=done.trained.ensemble)

    @property
    def gains(self) -> tuple[Gain, ...]:
        """By how much all together, and what was distilled from them, are better than a single member."""
        return self.ensemble.gains

    def _parts(self) -> Iterator[str]:
        yield from _together(self.ensemble)
        yield from super()._parts()


@dataclass(frozen=True, eq=False, repr=False)
class JoinedResult(Shown, JoinedModels):
    """Models that were there, as one; see :class:`~handshape.workflow.ensemble.saved.JoinedModels` for what it holds.

    Attributes:
        models: that were joined, as they were named.
    """

    models: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.run.folder

    @property
    def accuracy(self) -> float | None:
        """Share of right answers on the half of ``on`` that weighed nothing; None where it was not measured."""
        return None if self.facts is None else self.facts.accuracies[ENSEMBLE]

    @property
    def gains(self) -> tuple[Gain, ...]:
        """By how much all together are better than a single one; none where that was not measured."""
        return () if self.facts is None else self.facts.gains

    def load(self) -> Recognizer:
        """See :func:`handshape.load`."""
        return load(self)

    @property
    def headline(self) -> str:
        """See :class:`Shown`."""
        measured = "not measured" if self.accuracy is None else f"accuracy {percent(self.accuracy)}"
        return for_terminal(f"{len(self.models)} models as one, {measured}; {self.folder}")

    def _parts(self) -> Iterator[str]:
        if self.facts is None:
            yield html.table(("joined",), [(model,) for model in self.models])
        else:
            yield from _together(self.facts)


def join_models(
    models: Sequence[Model], out: Path, name: str | None, options: SavedOptions, console: Console
) -> JoinedResult:
    """See :func:`~handshape.workflow.ensemble.saved.join_saved`."""
    words = tuple(word_of(model) for model in models)
    return JoinedResult(**vars(join_saved(words, out, name, options, console)), models=words)


def _together(facts: EnsembleFacts) -> Iterator[str]:
    """What joining came to, and each member."""
    yield html.sentences([*facts.sentences, *(f"{gain.sentence}." for gain in facts.gains)])
    parts = list(facts.members[0].accuracies)
    rows = [
        (each.name, *(percent(each.accuracies[part]) for part in parts), f"{each.weight:.2f}") for each in facts.members
    ]
    yield html.table(("member", *parts, "weight"), rows)
