"""From the keyword arguments of a call to typed settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from handshape.config import Settings, load_settings, validate_settings
from handshape.console import Console
from handshape.errors import DataError, SettingsError
from handshape.suggestions import did_you_mean
from handshape.workflow.crossval import CrossvalOptions
from handshape.workflow.ensemble.plan import EnsembleOptions, Weighing
from handshape.workflow.executor import Executor, executor_of

if TYPE_CHECKING:
    from handshape.workflow.ensemble.saved import SavedOptions
    from handshape.workflow.tuning.start import TuneOptions

SHORT = {"epochs": "num_epochs"}  # other names of settings
START = ("profile", "config")  # what settings start from
MIN_FOLDS = 3  # to train, to validate, to test
MIN_TUNE_FOLDS = 2
EVERY_RUN = ("name", "processes", "cluster")  # words beside settings
CROSSVAL_WORDS = (*EVERY_RUN, "repeats", "compare_random")
ENSEMBLE_WORDS = (*EVERY_RUN, "bag", "members", "weigh", "distill", "folds")
SAVED_WORDS = ("on", "weigh", "groups")  # of an ensemble of saved models, beside its name
TUNE_WORDS = (*EVERY_RUN, "minutes", "folds", "against", "pruner", "storage")
TUNE_CHANGES = ("minutes", "storage")  # of a search that is resumed


def settings_of(data: str | Path | None, words: Mapping[str, Any], others: Sequence[str] = ()) -> Settings:
    """The settings that a call asks for.

    Args:
        data: the photographs; None takes those that the configuration names.
        words: settings by name, sections as dictionaries, and ``profile`` and ``config``; None stands for the default.
        others: words that the call also knows, to name where they were misspelled.

    Raises:
        SettingsError: a name is unknown, or a value cannot be.
        DataError: no photographs were named, and there are none where the settings say.
    """
    profile, config = words.get("profile") or "default", words.get("config")
    values = load_settings(profile, None if config is None else Path(config)).model_dump(exclude_unset=True)
    changes = {word: value for word, value in words.items() if word not in START and value is not None}
    for section, changed in _by_section(changes, others).items():
        values[section] = values.get(section, {}) | changed
    if data is not None:
        values["data"]["original_data_dir"] = str(data)
    settings = validate_settings(values)
    if data is None and not Path(settings.data.original_data_dir).exists():
        raise DataError(
            f"No photographs were named, and there is no folder {settings.data.original_data_dir}.",
            "a folder with one folder of images a class",
            "Name yours first. handshape.sample('practice') draws some to try.",
        )
    return settings


def external_of(external: str | Path | Mapping[str, str | Path] | None) -> dict[str, Path]:
    """Folders of photographs from elsewhere by name; a single one is called as its folder is."""
    if external is None:
        return {}
    if isinstance(external, Mapping):
        return {name: Path(folder) for name, folder in external.items()}
    return {Path(external).resolve().name: Path(external)}


def crossval_options(
    folds: int | Literal["signers"], external: Mapping[str, Path], words: dict[str, Any]
) -> CrossvalOptions:
    """What is asked of a cross-validation; takes its words out of ``words``.

    Raises:
        SettingsError: too few folds or repeats.
    """
    repeats, compare_random = words.pop("repeats", 1), words.pop("compare_random", False)
    if folds != "signers" and not (isinstance(folds, int) and folds >= MIN_FOLDS):
        raise SettingsError(f"folds cannot be {folds!r}.", f"a number from {MIN_FOLDS} on, or 'signers'")
    if not (isinstance(repeats, int) and repeats >= 1):
        raise SettingsError(f"repeats cannot be {repeats!r}.", "1 or more")
    return CrossvalOptions(folds, repeats, bool(compare_random), external)


def ensemble_options(seeds: int | None, external: Mapping[str, Path], words: dict[str, Any]) -> EnsembleOptions:
    """What is asked of an ensemble; takes its words out of ``words``.

    Raises:
        SettingsError: one of them cannot be.
    """
    asked = _taken(words, ENSEMBLE_WORDS)
    members = asked.pop("members", ())
    asked["members"] = (str(members),) if isinstance(members, str | Path) else tuple(map(str, members))
    return EnsembleOptions.of(seeds, external=external, **asked)


def saved_options(words: Mapping[str, Any], others: tuple[Any, ...]) -> SavedOptions:
    """How models that are there are joined.

    Args:
        words: of the call.
        others: what only trainings take.

    Raises:
        SettingsError: something is said about how they are trained.
    """
    from handshape.workflow.ensemble.saved import SavedOptions

    asked = {word: value for word, value in words.items() if value is not None}
    unknown = [word for word in asked if word not in SAVED_WORDS]
    if unknown or any(others):
        raise SettingsError(
            f"Models that are joined are not trained{f', so {unknown[0]} means nothing' if unknown else ''}.",
            f"name, out, {', '.join(SAVED_WORDS)} beside them",
            did_you_mean(unknown[0], SAVED_WORDS) if unknown else "To train members, name one folder of photographs.",
        )
    weigh = asked.get("weigh", "auto")
    _require("weigh", weigh, get_args(Weighing))
    on = asked.get("on")
    return SavedOptions(None if on is None else Path(on), weigh, str(asked.get("groups", "auto")))


def tune_options(trials: int | None, space: str | Path | None, words: dict[str, Any]) -> TuneOptions:
    """What is asked of a search; takes its words out of ``words``.

    Raises:
        SettingsError: one of them, or what is searched, cannot be.
    """
    from handshape.workflow.tuning.objective import Cost
    from handshape.workflow.tuning.search_space import read_space
    from handshape.workflow.tuning.start import TuneOptions
    from handshape.workflow.tuning.study import PRUNERS

    asked = TuneOptions(**_taken(words, TUNE_WORDS), space=None if space is None else read_space(Path(space)))
    _require("pruner", asked.pruner, PRUNERS)
    _require("against", asked.against, (None, *get_args(Cost)))
    if not (isinstance(asked.folds, int) and asked.folds >= MIN_TUNE_FOLDS):
        raise SettingsError(f"folds cannot be {asked.folds!r}.", f"a number from {MIN_TUNE_FOLDS} on")
    usual = None if asked.minutes else TuneOptions.trials
    return _limited(asked, usual if trials is None else trials)


def tune_changes(trials: int | None, words: dict[str, Any]) -> TuneOptions:
    """What may change of a search that is resumed; takes its words out of ``words``.

    Raises:
        SettingsError: one of them cannot be.
    """
    from handshape.workflow.tuning.start import TuneOptions

    return _limited(TuneOptions(**_taken(words, TUNE_CHANGES)), trials)


def executor_for(words: dict[str, Any], console: Console) -> Executor:
    """What independent trainings run on, to be entered; takes its words out of ``words``.

    Raises:
        SettingsError: they cannot be.
        RuntimeUnavailableError: a cluster is asked for, and Ray is not installed.
    """
    asked = _taken(words, ("processes", "cluster"))
    processes, cluster = asked.get("processes", 1), asked.get("cluster")
    if not (isinstance(processes, int) and processes >= 1) or (cluster is not None and processes > 1):
        raise SettingsError(
            f"processes cannot be {processes!r}{' with a cluster' if cluster else ''}.",
            "processes, 1 or more, for this machine alone; cluster for many",
        )
    return executor_of(cluster, processes, console)


def require_nothing_new(*given: Any) -> None:
    """A run that is resumed keeps its name and settings.

    Raises:
        SettingsError: there are others.
    """
    if any(given):
        raise SettingsError(
            "resume goes on with a run as it was begun; settings cannot be given with it.",
            "resume, and data only if the photographs were moved",
            "Leave it out to begin anew with other settings.",
        )


def _taken(words: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of the words, taken out; None stands for the default."""
    found = {name: words.pop(name) for name in names if name in words}
    return {name: value for name, value in found.items() if value is not None}


