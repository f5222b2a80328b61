"""Which settings a search may change, and between which values: by default, from a file, and as YAML to edit."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Union, get_args, get_origin

import numpy as np

from handshape.config import (
    AugmentationSettings,
    HandStreamSettings,
    LandmarkStreamSettings,
    ModelSettings,
    Section,
    Settings,
    TrainingSettings,
    field_of,
    read_yaml,
    with_values,
)
from handshape.errors import SettingsError
from handshape.settings_file import number_or
from handshape.suggestions import did_you_mean

STREAMS = "model.streams"
EDGE = 0.1  # of the width: so far a search stays away from a bound that a setting must not reach
KEYS = ("low", "high", "log", "step")
EXAMPLE = "model.dropout: {low: 0.0, high: 0.5}\nmodel.fine_tune_layers: [10, 20, 40]"
SECTIONS: Mapping[str, type[Section]] = {
    "landmark_stream": LandmarkStreamSettings,
    "hand_stream": HandStreamSettings,
    "model": ModelSettings,
    "augmentation": AugmentationSettings,
    "training": TrainingSettings,
}
FIXED = {  # of these sections, what a search cannot change, and why
    "model.img_size": "the photographs are read once, for all trials",
    "model.weights": "the trunk features are computed once, for all trials",
    "training.refit": "nothing is refitted in a search",
    "training.profile_steps": "a trace changes nothing that is learned",
}
STREAM_OF = {"landmark_stream": "landmarks", "hand_stream": "hand"}  # what else is tuned is the pixel stream's
EVERY_STREAM = (STREAMS, "hands.known")


class Trial(Protocol):
    """What Optuna asks for values."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of these."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """Between these."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Between these."""


