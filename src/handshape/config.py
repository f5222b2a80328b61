"""The settings: sections, names and defaults of the specification, typed; ours are added beside them.

Precedence: defaults < profile < configuration file < ``--set section.key=value``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from handshape.errors import SettingsError
from handshape.suggestions import did_you_mean, did_you_mean_path


def _as_word(value: Any) -> Any:
    """YAML 1.1 reads on and off as true and false; these settings mean the words."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


Word = BeforeValidator(_as_word)
GroupRule = str  # "auto", "folder", "none", the path of a .csv, or a regular expression with (?P<signer>…)


class Section(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, strict=False)


class DataSettings(Section):
    """Where the photographs are and how they are split."""

    original_data_dir: str = Field("dataset/train/", description="folder of photographs, one folder a class")
    temp_train_dir: str = Field("temp_data/train/", description="where the split is laid out, if it is")
    temp_val_dir: str = Field("temp_data/val/", description="the validation part of that layout")
    temp_test_dir: str = Field("temp_data/test/", description="the test part of that layout")
    layout: Literal["none", "copy", "link"] = Field(
        "none", description="lay the split out as folders: none, by copy, or by hard link"
    )
    test_split: float = Field(0.2, gt=0, lt=0.9, description="share of the images kept for the test")
    val_split: float = Field(0.1, gt=0, lt=0.9, description="share of the images kept for validation")
    seed: int = Field(0, ge=0, lt=2**31, description="decides the split and every random choice after it")
    groups: GroupRule = Field(
        "auto",
        description="who signed what: auto (bursts and near-copies stay together), folder (CLASS/SIGNER/image), "
        "a .csv of path,signer, a regular expression with (?P<signer>…) or (?P<session>…), or none",
    )
    negatives: list[str] = Field(
        [], description="folders of photographs without a sign: half of them tune what is accepted, half test it"
    )


class ModelSettings(Section):
    """The network and its two training phases."""

    img_size: int = Field(128, ge=96, le=512, multiple_of=32, description="side of the square input, in pixels")
    batch_size: int = Field(64, ge=1, le=4096, description="images a training step")
    num_epochs: int = Field(25, ge=1, le=10_000, description="epochs of phase one, base frozen")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of phase one (Adam)")
    fine_tune_lr: float = Field(1e-4, gt=0, le=1, description="learning rate of phase two")
    fine_tune_epochs: int = Field(10, ge=0, le=10_000, description="epochs of phase two; 0 leaves it out")
    fine_tune_layers: int = Field(20, ge=1, le=152, description="last layers of MobileNetV2 that phase two trains")
    fine_tune_optimizer: Literal["lion", "adam"] = Field(
        "lion", description="of phase two; at 1e-4 Lion, which steps by sign, gets further in ten epochs than Adam"
    )
    fine_tune_passes: int = Field(
        2, ge=1, le=100, description="times an epoch of phase two shows each image, in views drawn by chance"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="share of pooled features dropped in training")
    weights: str = Field("auto", description="start: auto, imagenet, own, none, or the path of a weights file")
    streams: list[Literal["landmarks", "hand", "pixels"]] = Field(
        ["landmarks", "hand"],
        min_length=1,
        description="what the classifier looks at: landmarks of the hand, what the landmark network sees of it, and "
        "pixels, through MobileNetV2; whole images have pixels alone",
    )


class AugmentationSettings(Section):
    """How training images are varied."""

    rotation_range: float = Field(20, ge=0, le=180, description="degrees to either side")
    zoom_range: float = Field(0.2, ge=0, lt=1, description="scale from 1-z to 1+z")
    shear_range: float = Field(
        0.2, ge=0, lt=1, description="shear to either side, as a factor: 0.2 leans a hand by 11 degrees"
    )
    width_shift_range: float = Field(0.2, ge=0, lt=1, description="share of the width to either side")
    height_shift_range: float = Field(0.2, ge=0, lt=1, description="share of the height to either side")
    horizontal_flip: bool = Field(
        True, description="mirror half of the images, but for hands that were found: they are all shown as right ones"
    )
    background: bool = Field(True, description="put other backgrounds behind hands that were found")
    light: bool = Field(True, description="show hands that were found in other light, and from farther away")
    views: int = Field(
        4, ge=0, le=100, description="views an image, drawn once, the first as it is; 0 draws anew every epoch"
    )


class TrainingSettings(Section):
    """Early stopping and the learning rate's plateau rule."""

    patience: int = Field(5, ge=1, le=1000, description="epochs without gain before a phase stops")
    min_delta: float = Field(0.001, ge=0, lt=1, description="what counts as a gain in validation loss")
    factor: float = Field(0.5, gt=0, lt=1, description="the learning rate is multiplied by this on a plateau")
    min_lr: float = Field(1e-7, ge=0, lt=1, description="the learning rate never falls below this")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of the truth spread over all classes")
    refit: Annotated[Literal["auto", "on", "off"], Word] = Field(
        "auto",
        description="once judged, learn from the validation and test images too; auto does it where fewer than 40 "
        "people sign, or nobody knows how many",
    )
    class_weights: Annotated[Literal["auto", "on", "off"], Word] = Field(
        "auto", description="weigh rare classes up: auto does it where the largest class is over 1.5 times the smallest"
    )


class GpuSettings(Section):
    """What an accelerator is asked to do; on a CPU each says why it is off."""

    use_mixed_precision: bool = Field(True, description="float16 arithmetic on a GPU")
    use_xla: bool = Field(True, description="compile with XLA on an accelerator")
    memory_growth: bool = Field(True, description="take GPU memory as needed instead of all at once")
    memory_limit_mb: int = Field(0, ge=0, description="at most this much GPU memory; 0 sets no limit")
    workers: int = Field(4, ge=1, le=64, description="threads or processes that prepare batches")
    use_multiprocessing: bool = Field(True, description="processes instead of threads where that is safe")
    max_queue_size: int = Field(10, ge=1, le=1000, description="prepared batches that may wait")


