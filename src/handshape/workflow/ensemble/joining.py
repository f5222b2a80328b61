"""From trained members to a model that is passed on: all of them in one, or one that learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.splits import Split
from handshape.evaluation.ensembles import Compared, EnsembleFacts, MemberFacts
from handshape.model.classifier import Classifier
from handshape.model.ensemble import Joined, join_members
from handshape.workflow.context import Context
from handshape.workflow.convert import convert, convert_model
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.crew import said_together, teacher_of
from handshape.workflow.ensemble.member import Learned
from handshape.workflow.ensemble.plan import MemberPlan, Weighing
from handshape.workflow.ensemble.weighing import Weights, weigh_on
from handshape.workflow.evaluate import Negatives, evaluate_training
from handshape.workflow.fit import Fitted, answer_other_signs, fit, needs_refit, refit
from handshape.workflow.trained import Trained


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members that have learned.

    Attributes:
        dataset: from whose rows.
        split: which of them.
        plans: of the members.
        trained: each as it is measured and, where it went on to learn from everything, as it is passed on.
        how: they are weighed.
    """

    dataset: Dataset
    split: Split
    plans: Sequence[MemberPlan]
    trained: Sequence[tuple[Learned, ...]]
    how: Weighing

    @property
    def measured(self) -> list[Learned]:
        """Each as it is measured."""
        return [each[0] for each in self.trained]

    @property
    def shipped(self) -> list[Learned]:
        """Each as it is passed on."""
        return [each[-1] for each in self.trained]

    @cached_property
    def weights(self) -> Weights:
        """Of the members."""
        return weigh_on(self.dataset, self.split.validation, self.measured, self.how)

    @property
    def other_signs(self) -> NDArray[np.float32] | None:
        """What all together say of known hands of other signs, which none learned from, [n, C]; None without any."""
        said = said_together(self.measured, self.weights, "other")
        return said if len(said) else None

    @cached_property
    def whole(self) -> Joined:
        """All of them as they are measured, as one Keras model."""
        return self.joined(self.measured)

    def joined(self, members: Sequence[Learned]) -> Joined:
        """These as one Keras model."""
        return join_members([each.member for each in members], self.weights.members, self.weights.exponent)

    def facts(self, student: Trained | None, folds: Sequence[Compared]) -> EnsembleFacts:
        """What it came to.

        Args:
            student: the model that learned from it; None where there is none.
            folds: who was right about what each tested; empty where the test images alone were tested.
        """
        dataset, rows = self.dataset, self.split.test
        answers = [each.answers[rows] for each in self.measured]
        said = None if student is None else student.results.test.predictions.probabilities
        names = dataset.group_names(rows)
        here = Compared.of(answers, self.weights.join(answers), said, dataset.targets[rows], names)
        measured = Compared.together(folds) if folds else here
        size = round(float(np.mean([each.parameters for each in self.measured])))
        return EnsembleFacts(
            members=tuple(map(self._facts_of, self.plans, self.trained, self.weights.members)),
            exponent=self.weights.exponent,
            are_fitted=self.weights.are_fitted,
            agreement=here.agreement,
            accuracies=here.accuracies,
            gains=measured.gains("people" if dataset.groups.are_signers else "groups of images"),
            folds=len(folds),
            is_distilled=student is not None,
            sizes=(self.whole.model.count_params(), size),
        )

    def _facts_of(self, plan: MemberPlan, trained: tuple[Learned, ...], weight: float) -> MemberFacts:
        said = trained[0].answers.argmax(axis=1) == self.dataset.targets
        parts = {name: float(said[self.split.parts[name]].mean()) for name in ("validation", "test")}
        return MemberFacts(plan.name, weight, parts, sum(each.seconds for each in trained))


def join(ensemble: Ensemble, settings: Settings, negatives: Negatives, context: Context) -> Trained:
    """All members in one model, measured before any of them learned from the images kept back."""
    dataset, split = ensemble.dataset, ensemble.split
    with context.watch.stage("evaluate"):
        joined = ensemble.whole
        measured = shipped = convert_model(joined.model, joined.activation, context)
        results = evaluate_training(measured, dataset, split, negatives, settings.hands.false_accept, context.console)
    if any(len(each) > 1 for each in ensemble.trained):
        with context.watch.stage("refit"):
            joined = ensemble.joined(ensemble.shipped)
            shipped = convert_model(joined.model, joined.activation, context)
    fitted = Fitted(Classifier(dataset.class_names, joined.model, {}), {}, ())
    return Trained(dataset, split, settings, fitted, results, measured, shipped)


def distill(ensemble: Ensemble, settings: Settings, negatives: Negatives, context: Context) -> Trained:
    """One model of usual size that learns what the members together say; the rest of its training is as usual."""
    dataset, split, console = ensemble.dataset, ensemble.split, context.console
    console.status("train", "Training one model on what the members together say")
    fitted = fit(dataset, split, settings, context, teacher_of(ensemble.measured, ensemble.weights))
    with context.watch.stage("evaluate"):
        measured = shipped = convert(fitted, context)
        own = Negatives(negatives.photographs, answer_other_signs(fitted))
        results = evaluate_training(measured, dataset, split, own, settings.hands.false_accept, console)
    if needs_refit(dataset, settings):
        for trainer in fitted.trainers:
            trainer.teacher = teacher_of(ensemble.shipped, ensemble.weights)
        refit(fitted, split.all, settings, context)
        with context.watch.stage("refit"):
            shipped = convert(fitted, context)
    return Trained(dataset, split, settings, fitted, results, measured, shipped)