@dataclass(frozen=True)
class Choices:
    """One of some values, which may be lists."""

    values: tuple[Any, ...]

    @property
    def labels(self) -> dict[Any, Any]:
        """The values by what a study calls them: lists are joined."""
        return {"+".join(map(str, value)) if isinstance(value, list) else value: value for value in self.values}

    def suggest(self, trial: Trial, name: str) -> Any:
        """A value for a trial."""
        return self.labels[trial.suggest_categorical(name, list(self.labels))]

    def label(self, value: Any) -> Any:
        """What a study calls a value; None where it is none of these."""
        return next((label for label, each in self.labels.items() if each == value), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"choices": list(self.values)}

    def as_yaml(self) -> str:
        """In one line."""
        return f"[{', '.join(map(_as_yaml, self.values))}]"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both among them; ``log`` draws small ones as often as large ones."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def suggest(self, trial: Trial, name: str) -> Any:
        """A value for a trial."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def label(self, value: Any) -> Any:
        """The value itself; None where it is none of these."""
        if not self.low <= value <= self.high:
            return None
        is_between_steps = self.step and not np.isclose((value - self.low) / self.step % 1, (0, 1)).any()
        return None if is_between_steps else value

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}

    def as_yaml(self) -> str:
        """In one line."""
        parts = [f"low: {_as_yaml(self.low)}", f"high: {_as_yaml(self.high)}"]
        parts += ["log: true"] if self.log else []
        parts += [f"step: {_as_yaml(self.step)}"] if self.step else []
        return f"{{{', '.join(parts)}}}"


Space = Mapping[str, Choices | Range]  # by the name of the setting

# What is worth searching by default. More epochs than today's never helped, and fewer make a search fast.
DEFAULTS: Mapping[str, Space] = {
    "landmarks": {
        "landmark_stream.learning_rate": Range(5e-4, 1e-2, log=True),
        "landmark_stream.weight_decay": Range(1e-4, 1e-1, log=True),
        "landmark_stream.dropout": Range(0.1, 0.6),
        "landmark_stream.epochs": Range(4, 40, log=True, whole=True),
    },
    "hand": {
        "hand_stream.learning_rate": Range(3e-4, 1e-2, log=True),
        "hand_stream.weight_decay": Range(1e-3, 1e-1, log=True),
        "hand_stream.dropout": Range(0.1, 0.6),
        "hand_stream.epochs": Range(2, 20, log=True, whole=True),
    },
    "pixels": {
        "model.learning_rate": Range(3e-4, 3e-3, log=True),
        "model.fine_tune_lr": Range(2e-5, 5e-4, log=True),
        "model.dropout": Range(0.0, 0.5),
        "model.fine_tune_epochs": Range(3, 15, whole=True),
        "model.fine_tune_layers": Choices((10, 20, 40)),
        "augmentation.rotation_range": Choices((10, 20, 30)),
        "training.label_smoothing": Range(0.0, 0.2),
    },
}


def default_space(streams: Sequence[str], with_streams: bool = False) -> Space:
    """What is searched of these streams unless somebody says otherwise.

    Args:
        streams: that are trained.
        with_streams: search also which of them to leave out, which makes a model smaller and faster.
    """
    space = {name: values for stream in streams for name, values in DEFAULTS[stream].items()}
    if with_streams and len(streams) > 1:
        space = {STREAMS: Choices((list(streams), *([stream] for stream in streams))), **space}
    return space


def tunable() -> list[str]:
    """The names of all settings that a search may change."""
    names = [f"{section}.{key}" for section, part in SECTIONS.items() for key in part.model_fields]
    return [*(name for name in names if name not in FIXED), "hands.known"]


def stream_of(name: str) -> str | None:
    """The stream that a setting is of; None where it is of more than one."""
    return None if name in EVERY_STREAM else STREAM_OF.get(name.partition(".")[0], "pixels")


def read_space(path: Path) -> Space:
    """What is searched, from a YAML file: ``name: [choices]``, ``name: {low, high, log, step}``, or a name alone.

    Raises:
        SettingsError: the file cannot be read, or something in it cannot be searched.
    """
    values = read_yaml(path, "search space", EXAMPLE, "handshape tune --show-space prints a whole one.")
    if not isinstance(values, Mapping) or not values:
        raise SettingsError(f"The search space {path} names no setting.", f"lines such as\n{EXAMPLE}")
    return {str(name): _read_values(str(name), asked) for name, asked in values.items()}


def require_streams(space: Space, streams: Iterable[str]) -> None:
    """Passes when each setting is of a stream that is trained.

    Raises:
        SettingsError: one is not, so that nothing would depend on it.
    """
    trained = set(streams)
    for name in space:
        stream = stream_of(name)
        if stream is not None and stream not in trained:
            raise SettingsError(
                f"{name} is a setting of the {stream} stream, which is not trained here.",
                f"settings of {', '.join(sorted(trained))}",
                f"Leave it out, or train that stream as well: --set {STREAMS}=[{','.join([*sorted(trained), stream])}]",
            )


def suggest(space: Space, trial: Trial) -> dict[str, Any]:
    """A value of each setting for a trial."""
    return {name: values.suggest(trial, name) for name, values in space.items()}


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of settings that a study calls so."""
    return {
        name: values.labels[params[name]] if isinstance(values, Choices) else params[name]
        for name, values in space.items()
        if name in params
    }


def params_of(space: Space, settings: Settings) -> dict[str, Any]:
    """What a study calls the values that these settings have; those that the space lacks are left out."""
    found = {name: values.label(value_in(settings, name)) for name, values in space.items()}
    return {name: label for name, label in found.items() if label is not None}


def value_in(settings: Settings, name: str) -> Any:
    """The value that settings have by this name."""
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def space_as_yaml(space: Space) -> str:
    """A file that :func:`read_space` reads back, with what each setting means."""
    lines = ["# name: [choices], or name: {low, high, log, step}, or a name alone for all that the setting allows."]
    for name, values in space.items():
        field = field_of(name)
        if field is not None:
            lines.append(f"# {field.description}; the default is {_as_yaml(field.default)}")
        lines.append(f"{name}: {values.as_yaml()}")
    return "\n".join(lines) + "\n"