class HandSettings(Section):
    """Finding the hand before recognising it."""

    find: Annotated[Literal["off", "auto", "require"], Word] = Field(
        "auto",
        description="auto: the hand is looked for, and the whole image is used where none is found; require: images "
        "without a hand are left out; off: always the whole image",
    )
    max: int = Field(1, ge=1, le=2, description="hands looked for when recognising; the surest answer counts")
    known: Annotated[Literal["auto", "off"], Word] = Field(
        "auto", description="auto: hands the program knows, most of them drawn, help with classes of the same names"
    )
    also: list[str] = Field(
        [],
        description="classes to learn from such hands alone, beside those of the photographs: asl, digits, or signs of "
        "these",
    )
    false_accept: float = Field(
        0.05, gt=0, lt=1, description="share of images without a sign that may be taken for one"
    )


class LandmarkStreamSettings(Section):
    """How the stream that sees 21 points of a hand is trained."""

    learning_rate: float = Field(2e-3, gt=0, le=1, description="learning rate at the start; it falls to 0 on a cosine")
    weight_decay: float = Field(1e-3, ge=0, le=1, description="weight decay of AdamW")
    dropout: float = Field(
        0.4, ge=0, lt=1, description="share of hidden units dropped in training; of shape features half as many"
    )
    epochs: int = Field(40, ge=1, le=10_000, description="epochs; more where fewer hands make less than 30 steps each")


class HandStreamSettings(Section):
    """How the stream that sees the landmark network's feature map is trained."""

    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate at the start; it falls to 0 on a cosine")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="weight decay of AdamW")
    dropout: float = Field(0.4, ge=0, lt=1, description="share of pooled features dropped in training")
    epochs: int = Field(20, ge=1, le=10_000, description="epochs; more where fewer hands make less than 30 steps each")


class Settings(Section):
    """Every setting of a run."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    training: TrainingSettings = TrainingSettings()
    gpu: GpuSettings = GpuSettings()
    hands: HandSettings = HandSettings()
    landmark_stream: LandmarkStreamSettings = LandmarkStreamSettings()
    hand_stream: HandStreamSettings = HandStreamSettings()

    def to_yaml(self, changed_alone: bool = False) -> str:
        """The settings as YAML text that :func:`load_settings` reads back; ``changed_alone`` leaves defaults out."""
        values = self.model_dump(exclude_defaults=changed_alone)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


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
            f"There is no profile '{profile}'.", f"one of {', '.join(PROFILES)}", did_you_mean(profile, PROFILES)
        )
    values: dict[str, Any] = {}
    _merge(values, PROFILES[profile])
    if config_file is not None:
        _merge(values, _read_settings(config_file))
    for assignment in assignments:
        _merge(values, _parse_assignment(assignment))
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


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping):
            nested = into.setdefault(key, {})
            if isinstance(nested, dict):
                _merge(nested, value)
                continue
        into[key] = value


def read_yaml(path: Path, what: str, example: str, fix: str) -> Any:
    """What a YAML file holds; an empty one holds nothing, ``{}``.

    Args:
        path: the file.
        what: it is, in an error.
        example: of lines that it may hold.
        fix: where to see more of them.

    Raises:
        SettingsError: it cannot be read, or is not YAML.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the {what} {path}: {error.strerror}.", fix=did_you_mean_path(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        place = f" at line {where.line + 1}, column {where.column + 1}" if where else ""
        problem = getattr(error, "problem", None) or "it is not text"
        raise SettingsError(
            f"The {what} {path} is not valid YAML{place}: {problem}.",
            f"lines such as\n{example}",
            f"Correct that line; {fix}",
        ) from None
    return {} if values is None else values


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
        raise SettingsError(f"Cannot read the setting '{text}'.", "section.key=value", "Try --set model.batch_size=32")
    if section == "data" and key == "groups":  # a regular expression is not YAML
        return {section: {key: value}}
    try:
        return {section: {key: _number_or(yaml.safe_load(value))}}
    except yaml.YAMLError:
        return {section: {key: value}}


def _number_or(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people mean the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _explained(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    name = ".".join(place)
    if first["type"] == "extra_forbidden":
        return _unknown_name(place)
    field = _field(place)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    default = f"The default is {field.default!r}." if field is not None else ""
    expected = str(first["msg"]).removeprefix("Input should be ") + meaning
    return SettingsError(f"The setting {name} cannot be {first['input']!r}.", expected, default)


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
    return SettingsError(f"There is no setting '{name}'.", f"one of {', '.join(choices)}", fix)


def _field(place: Sequence[str]) -> Any:
    section = _sections().get(place[0]) if place else None
    return section.model_fields.get(place[1]) if section is not None and len(place) > 1 else None


def _sections() -> dict[str, type[Section]]:
    return {
        "data": DataSettings,
        "model": ModelSettings,
        "augmentation": AugmentationSettings,
        "training": TrainingSettings,
        "gpu": GpuSettings,
        "hands": HandSettings,
        "landmark_stream": LandmarkStreamSettings,
        "hand_stream": HandStreamSettings,
    }


def describe_settings() -> list[tuple[str, str, str]]:
    """Every setting as (name, default, meaning), in order."""
    return [
        (f"{section}.{key}", repr(field.default), field.description or "")
        for section, part in _sections().items()
        for key, field in part.model_fields.items()
    ]
