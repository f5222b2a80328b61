"""Models that are there already, joined into one: each keeps what it learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import load_settings
from handshape.console import Console
from handshape.data.folds import stratified_folds
from handshape.data.groups import group_samples
from handshape.data.messages import some
from handshape.errors import DataError, ModelError
from handshape.evaluation.ensembles import Compared, EnsembleFacts, MemberFacts
from handshape.evaluation.predictions import predict
from handshape.evaluation.thresholds import tune_thresholds
from handshape.export.bundle import TRAINED_ON, Bundle, ModelDescription, write_bundle
from handshape.export.keras_file import load_keras, save_keras
from handshape.files import atomic_write, write_json
from handshape.hands.search import hand_search
from handshape.machine import versions
from handshape.model.decisions import NEVER, Thresholds
from handshape.model.ensemble import Member, join_members
from handshape.model.networks import KerasNetwork
from handshape.registry import resolve
from handshape.workflow.context import Context
from handshape.workflow.convert import ConvertedModel, convert_model
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.plan import Weighing
from handshape.workflow.ensemble.weighing import Weights, weigh
from handshape.workflow.evaluate import evaluate
from handshape.workflow.external import seen_in_words
from handshape.workflow.other_photographs import load_external
from handshape.workflow.overlap import LEARNED_FROM, Learned, is_seen, learned_by
from handshape.workflow.run import COMPLETE, EnsembleRun, claimed_run

SEED = 0  # of the halves that weigh and measure


@dataclass(frozen=True, eq=False)
class JoinedModels:
    """Saved models as one.

    Attributes:
        run: its folder.
        bundle: what is passed on.
        facts: what it came to; None where it was not measured.
    """

    run: EnsembleRun
    bundle: Bundle
    facts: EnsembleFacts | None


@dataclass(frozen=True, eq=False)
class SavedOptions:
    """How saved models are joined.

    Attributes:
        photographs: of people that none learned from: half of them weigh the models and set what is accepted, the
            other half measures; None weighs all the same.
        weigh: see :class:`~handshape.workflow.ensemble.plan.EnsembleOptions`.
        groups: who signed what, as ``data.groups`` says it.
    """

    photographs: Path | None = None
    weigh: Weighing = "auto"
    groups: str = "auto"


def join_saved(
    models: Sequence[str], out: Path, name: str | None, options: SavedOptions, console: Console
) -> JoinedModels:
    """Joins models of the same classes into a new run folder below ``out``.

    Args:
        models: two or more, each a run, a bundle, its zip or a name.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        options: how.
        console: shows the progress.

    Raises:
        ModelError: one is no model, or they do not go together.
        DataError: the photographs cannot be measured on.
    """
    bundles = [resolve(model, console) for model in models]
    require_alike(models, bundles)
    context = Context(console, load_settings().gpu)
    with claimed_run(out, name, options.photographs or out / "none", EnsembleRun) as run:
        run.create_folders()
        members = [Member(load_keras(bundle), bundle.class_activation()) for bundle in bundles]
        measured = None if options.photographs is None else _Measured.on(bundles, members, options, console)
        weights = Weights.equal(len(members)) if measured is None else measured.weights
        with context.watch.stage("join"):
            joined = join_members(members, weights.members, weights.exponent)
            converted = convert_model(joined.model, joined.activation, context)
        sizes = (joined.model.count_params(), round(float(np.mean([each.model.count_params() for each in members]))))
        facts = None if measured is None else measured.facts(models, sizes)
        bundle = _save(run, bundles, converted, measured, facts)
        write_json(run.results / "ensemble.json", {"models": list(models), **(facts.as_dict() if facts else {})})
        run.record(state=COMPLETE, seconds=context.watch.seconds, versions=versions())
        run.clean()
    return JoinedModels(run, bundle, facts)


def require_alike(models: Sequence[str], bundles: Sequence[Bundle]) -> None:
    """Passes where the models name the same classes and look for hands alike.

    Raises:
        ModelError: they do not, or it is one alone.
    """
    if len(bundles) < 2:
        raise ModelError("A single model needs no joining.", "two models or more")
    first = bundles[0]
    for model, bundle in zip(models[1:], bundles[1:], strict=True):
        if bundle.class_names != first.class_names:
            lacking = [name for name in first.class_names if name not in bundle.class_names]
            more = [name for name in bundle.class_names if name not in first.class_names]
            words = [f"{model} lacks {some(lacking)}"] * bool(lacking) + [f"{model} has {some(more)} besides"] * bool(
                more
            )
            raise ModelError(
                f"The models do not tell the same classes apart: {', and '.join(words) or 'their order differs'}.",
                f"models of the classes of {models[0]}, in the same order",
                "Join models that were trained on the same classes.",
            )
        if bool(bundle.hands) != bool(first.hands):
            looking = model if bundle.hands else models[0]
            raise ModelError(
                f"{looking} looks for hands, and another one sees whole photographs.",
                "models that are shown the same",
                "Join models that were trained with the same hands.find.",
            )


@dataclass(frozen=True, eq=False)
class _Measured:
    """What models say of photographs that none of them learned from."""

    dataset: Dataset
    people: list[str]
    are_signers: bool
    answers: list[NDArray[np.float32]]  # of each model about all N, [N, C]
    weighing: NDArray[np.int64]  # rows by which they are weighed
    testing: NDArray[np.int64]  # rows on which they are measured
    weights: Weights

    @classmethod
    def on(
        cls, bundles: Sequence[Bundle], members: Sequence[Member], options: SavedOptions, console: Console
    ) -> _Measured:
        folder = options.photographs or Path()
        console.status("check", f"Reading {folder}")
        search = hand_search(console) if bundles[0].hands else None
        dataset = load_external(folder, bundles[0].class_names, search, bundles[0].size, console)
        seen = np.any([is_seen(dataset, learned_by(bundle)) for bundle in bundles], axis=0)
        rows = np.flatnonzero(~seen)
        if not len(rows):
            raise DataError(
                f"The models learned from these very photographs ({folder}).",
                "photographs of people that none of them has seen",
                "Leave --on out, or name other photographs.",
            )
        if seen.any():
            console.warn(seen_in_words(str(folder), seen))
        groups = group_samples(
            dataset.folder, dataset.samples, options.groups, dataset.report.digests, dataset.report.similarity
        )
        names = [groups.of[sample.path] for sample in dataset.samples]
        answers = [predict(KerasNetwork(each.model), dataset.inputs, console) for each in members]
        half = stratified_folds(dataset.targets[rows], [names[row] for row in rows], 2, SEED)
        weighing, testing = rows[half == 0], rows[half == 1]
        people = len({names[row] for row in weighing}) if groups.are_signers else 1
        weights = weigh([each[weighing] for each in answers], dataset.targets[weighing], people, options.weigh)
        return cls(dataset, names, groups.are_signers, answers, weighing, testing, weights)

    def facts(self, models: Sequence[str], sizes: tuple[int, int]) -> EnsembleFacts:
        rows, targets = self.testing, self.dataset.targets
        answers = [each[rows] for each in self.answers]
        tested = Compared.of(
            answers, self.weights.join(answers), None, targets[rows], [self.people[row] for row in rows]
        )
        members = tuple(
            MemberFacts(model, weight, {"test": float((each.argmax(axis=1) == targets[rows]).mean())}, 0.0)
            for model, weight, each in zip(models, self.weights.members, answers, strict=True)
        )
        return EnsembleFacts(
            members=members,
            exponent=self.weights.exponent,
            are_fitted=self.weights.are_fitted,
            agreement=tested.agreement,
            accuracies=tested.accuracies,
            gains=tested.gains("people" if self.are_signers else "groups of images"),
            folds=0,
            is_distilled=False,
            sizes=sizes,
        )


def _save(
    run: EnsembleRun,
    bundles: Sequence[Bundle],
    converted: ConvertedModel,
    measured: _Measured | None,
    facts: EnsembleFacts | None,
) -> Bundle:
    with atomic_write(run.final_model) as partial:
        save_keras(converted.keras, partial)
    first, learned = bundles[0], [learned_by(bundle) for bundle in bundles]
    everything = Learned(
        frozenset().union(*(each.digests for each in learned)), np.concatenate([each.thumbnails for each in learned])
    )
    everything.save(run.photographs)
    details: dict[str, Any] = {
        LEARNED_FROM: everything.encoded,
        TRAINED_ON: first.details.get(TRAINED_ON, ""),
        "joined": [bundle.sha256 for bundle in bundles],
        "settings": first.details.get("settings", {}),
        "versions": versions(),
    }
    thresholds = _mean_of([bundle.thresholds for bundle in bundles])
    if measured is not None:
        thresholds = _tuned(converted, measured)
        details["accuracy"] = {"test": facts.accuracies["the ensemble"] if facts else None}
        details["measures"] = {"test": {"n": len(measured.testing)}}
    model = ModelDescription(first.class_names, first.size, thresholds, max(bundle.hands for bundle in bundles))
    return write_bundle(run.bundle, model, run.final_model, converted.litert, converted.activation, details)


def _tuned(converted: ConvertedModel, measured: _Measured) -> Thresholds:
    """By the photographs that weighed the models."""
    said = evaluate(converted, measured.dataset, measured.weighing, Console(quiet=True))
    target = load_settings().hands.false_accept
    return tune_thresholds(said.answers, None, target).thresholds


def _mean_of(thresholds: Sequence[Thresholds]) -> Thresholds:
    """The mean of those that accept anything, where nothing better is known."""

    def mean(values: Sequence[float]) -> float:
        some_do = [value for value in values if value < NEVER]
        return float(np.mean(some_do)) if some_do else NEVER

    return Thresholds(mean([each.with_hand for each in thresholds]), mean([each.without_hand for each in thresholds]))
