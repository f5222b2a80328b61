"""Members as tasks: submitted to whatever computes them, kept in files as each is done, told as they come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.member import Learned
from handshape.workflow.ensemble.plan import MemberPlan
from handshape.workflow.executor import Executor


@dataclass(frozen=True, eq=False)
class Task:
    """One training.

    Attributes:
        name: for people, such as ``member 2 of 5 (seed 2)``.
        stem: of the files that keep what it comes to.
        function: takes the data set, the plan, ``what`` and the context.
        plan: whose training.
        what: else the function is given.
    """

    name: str
    stem: str
    function: Callable[[Dataset, MemberPlan, Any, Context], tuple[Learned, ...]]
    plan: MemberPlan
    what: Any

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Of the model as it is measured and as it is passed on; of another training they would be called otherwise."""
        stem = f"{self.stem}_{_mark_of(self.plan)}"
        return folder / f"{stem}.npz", folder / f"{stem}_all.npz"

    def load(self, folder: Path) -> tuple[Learned, ...] | None:
        """What it came to; None where it is not done."""
        measured, shipped = self.files(folder)
        if not measured.is_file():
            return None
        return tuple(Learned.load(file) for file in (measured, shipped) if file.is_file())

    def save(self, done: Sequence[Learned], folder: Path) -> None:
        """Keeps what it came to; the first file, written last, says that it is done."""
        for learned, file in reversed(list(zip(done, self.files(folder), strict=False))):
            learned.save(file)


Tell = Callable[[Task, tuple[Learned, ...], bool], None]  # a task, what it came to, whether that was done before


def train_all(
    tasks: Sequence[Task], dataset: Dataset, executor: Executor, folder: Path, context: Context, tell: Tell
) -> list[tuple[Learned, ...]]:
    """What each task comes to, in their order; those that are done are read from their files.

    Args:
        tasks: that do not depend on one another.
        dataset: that all train on.
        executor: what computes them.
        folder: of the files.
        context: console and machine.
        tell: is told of each as it is done.
    """
    done: dict[Task, tuple[Learned, ...]] = {}
    for task in tasks:
        known = task.load(folder)
        if known is not None:
            done[task] = known
            tell(task, known, True)
    waiting = [task for task in tasks if task not in done]
    shared = executor.share(dataset) if waiting else None
    asked = {executor.submit(task.function, shared, task.plan, task.what, context): task for task in waiting}
    for future in executor.completed(asked):
        task, result = asked[future], future.result()
        task.save(result, folder)
        done[task] = result
        tell(task, result, False)
    return [done[task] for task in tasks]


def _mark_of(plan: MemberPlan) -> str:
    """What a training depends on, wherever the photographs lie, as one word."""
    values = plan.settings.model_dump(mode="json")
    values["data"] = plan.settings.data.seed
    content = hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=6)
    rows: Iterable[NDArray[np.int64]] = plan.split.parts.values()
    for each in rows:
        content.update(np.ascontiguousarray(each).tobytes() + b"/")
    return content.hexdigest()