def _read_values(name: str, asked: Any) -> Choices | Range:
    known = tunable()
    if name in FIXED:
        raise SettingsError(f"{name} cannot be searched: {FIXED[name]}.", fix="Give it with --set.")
    if name not in known:
        there = field_of(name) is not None
        happened = f"{name} is no setting of a stream's training." if there else f"There is no setting '{name}'."
        raise SettingsError(
            f"{happened} It cannot be searched.", f"one of {', '.join(known)}", did_you_mean(name, known, near=0.5)
        )
    if asked is None:
        return _all_that_is_allowed(name)
    if isinstance(asked, list) and asked:
        return Choices(tuple(_allowed(name, value) for value in asked))
    if not isinstance(asked, Mapping):
        raise SettingsError(f"Cannot search {name} in {asked!r}.", f"lines such as\n{EXAMPLE}")
    made = _range(name, asked)
    for value in (made.low, made.high):
        _allowed(name, value)
    return made


def _allowed(name: str, value: Any) -> Any:
    """The value as the setting takes it.

    Raises:
        SettingsError: it does not.
    """
    return value_in(with_values(Settings(), {name: number_or(value)}), name)


def _range(name: str, asked: Mapping[str, Any]) -> Range:
    strange = [str(key) for key in asked if key not in KEYS]
    if strange or not {"low", "high"} <= asked.keys():
        raise SettingsError(
            f"Cannot search {name} in {dict(asked)}.", f"{{{', '.join(KEYS)}}}", did_you_mean(strange, KEYS)
        )
    low, high, step = (number_or(asked.get(key)) for key in ("low", "high", "step"))
    log, whole = asked.get("log", False), _kind(name) is int
    if _kind(name) not in (int, float):
        raise SettingsError(f"{name} is no number, so it has no range.", f"choices: {name}: [one, another]")
    numbers = [value for value in (low, high, step) if value is not None]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers) or not low < high:
        raise SettingsError(f"Cannot search {name} from {low} to {high}.", "two numbers, the lower one first")
    if whole and any(value != int(value) for value in numbers):
        raise SettingsError(f"{name} is a whole number; it cannot go from {low} to {high}.", "whole numbers")
    if log and (step or low <= 0):
        raise SettingsError(
            f"Cannot search {name} on a logarithmic scale: it starts at {low}" + (", with a step." if step else "."),
            "a low above 0, and no step",
        )
    if step is not None and not 0 < step <= high - low:
        raise SettingsError(f"Cannot search {name} in steps of {step}.", f"above 0, at most {high - low:g}")
    return Range(low, high, bool(log), step, whole)


def _all_that_is_allowed(name: str) -> Choices | Range:
    """Between a setting's own bounds, all its words, or on and off."""
    field, kind = field_of(name), _kind(name)
    if kind is bool:
        return Choices((True, False))
    if get_origin(kind) is Literal:
        return Choices(get_args(kind))
    low, high, open_high = (_bound(field, rule) for rule in ("ge", "le", "lt"))
    if low is not None and high is None and open_high is not None:
        high = open_high - EDGE * (open_high - low)
    if kind not in (int, float) or low is None or high is None:
        raise SettingsError(
            f"The setting {name} has no bounds of its own to search between.", f"lines such as\n{EXAMPLE}"
        )
    return Range(low, high, whole=kind is int)


def _bound(field: Any, rule: str) -> Any:
    return next((value for each in field.metadata if (value := getattr(each, rule, None)) is not None), None)


def _kind(name: str) -> Any:
    kind = getattr(field_of(name), "annotation", None)
    return get_args(kind)[0] if get_origin(kind) in (Union, types.UnionType) else kind


def _as_yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_as_yaml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-" if value == int(value) else "k")
    return str(value)
