"""What a search for settings starts from: what is asked, the data set, the space, and where the study lies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from handshape.config import DataSettings, Settings
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.executor import Executor
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.run import TuneRun
from handshape.workflow.tuning.objective import Cost, Searched
from handshape.workflow.tuning.plan import TunePlan, tune_plan
from handshape.workflow.tuning.search_space import Space, default_space, require_streams, space_as_yaml
from handshape.workflow.tuning.study import StudyOptions, sqlite_url


@dataclass(frozen=True)
class TuneOptions:
    """What is asked of a search.

    Attributes:
        trials: in all, those of other processes included; None has no limit.
        minutes: after which no further trial begins; None has no limit.
        folds: that a trial is fitted on.
        against: what else counts beside accuracy.
        pruner: what stops a trial early: ``median``, ``hyperband`` or ``none``.
        storage: URL of a storage that other processes share; None is a file in the run folder.
        space: what is searched; None takes what is worth it of the streams that train.
    """

    trials: int | None = 20
    minutes: float | None = None
    folds: int = 3
    against: Cost | None = None
    pruner: str = "median"
    storage: str | None = None
    space: Space | None = None


@dataclass(frozen=True, eq=False)
class Begun:
    """What a search starts from."""

    searched: Searched
    options: TuneOptions
    plan: TunePlan

    @property
    def settings(self) -> Settings:
        """Those that are not searched."""
        return self.searched.settings

    @property
    def fingerprint(self) -> str:
        """What decides what a trial comes to, as one word; paths do not."""
        dataset, settings = self.searched.dataset, self.settings
        facts = {
            "settings": settings.model_copy(update={"data": DataSettings(seed=settings.data.seed)}).model_dump(),
            "space": space_as_yaml(self.searched.space),
            "options": [self.options.folds, self.options.against, self.options.pruner],
            "samples": [[sample.path, sample.label] for sample in dataset.samples],
        }
        content = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
        for split in (*self.plan.search, *self.plan.confirm):
            for rows in (split.train, split.validation, split.test):
                content.update(rows.tobytes())
        return content.hexdigest()


def begin(settings: Settings, options: TuneOptions, context: Context, executor: Executor | None = None) -> Begun:
    """Reads the photographs, keeps people out, and says so.

    Raises:
        HandshapeError: the photographs or the space are at fault.
    """
    dataset = load(settings, context, executor)
    settings = possible_settings(settings, dataset, context.console)
    streams = settings.model.streams
    space = options.space
    if space is None:
        space = default_space(streams, with_streams=options.against is not None)
    require_streams(space, streams)
    plan = tune_plan(dataset, settings, options.folds)
    what = what_groups_are(dataset)
    context.console.status(
        "split",
        f"Searching on {plan.searched} {what}, {options.folds} folds {dataset.groups.description}; {plan.kept_out} "
        f"{what} are kept out, for the end",
    )
    return Begun(Searched(dataset, settings, space, plan.search, options.against), options, plan)


def kept_options(options: TuneOptions) -> dict[str, Any]:
    """The options as the run folder keeps them: without a password, and the space in a file of its own."""
    kept = asdict(replace(options, space=None, storage=options.storage and without_password(options.storage)))
    del kept["space"]
    return kept


def study_options(options: TuneOptions, folder: Path) -> StudyOptions:
    """The study of a search whose run folder is, or would be, this one."""
    both: tuple[Literal["maximize", "minimize"], ...] = ("maximize", "minimize")
    directions = both[: 2 if options.against else 1]
    return StudyOptions(url_of(options, folder), folder.resolve().name, directions, options.pruner, options.folds)


def url_of(options: TuneOptions, folder: Path) -> str:
    """Where the study is stored."""
    return options.storage or sqlite_url(TuneRun(folder, "").study)


def without_password(url: str) -> str:
    """A URL that may be kept and shown."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def what_groups_are(dataset: Dataset) -> str:
    """In the plural."""
    return "people" if dataset.groups.are_signers else "groups of images"
