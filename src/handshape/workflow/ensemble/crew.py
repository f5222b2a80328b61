"""Members, and where it is asked for those of folds, trained as tasks; each is told as it is done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.config import Settings
from handshape.data.splits import Split
from handshape.evaluation.ensembles import Compared
from handshape.training.distillation import Teacher
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.member import Learned, Purpose, train_member, train_student
from handshape.workflow.ensemble.plan import EnsembleOptions, MemberPlan
from handshape.workflow.ensemble.tasks import Task, Tell, train_all
from handshape.workflow.ensemble.weighing import Weights, weigh_on
from handshape.workflow.executor import Executor
from handshape.workflow.fit import needs_refit
from handshape.workflow.run import EnsembleRun

Trainings = list[tuple[Learned, ...]]
Folds = Sequence[tuple[Split, Sequence[MemberPlan]]]


class Crew:
    """Trains whatever an ensemble needs.

    Args:
        dataset: that all train on.
        settings: that members share.
        options: what is asked of the ensemble.
        executor: what computes.
        run: keeps what is done.
        context: console and machine; of no run, for members write nothing themselves.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        options: EnsembleOptions,
        executor: Executor,
        run: EnsembleRun,
        context: Context,
    ) -> None:
        self._dataset, self._settings, self._options = dataset, settings, options
        self._executor, self._folder = executor, run.members
        self._context = context

    def train(self, split: Split, plans: Sequence[MemberPlan], folds: Folds) -> tuple[Trainings, list[Compared]]:
        """What each member comes to; and of each fold who was right about the photographs that it tests."""
        everyone = split if needs_refit(self._dataset, self._settings) else None
        tasks = [self._task("member", number, plans, "", Purpose(True, everyone)) for number in range(len(plans))]
        for place, (_, others) in enumerate(folds, 1):
            of = f"fold {place} of {len(folds)}, member"
            stem = f"fold_{place:03}_"
            tasks += [self._task(of, number, others, stem, Purpose(False)) for number in range(len(others))]
        images = f"{len(plans[0].split.train):,} images"
        more = f", and {len(tasks) - len(plans)} more for the folds" if folds else ""
        self._context.console.status("train", f"Training {len(plans)} members, each on about {images}{more}")
        with self._context.watch.stage("members"):
            done = self._done(tasks, _Teller(self, split))
        of_folds = [
            done[len(plans) * place : len(plans) * (place + 1)] for place in range(1, len(folds) + 1)
        ]  # every fold has as many members
        with self._context.watch.stage("folds"):
            return done[: len(plans)], self._tested(folds, of_folds)

    def _task(self, what: str, number: int, plans: Sequence[MemberPlan], stem: str, purpose: Purpose) -> Task:
        plan = plans[number]
        name = f"{what} {number + 1} of {len(plans)} ({plan.name})"
        return Task(name, f"{stem}member_{number + 1:03}", train_member, plan, purpose)

    def _tested(self, folds: Folds, members: Sequence[Trainings]) -> list[Compared]:
        """Of each fold: its members, together, and where one is made the model that learns from them."""
        answers = [[each[0] for each in trained] for trained in members]
        weights = [
            weigh_on(self._dataset, split.validation, each, self._options.weigh)
            for (split, _), each in zip(folds, answers, strict=True)
        ]
        students = self._students(folds, answers, weights)
        found = []
        for (split, _), learned, weighed, student in zip(folds, answers, weights, students, strict=True):
            rows = split.test
            each = [one.answers[rows] for one in learned]
            names = self._dataset.group_names(rows)
            targets = self._dataset.targets[rows]
            said = None if student is None else student.answers[rows]
            found.append(Compared.of(each, weighed.join(each), said, targets, names))
        return found

    def _students(
        self, folds: Folds, members: Sequence[Sequence[Learned]], weights: Sequence[Weights]
    ) -> list[Learned] | list[None]:
        if not self._options.distill:
            return [None] * len(folds)
        tasks = [
            Task(
                f"fold {place} of {len(folds)}, distilled model",
                f"fold_{place:03}_student",
                train_student,
                MemberPlan("distilled", self._settings, split),
                teacher_of(learned, weighed),
            )
            for place, ((split, _), learned, weighed) in enumerate(zip(folds, members, weights, strict=True), 1)
        ]
        done = self._done(tasks, _Teller(self, None))
        return [each[0] for each in done]

    def _done(self, tasks: Sequence[Task], tell: Tell) -> Trainings:
        streams = {stream for task in tasks for stream in task.plan.settings.model.streams}
        dataset = self._dataset.seen_by(streams)
        return train_all(tasks, dataset, self._executor, self._folder, self._context, tell)

    def right(self, answers: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
        """The share of these rows that is answered right."""
        return float((answers[rows].argmax(axis=1) == self._dataset.targets[rows]).mean())

    def say(self, text: str) -> None:
        """A line about what is done."""
        self._context.console.status("", text)


class _Teller:
    """Says of each training how well it did on the images that validate, and of members how well all do so far."""

    def __init__(self, crew: Crew, split: Split | None) -> None:
        self._crew, self._split = crew, split
        self._answers: list[NDArray[np.float32]] = []

    def __call__(self, task: Task, done: tuple[Learned, ...], before: bool) -> None:
        rows = task.plan.split.validation if self._split is None else self._split.validation
        is_member = self._split is not None and task.stem.startswith("member")
        if not is_member:
            rows = task.plan.split.test
        right = self._crew.right(done[0].answers, rows)
        text = f"{task.name}: right on {right:.1%} of {len(rows):,} {'validation' if is_member else 'test'} images"
        text += ", done before" if before else f", {sum(each.seconds for each in done):.0f} s"
        if is_member:
            self._answers.append(done[0].answers)
            if len(self._answers) > 1:
                together = self._crew.right(np.mean(self._answers, axis=0), rows)
                text += f"; {len(self._answers)} together {together:.1%}"
        self._crew.say(text)


def teacher_of(members: Sequence[Learned], weights: Weights) -> Teacher:
    """What members together teach."""
    return Teacher(weights.join([each.answers for each in members]), said_together(members, weights, "known"))


def said_together(members: Sequence[Learned], weights: Weights, what: str) -> NDArray[np.float32]:
    """What members together say of known hands, ``known`` or ``other`` ones, [n, C]; empty unless all know the same."""
    rows = [getattr(each, f"{what}_rows") for each in members]
    answers = [getattr(each, {"known": "known", "other": "others"}[what]) for each in members]
    if not all(len(each) and np.array_equal(each, rows[0]) for each in rows):
        return np.empty((0, 0), np.float32)
    return weights.join(answers)
