"""Experiments: trainings, alone, over folds, together, in search of settings; and what they came to, side by side."""

from __future__ import annotations

from os import PathLike

TYPE_CHECKING = False  # as typing's, whose import would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Literal, TypeAlias, overload

    from handshape.api.compared import RunList
    from handshape.api.joined import EnsembleResult, JoinedResult
    from handshape.api.measured import CrossValidationResult, TrainingResult
    from handshape.api.models import AnyPath, Model
    from handshape.api.searched import SearchResult

    External: TypeAlias = AnyPath | Mapping[str, AnyPath] | None


def train(
    data: AnyPath | None = None,
    out: AnyPath = "runs",
    name: str | None = None,
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> TrainingResult:
    """The whole journey, from photographs to a judged model in a run folder.

    ``handshape.train("photos", groups="signers.csv", epochs=40, batch_size=32)``

    An interrupt, of a notebook's kernel too, leaves a run that ``handshape.train(resume="runs/first")`` goes on with.

    Args:
        data: a folder with one folder of images a class; None takes the one that ``config`` names.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        external: photographs of other people to measure on: a folder, or several by name.
        resume: a run that was stopped; settings are the ones it began with, and ``data`` says where the photographs are
            now, if they were moved.
        quiet: only warnings.
        settings: by their names, as ``handshape train --help-settings`` lists them, without their section or in it
            (``model={"num_epochs": 40}``). ``epochs`` is ``num_epochs``; ``profile`` and ``config``, a YAML file, say
            what they start from. The most used ones: ``groups`` (who signed what, see :func:`check`), ``negatives``
            (folders of photographs without a sign), ``epochs``, ``img_size``, ``batch_size``, ``seed``.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    from pathlib import Path

    from handshape.api.measured import TrainingResult
    from handshape.api.settings import external_of, require_nothing_new, settings_of
    from handshape.console import Console
    from handshape.workflow import train as workflow

    console = Console(quiet)
    if resume is None:
        done = workflow.train(settings_of(data, settings), Path(out), name, console, external_of(external))
    else:
        require_nothing_new(name, external, settings)
        done = workflow.resume(Path(resume), console, None if data is None else Path(data))
    return TrainingResult.of(done)


def crossval(
    data: AnyPath | None = None,
    folds: int | Literal["signers"] = 5,
    out: AnyPath = "runs",
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> CrossValidationResult:
    """How well training works on people kept out: trains once a fold, tests on the photographs kept out of it.

    Args:
        data: as for :func:`train`.
        folds: how many, or ``signers`` for one a signer.
        out: the folder of runs.
        external: as for :func:`train`; every fold's model is measured on it.
        resume: a cross-validation that was stopped.
        quiet: only warnings.
        settings: as for :func:`train`, and ``name`` of the folder; ``repeats``, each with other folds and another seed;
            ``compare_random=True``, which also cross-validates on random folds; ``processes`` of this machine that
            train folds at a time, or ``cluster``, the address of a Ray cluster. The results are the same everywhere.

    Raises:
        HandshapeError: as :func:`train`.
    """
    from handshape.api import settings as words
    from handshape.api.measured import CrossValidationResult
    from handshape.console import Console
    from handshape.workflow import crossval as workflow

    console, name = Console(quiet), settings.pop("name", None)
    workers = words.executor_for(settings, console)
    if resume is None:
        options = words.crossval_options(folds, words.external_of(external), settings)
        asked = words.settings_of(data, settings, words.CROSSVAL_WORDS)
        with workers as executor:
            done = workflow.cross_validate(asked, _path(out), name, options, console, executor)
    else:
        words.require_nothing_new(name, external, settings)
        with workers as executor:
            done = workflow.resume_crossval(_path(resume), console, _path_or_none(data), executor)
    return CrossValidationResult(**vars(done))


if TYPE_CHECKING:

    @overload
    def ensemble(  # type: ignore[overload-overlap]  # a str is a sequence of str
        data: AnyPath | None = None,
        seeds: int | None = None,
        out: AnyPath = "runs",
        *,
        external: External = None,
        resume: AnyPath | None = None,
        quiet: bool = False,
        **settings: Any,
    ) -> EnsembleResult: ...

    @overload
    def ensemble(
        data: Sequence[Model], *, out: AnyPath = "runs", quiet: bool = False, **settings: Any
    ) -> JoinedResult: ...


def ensemble(
    data: AnyPath | Sequence[Model] | None = None,
    seeds: int | None = None,
    out: AnyPath = "runs",
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> EnsembleResult | JoinedResult:
    """Several models as one, or one that learned from several, and whether that is better than a single one.

    ``handshape.ensemble("photos", distill=True)`` trains the members;
    ``handshape.ensemble(["runs/first", "mine@2"], on="office-photos")`` joins models that are there.

    Args:
        data: as for :func:`train`; or two models or more, each what :func:`~handshape.load` takes.
        seeds: members that differ by their seed alone; None is 5, with ``bag`` or ``members`` 1.
        out: the folder of runs.
        external: as for :func:`train`.
        resume: an ensemble that was stopped.
        quiet: only warnings.
        settings: as for :func:`train`, and ``name`` of the folder; ``bag``, parts of the people of which each member
            leaves another one out; ``members``, what each has of its own: YAML files or ``SECTION.KEY=VALUE``;
            ``weigh``: ``auto``, ``equal`` or ``fitted``; ``distill=True`` for one model of usual size; ``folds`` over
            which the gain is measured; ``processes`` and ``cluster`` as for :func:`crossval`. With models only
            ``name``, ``weigh``, ``on``, photographs of people that none of them learned from, to weigh and measure
            them on, and ``groups`` of these.

    Returns:
        what was trained; of models that were there, what they were joined into.

    Raises:
        HandshapeError: as :func:`train`.
        ModelError: a model stands for none, or they do not know the same classes.
    """
    from handshape.api import settings as words
    from handshape.api.joined import EnsembleResult, join_models
    from handshape.console import Console
    from handshape.workflow.ensemble import make as workflow

    console, name = Console(quiet), settings.pop("name", None)
    if data is not None and not isinstance(data, str | PathLike):
        how = words.saved_options(settings, (seeds, external, resume))
        return join_models(data, _path(out), name, how, console)
    photographs = _path_or_none(data)
    workers = words.executor_for(settings, console)
    if resume is None:
        options = words.ensemble_options(seeds, words.external_of(external), settings)
        asked = words.settings_of(photographs, settings, words.ENSEMBLE_WORDS)
        with workers as executor:
            done = workflow.train_ensemble(asked, _path(out), name, options, console, executor)
    else:
        words.require_nothing_new(name, external, seeds, settings)
        with workers as executor:
            done = workflow.resume_ensemble(_path(resume), console, photographs, executor)
    return EnsembleResult.of(done)


def tune(
    data: AnyPath | None = None,
    trials: int | None = None,
    out: AnyPath = "runs",
    *,
    space: AnyPath | None = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> SearchResult | None:
    """A search for settings that do better than the ones it starts from, judged on people whom no trial saw.

    ``found = handshape.tune("photos", 20, groups="signers.csv")``, then
    ``handshape.train("photos", config=found.config)``

    Args:
        data: as for :func:`train`.
        trials: in all; None is 20, with ``minutes`` any number. With ``resume`` more of them may be asked for.
        out: the folder of runs.
        space: what is searched, a YAML file such as ``handshape tune --show-space`` prints; None takes what is worth
            it.
        resume: a search that was stopped.
        quiet: only warnings.
        settings: as for :func:`train`, to start from, and ``name`` of the folder; ``minutes``, after which no further
            trial begins; ``folds`` that a trial is fitted on, 3; ``against``, what else counts: ``milliseconds`` or
            ``size``; ``pruner``: ``median``, ``hyperband`` or ``none``; ``storage``, the URL of a database that other
            processes share, with ``name``; ``processes`` and ``cluster`` as for :func:`crossval`.

    Returns:
        what was found; None where another process began the study, which this one helped with its trials.

    Raises:
        HandshapeError: as :func:`train`.
        RuntimeUnavailableError: Optuna, of the extra ``[tune]``, is not installed.
    """
    from handshape.api import settings as words
    from handshape.api.searched import SearchResult
    from handshape.console import Console
    from handshape.workflow.tuning import tune as workflow

    console, name = Console(quiet), settings.pop("name", None)
    workers = words.executor_for(settings, console)
    if resume is None:
        options = words.tune_options(trials, space, settings)
        asked = words.settings_of(data, settings, words.TUNE_WORDS)
        with workers as executor:
            done = workflow.tune(asked, _path(out), name, options, console, executor)
    else:
        changes = words.tune_changes(trials, settings)
        words.require_nothing_new(name, space, settings)
        with workers as executor:
            done = workflow.resume_tuning(_path(resume), console, _path_or_none(data), changes, executor)
    return None if done is None else SearchResult(**vars(done))


def runs(
    folders: AnyPath | Sequence[AnyPath] | None = None,
    where: str | Sequence[str] = (),
    *,
    kind: str | Sequence[str] = (),
    state: str | Sequence[str] = (),
    sort: str = "when",
    reverse: bool = False,
) -> RunList:
    """What was trained and measured below a folder, to be listed, filtered and compared.

    ``handshape.runs(where=["test>0.9", "data.seed=0"], sort="test")[:5]``

    Args:
        folders: where runs are looked for; None is ``runs``, and nothing where there is no such folder.
        where: conditions such as ``test>0.9``, ``data.seed=0`` or ``kind!=tune``; of several, all must hold. Names are
            ``name``, ``kind``, ``state``, ``when``, ``data``, ``photographs``, ``classes``, ``validation``, ``test``,
            ``external``, the mean over other sets, ``external.NAME``, ``seconds``, and every setting.
        kind: of ``train``, ``crossval``, ``tune`` and ``ensemble``; none stands for all.
        state: of ``running``, ``interrupted``, ``failed``, ``complete`` and ``gone``, whose process was killed.
        sort: a name as in ``where``; best or latest first.
        reverse: the other way round.

    Raises:
        RunError: a folder is not there.
        SettingsError: a condition, a name, a kind or a state cannot be understood.
    """
    from handshape.api.compared import listed_runs

    paths = None if folders is None else [_path(each) for each in _several(folders)]
    return listed_runs(paths, _several(where), {"kind": _several(kind), "state": _several(state)}, (sort, reverse))


def _several(given: Any) -> list[Any]:
    """One, or several, as a list."""
    return list(given) if isinstance(given, list | tuple | set) else [given]


def _path(given: AnyPath) -> Path:
    from pathlib import Path

    return Path(given)


def _path_or_none(given: AnyPath | None) -> Path | None:
    return None if given is None else _path(given)
