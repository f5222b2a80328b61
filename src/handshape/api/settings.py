"""From the keyword arguments of a call to typed settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from handshape.config import Settings, load_settings, validate_settings
from handshape.errors import DataError, SettingsError
from handshape.suggestions import did_you_mean
from handshape.workflow.crossval import CrossvalOptions
from handshape.workflow.ensemble.plan import EnsembleOptions

SHORT = {"epochs": "num_epochs"}  # other names of settings
START = ("profile", "config")  # what settings start from
MIN_FOLDS = 3  # to train, to validate, to test
CROSSVAL_WORDS = ("name", "repeats", "compare_random")  # of a cross-validation, beside settings
ENSEMBLE_WORDS = ("name", "bag", "members", "weigh", "distill", "folds")  # the same of an ensemble


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
    asked = {word: words.pop(word) for word in ENSEMBLE_WORDS if word in words}
    members = asked.pop("members", ())
    asked["members"] = (str(members),) if isinstance(members, str | Path) else tuple(map(str, members))
    return EnsembleOptions.of(seeds, external=external, **asked)


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
