"""The sections of the settings: names and defaults of the specification, typed; ours are added beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)


def _as_word(value: Any) -> Any:
    """YAML 1.1 reads on and off as true and false; these settings mean the words."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _or_auto(value: Any, whole_number: ValidatorFunctionWrapHandler) -> Any:
    return value if value == "auto" else whole_number(value)


Word = BeforeValidator(_as_word)
GroupRule = str  # "auto", "folder", "none", the path of a .csv, or a regular expression with (?P<signer>…)


class Section(BaseModel):
    """A frozen group of settings that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, strict=False)


if TYPE_CHECKING:
    BatchSize: TypeAlias = int | Literal["auto"]
else:  # a whole number, as far as bounds, messages and a search for settings go
    BatchSize = Annotated[int, Field(ge=1, le=4096), WrapValidator(_or_auto), PlainSerializer(lambda size: size)]


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
    batch_size: BatchSize = Field(
        "auto",
        description="images a training step; auto: 64, of many images as many as make it faster; on an accelerator "
        "that is tried, once a machine",
    )
    num_epochs: int = Field(25, ge=1, le=10_000, description="epochs of phase one, base frozen")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of phase one (Adam)")
    fine_tune_lr: float = Field(
        2e-4, gt=0, le=1, description="learning rate of phase two on average; it falls to 0 on a cosine"
    )
    fine_tune_epochs: int = Field(10, ge=0, le=10_000, description="epochs of phase two; 0 leaves it out")
    fine_tune_layers: int = Field(20, ge=1, le=152, description="last layers of MobileNetV2 that phase two trains")
    fine_tune_optimizer: Literal["lion", "adam"] = Field(
        "lion", description="of phase two; Lion, which steps by sign, gets further in ten epochs than Adam"
    )
    fine_tune_passes: int = Field(
        2, ge=1, le=100, description="times an epoch of phase two shows each image, in views drawn by chance"
    )
    epoch_images: int = Field(
        4096,
        ge=64,
        le=1_000_000_000,
        description="images that an epoch shows at most; of more, each epoch shows others, an eighth of them or more",
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
    profile_steps: int = Field(
        0, ge=0, le=1000, description="training steps of each phase that are traced, for TensorBoard and Perfetto"
    )
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

    use_mixed_precision: bool = Field(True, description="let gpu.precision=auto use half precision on a GPU")
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto", description="numbers that MobileNetV2 computes in: auto takes half precision where the card gains"
    )
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
    epochs: int = Field(
        40,
        ge=1,
        le=10_000,
        description="epochs; where hands make less than 30 steps, an epoch goes through them more than once",
    )


class HandStreamSettings(Section):
    """How the stream that sees the landmark network's feature map is trained."""

    learning_rate: float = Field(1e-3, gt=0, le=1, description="learning rate at the start; it falls to 0 on a cosine")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="weight decay of AdamW")
    dropout: float = Field(0.4, ge=0, lt=1, description="share of pooled features dropped in training")
    epochs: int = Field(
        20,
        ge=1,
        le=10_000,
        description="epochs; where hands make less than 30 steps, an epoch goes through them more than once",
    )


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

    def to_yaml(self, changed_alone: bool = False, given_alone: bool = False) -> str:
        """The settings as YAML text that :func:`~handshape.config.load_settings` reads back.

        Args:
            changed_alone: leaves out what is as by default.
            given_alone: leaves out what nobody has set.
        """
        values = self.model_dump(exclude_defaults=changed_alone, exclude_unset=given_alone)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
