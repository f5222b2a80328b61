"""One member of an ensemble: a task that any process can do, and the file that keeps what came of it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.splits import Split
from handshape.evaluation.predictions import predict
from handshape.files import atomic_write
from handshape.model.classifier import in_float32
from handshape.model.ensemble import Member
from handshape.training.distillation import Teacher
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.plan import MemberPlan
from handshape.workflow.fit import Fitted, answer_known_hands, fit, known_hands_of, refit

Floats = NDArray[np.float32]
NOTHING = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Purpose:
    """What a member is trained for.

    Attributes:
        keeps_model: False where what it says is enough.
        everyone: all rows, where it is to go on with those kept back once it was measured; what it leaves out of the
            training rows stays out. None where it is not.
    """

    keeps_model: bool = True
    everyone: Split | None = None


@dataclass(frozen=True, eq=False)
class Learned:
    """What a classifier says once it has learned, and the classifier itself; arrays are empty where there is nothing.

    Attributes:
        answers: to all N photographs, those learned from too, [N, C].
        known_rows: the known hands that it learned from, [n].
        known: its answers to them, [n, C].
        other_rows: known hands of other signs that it did not learn from, [m].
        others: its answers to them, [m, C].
        keras: the file of the model in float32, as bytes [b]; empty where nobody asked for it.
        activation: see :class:`~handshape.model.ensemble.Member`.
        parameters: how many numbers it has learned, and those it came with.
        seconds: that it took.
    """

    answers: Floats
    known_rows: NDArray[np.int64]
    known: Floats
    other_rows: NDArray[np.int64]
    others: Floats
    keras: NDArray[np.uint8]
    activation: Floats
    parameters: int
    seconds: float

    @property
    def member(self) -> Member:
        """The classifier."""
        import keras

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "member.keras"
            file.write_bytes(self.keras.tobytes())
            model = keras.models.load_model(file, compile=False)
        return Member(model, self.activation if self.activation.size else None)

    def save(self, path: Path) -> None:
        """Writes it whole or not at all."""
        with atomic_write(path) as partial, partial.open("wb") as file:
            arrays: dict[str, Any] = {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Learned:
        """Reads what :meth:`save` wrote."""
        with np.load(path) as file:
            values: dict[str, Any] = {each.name: file[each.name] for each in fields(cls)}
        numbers = {"parameters": int(values["parameters"]), "seconds": float(values["seconds"])}
        return cls(**(values | numbers))


def train_member(dataset: Dataset, plan: MemberPlan, purpose: Purpose, context: Context) -> tuple[Learned, ...]:
    """Trains a member on its rows; where it is to, it then goes on with those kept back as well.

    Args:
        dataset: whose rows.
        plan: the member.
        purpose: what it is trained for.
        context: console and machine.

    Returns:
        It as it is measured, and, where it went on, as it is passed on.

    Raises:
        HandshapeError: as :func:`~handshape.workflow.fit.fit`.
    """
    start, keeps = time.perf_counter(), purpose.keeps_model
    with context.console.only_bars():
        fitted = fit(dataset, plan.split, plan.settings, context)
        measured = learned_by(fitted, dataset, keeps, time.perf_counter() - start)
        if purpose.everyone is None:
            return (measured,)
        left_out = np.setdiff1d(purpose.everyone.train, plan.split.train)
        refit(fitted, np.setdiff1d(purpose.everyone.all, left_out), plan.settings, context)
        return measured, learned_by(fitted, dataset, keeps, time.perf_counter() - start)


def train_student(dataset: Dataset, plan: MemberPlan, teacher: Teacher, context: Context) -> tuple[Learned]:
    """Trains one model on what others together say; see :func:`train_member`."""
    start = time.perf_counter()
    with context.console.only_bars():
        fitted = fit(dataset, plan.split, plan.settings, context, teacher)
        return (learned_by(fitted, dataset, False, time.perf_counter() - start),)


def learned_by(fitted: Fitted, dataset: Dataset, keeps_model: bool, seconds: float) -> Learned:
    """What a classifier says now; see :class:`Learned`."""
    known = known_hands_of(fitted)
    learned = np.concatenate([known.rows, known.learned_others])
    mapped = fitted.classifier.mapped
    return Learned(
        answers=predict(fitted.network, dataset.inputs, Console(quiet=True)),
        known_rows=learned,
        known=answer_known_hands(fitted, learned) if len(learned) else NOTHING,
        other_rows=known.kept_others,
        others=answer_known_hands(fitted, known.kept_others) if len(known.kept_others) else NOTHING,
        keras=_file_of(fitted) if keeps_model else np.empty(0, np.uint8),
        activation=mapped.logits.get_weights()[0] if mapped else NOTHING,
        parameters=fitted.classifier.model.count_params(),
        seconds=seconds,
    )


def _file_of(fitted: Fitted) -> NDArray[np.uint8]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "member.keras"
        in_float32(fitted.classifier.model).save(file)
        return np.frombuffer(file.read_bytes(), np.uint8)
