"""Which members an ensemble has: what is asked for, and what each is trained with and on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from handshape.config import Settings, load_settings, validate_settings
from handshape.data.folds import MIN_FOLDS, stratified_folds
from handshape.data.splits import Split
from handshape.errors import SettingsError
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.loading import possible_settings

SEEDS = 5  # members where nothing else is asked for
SHARED = ("data.original_data_dir", "data.groups", "model.img_size", "hands.find", "hands.max", "hands.also")

Weighing = Literal["auto", "equal", "fitted"]


@dataclass(frozen=True)
class EnsembleOptions:
    """What is asked of an ensemble. Seeds, settings and people left out are combined, each with each.

    Attributes:
        seeds: members that differ by their seed alone.
        bag: parts of the training people of which each member leaves another one out; 0 leaves nobody out.
        members: what tells members apart: each a YAML file of settings, or one as SECTION.KEY=VALUE.
        weigh: members ``equal``, or ``fitted`` to the validation images; ``auto`` fits where people are many enough.
        distill: whether one model of usual size is made of them.
        folds: over which the gain is measured; 0 measures on the test images alone.
        external: photographs from elsewhere that the result is measured on, by name.
    """

    seeds: int = SEEDS
    bag: int = 0
    members: tuple[str, ...] = ()
    weigh: Weighing = "auto"
    distill: bool = False
    folds: int = 0
    external: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, seeds: int | None = None, **asked: Any) -> EnsembleOptions:
        """What is asked for; no number of seeds is one where members differ otherwise, else :data:`SEEDS`.

        Raises:
            SettingsError: there would be fewer than two members, or another number cannot be.
        """
        usual = 1 if asked.get("bag") or asked.get("members") else SEEDS
        made = cls(usual if seeds is None else seeds, **asked)
        for name, value, least in (("seeds", made.seeds, 1), ("bag", made.bag, 2), ("folds", made.folds, MIN_FOLDS)):
            if value < least and (value or name == "seeds"):
                raise SettingsError(f"{name} cannot be {value!r}.", f"a number from {least} on")
        if made.weigh not in get_args(Weighing):
            raise SettingsError(f"weigh cannot be {made.weigh!r}.", " or ".join(get_args(Weighing)))
        if made.seeds * max(1, made.bag) * max(1, len(made.members)) < 2:
            raise SettingsError("An ensemble of one member is that member.", f"two members or more: seeds={SEEDS}")
        return made


@dataclass(frozen=True, eq=False)
class MemberPlan:
    """One member before it has learned anything.

    Attributes:
        name: what it differs by, for people.
        settings: that it is trained with, its seed among them.
        split: the rows that it learns from; what it leaves out validates it. All members test on the same rows.
    """

    name: str
    settings: Settings
    split: Split


def member_settings(settings: Settings, words: Sequence[str]) -> dict[str, Settings]:
    """The settings of each member by its name; a word is a YAML file, or SECTION.KEY=VALUE.

    Raises:
        SettingsError: a setting is at fault, or changes what all members must share.
    """
    if not words:
        return {"": settings}
    found = {}
    for word in words:
        is_assignment = "=" in word and not Path(word).is_file()
        own = load_settings("default", None if is_assignment else Path(word), [word] if is_assignment else [])
        values, changes = settings.model_dump(exclude_unset=True), own.model_dump(exclude_unset=True)
        for section, each in changes.items():
            values[section] = values.get(section, {}) | each
        made = validate_settings(values)
        name = word if is_assignment else Path(word).stem
        if name in found:
            raise SettingsError(f"Two members are called {name}.", "a different file or setting for each --member")
        _require_shared(settings, made, word)
        found[name] = made
    return found


def _require_shared(settings: Settings, made: Settings, word: str) -> None:
    values, others = (each.model_dump() for each in (settings, made))
    for place in SHARED:
        section, _, key = place.partition(".")
        if values[section][key] != others[section][key]:
            raise SettingsError(
                f"--member {word} changes {place}, but all members read the same photographs in the same way.",
                "settings of how members learn",
                f"Set it for all of them: --set {place}=…",
            )


def plan_members(
    dataset: Dataset, split: Split, settings: Settings, options: EnsembleOptions, context: Context
) -> tuple[MemberPlan, ...]:
    """All members, in the order in which they are trained.

    Args:
        dataset: whose rows.
        split: of the whole: no member learns from its validation and test rows.
        settings: that members share.
        options: how members differ.
        context: says what is not possible.

    Raises:
        SettingsError: a setting of a member is at fault.
        DataError: there are fewer people than parts.
    """
    variants = {
        name: possible_settings(each, dataset, context.console)
        for name, each in member_settings(settings, options.members).items()
    }
    parts = _parts(dataset, split, options.bag, settings.data.seed)
    return tuple(
        MemberPlan(_name(options, variant, seed, part), _with_seed(variants[variant], seed), parts[part])
        for variant, part, seed in product(variants, range(len(parts)), range(options.seeds))
    )


def _parts(dataset: Dataset, split: Split, count: int, seed: int) -> list[Split]:
    """The split as it is; or one for each part of the training groups, which then validates too."""
    if not count:
        return [split]
    rows = split.train
    folds = stratified_folds(dataset.targets[rows], dataset.group_names(rows), count, seed)
    taught = [np.isin(dataset.targets[rows], dataset.targets[rows[folds != part]]) for part in range(count)]
    return [
        replace(
            split,
            train=rows[folds != part],
            validation=np.sort(np.concatenate([split.validation, rows[(folds == part) & taught[part]]])),
        )
        for part in range(count)
    ]


def _with_seed(settings: Settings, more: int) -> Settings:
    data = settings.data
    return settings.model_copy(update={"data": data.model_copy(update={"seed": data.seed + more})})


def _name(options: EnsembleOptions, variant: str, seed: int, part: int) -> str:
    words = [variant] if variant else []
    if options.bag:
        words.append(f"leaves out part {part + 1}")
    if options.seeds > 1 or not words:
        words.append(f"seed {seed + 1}")
    return ", ".join(words)
