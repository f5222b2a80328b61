"""The settings: defaults < profile < configuration file < ``--set section.key=value``, each later one winning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from handshape.errors import SettingsError
from handshape.sections import (
    AugmentationSettings,
    DataSettings,
    GpuSettings,
    HandSettings,
    HandStreamSettings,
    LandmarkStreamSettings,
    ModelSettings,
    Section,
    Settings,
    TrainingSettings,
)
from handshape.settings_file import cut, merge, number_or, parse_yaml, read_yaml, shown
from handshape.suggestions import did_you_mean

__all__ = [
    "PROFILES",
    "AugmentationSettings",
    "DataSettings",
    "GpuSettings",
    "HandSettings",
    "HandStreamSettings",
    "LandmarkStreamSettings",
    "ModelSettings",
    "Section",
    "Settings",
    "TrainingSettings",
    "describe_settings",
    "field_of",
    "load_settings",
    "read_yaml",
    "validate_settings",
    "with_values",
]

PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "default": {},
    "gtx1650": {  # 4 GB of GPU memory, 8 GB of main memory: the specification's version 1.2
        "model": {"batch_size": 32},
        "gpu": {"workers": 2, "max_queue_size": 5},
    },
}


def load_settings(
    profile: str = "default", config_file: Path | None = None, assignments: Sequence[str] = ()
) -> Settings:
    """Settings from defaults, a profile, a YAML file and ``section.key=value`` texts, later ones winning.

    Raises:
        SettingsError: an unknown name, a wrong type, a value out of range, or YAML that does not parse.
    """
    if profile not in PROFILES:
        raise SettingsError(
            f"There is no profile '{cut(profile)}'.", f"one of {', '.join(PROFILES)}", did_you_mean(profile, PROFILES)
        )
    values: dict[str, Any] = {}
    merge(values, PROFILES[profile])
    if config_file is not None:
        merge(values, _read_settings(config_file))
    for assignment in assignments:
        merge(values, _parse_assignment(assignment))
    return validate_settings(values)


def validate_settings(values: Mapping[str, Any]) -> Settings:
    """Typed settings from nested dictionaries.

    Raises:
        SettingsError: names the first setting at fault, what was expected, and the nearest known name.
    """
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from None
    if settings.hands.find == "off" and "pixels" not in settings.model.streams:
        if "streams" in settings.model.model_fields_set:
            raise SettingsError(
                "model.streams asks for hands, but hands.find=off looks for none.",
                "hands.find=auto or require, or the stream pixels",
                "Leave one of the two settings out.",
            )
        model = settings.model.model_copy(update={"streams": ["pixels"]})
        settings = settings.model_copy(update={"model": model})
    if settings.data.test_split + settings.data.val_split >= 0.95:
        raise SettingsError(
            "data.test_split and data.val_split leave almost nothing to train on.",
            "together below 0.95",
            "Lower one of them, for example --set data.test_split=0.2",
        )
    return settings


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with others in the place of some, by their names: ``{"model.dropout": 0.3}``.

    Raises:
        SettingsError: an unknown name, a wrong type or a value out of range.
    """
    changed = settings.model_dump()
    for name, value in values.items():
        section, _, key = name.partition(".")
        changed.setdefault(section, {})[key] = value
    return validate_settings(changed)


def field_of(name: str) -> FieldInfo | None:
    """What is known of a setting such as ``model.dropout``: default, bounds, meaning; None where there is none."""
    field: FieldInfo | None = _field(name.split("."))
    return field


def _read_settings(path: Path) -> Mapping[str, Any]:
    whole = "a run's models/config_….yaml shows a whole configuration."
    values = read_yaml(path, "configuration", "model:\n  batch_size: 32", whole)
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"The configuration {path} holds a {type(values).__name__}, not sections.",
            f"sections {', '.join(Settings.model_fields)}, each with its settings below it",
        )
    return values


def _parse_assignment(text: str) -> Mapping[str, Any]:
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise SettingsError(
            f"Cannot read the setting '{cut(text)}'.", "section.key=value", "Try --set model.batch_size=32"
        )
    if section == "data" and key == "groups":  # a regular expression is not YAML
        return {section: {key: value}}
    try:
        return {section: {key: number_or(parse_yaml(value, f"The value of --set {cut(name)}"))}}
    except yaml.YAMLError:
        return {section: {key: value}}


def _explained(error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    name = ".".join(place)
    if first["type"] == "extra_forbidden":
        return _unknown_name(place)
    field = _field(place)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    default = f"The default is {field.default!r}." if field is not None else ""
    expected = str(first["msg"]).removeprefix("Input should be ") + meaning
    return SettingsError(f"The setting {cut(name)} cannot be {shown(first['input'])}.", expected, default)


def _unknown_name(place: Sequence[str]) -> SettingsError:
    known = [f"{section}.{key}" for section, part in _sections().items() for key in part.model_fields]
    if len(place) == 1:
        known = list(_sections())
    name = ".".join(place)
    moved = [other for other in known if other.endswith("." + place[-1])]  # the right name in the wrong section
    meant = f"Did you mean {moved[0]}?" if moved else did_you_mean(name, known, near=0.5)
    section = _sections().get(place[0])
    choices = known if len(place) == 1 else [f"{place[0]}.{key}" for key in section.model_fields] if section else known
    fix = meant or "handshape train --help-settings lists them all."
    return SettingsError(f"There is no setting '{cut(name)}'.", f"one of {', '.join(choices)}", fix)


def _field(place: Sequence[str]) -> Any:
    section = _sections().get(place[0]) if place else None
    return section.model_fields.get(place[1]) if section is not None and len(place) > 1 else None


def _sections() -> dict[str, type[Section]]:
    return {name: type(field.default) for name, field in Settings.model_fields.items()}


def describe_settings() -> list[tuple[str, str, str]]:
    """Every setting as (name, default, meaning), in order."""
    return [
        (f"{section}.{key}", repr(field.default), field.description or "")
        for section, part in _sections().items()
        for key, field in part.model_fields.items()
    ]