def _limited(options: TuneOptions, trials: int | None) -> TuneOptions:
    """The options with so many trials.

    Raises:
        SettingsError: their number, or that of the minutes, cannot be.
    """
    if trials is not None and not (isinstance(trials, int) and trials >= 1):
        raise SettingsError(f"trials cannot be {trials!r}.", "1 or more")
    minutes = options.minutes
    if minutes is not None and not (isinstance(minutes, int | float) and 0 < minutes < float("inf")):
        raise SettingsError(f"minutes cannot be {minutes!r}.", "a number above 0")
    return replace(options, trials=trials)


def _require(word: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        named = [each for each in known if each]
        raise SettingsError(f"{word} cannot be {value!r}.", " or ".join(named), did_you_mean(str(value), named))


def _by_section(words: Mapping[str, Any], others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every setting that the words name, by section.

    Raises:
        SettingsError: a name is unknown, or a setting is given twice.
    """
    names, defaults = _names(), Settings().model_dump()
    found: dict[str, dict[str, Any]] = {section: {} for section in defaults}
    for word, value in words.items():
        if word in found:
            given = {(word, key): each for key, each in _section(word, value).items()}
        elif word in names:
            given = {names[word]: value}
        else:
            raise _unknown(word, [*names, *found, *START, *others])
        for (section, key), each in given.items():
            if key in found[section]:
                raise SettingsError(f"The setting {section}.{key} is given twice.", fix="Leave one of them out.")
            found[section][key] = _value(each, is_list=isinstance(defaults[section].get(key), list))
    return found


def _names() -> dict[str, tuple[str, str]]:
    """Section and key of every setting, by the name that stands without its section."""
    keys = [(section, key) for section, part in Settings().model_dump().items() for key in part]
    of_key = {key: (section, key) for section, key in keys}
    return of_key | {short: of_key[key] for short, key in SHORT.items()}


def _section(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name} cannot be {value!r}.", f"a dictionary of the settings of the section {name}")
    return value


def _value(value: Any, is_list: bool) -> Any:
    """Paths are text in settings; a single word is a list of one where there may be several."""
    if isinstance(value, str | Path):
        return [str(value)] if is_list else str(value)
    return [_value(each, is_list=False) for each in value] if isinstance(value, list | tuple) else value


def _unknown(word: str, known: list[str]) -> SettingsError:
    expected = "the name of a setting, as handshape train --help-settings lists them"
    return SettingsError(f"There is no setting '{word}'.", expected, did_you_mean(word, known))
