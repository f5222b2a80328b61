"""The two phases: the head on a frozen base, then the last layers with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from handshape.config import ModelSettings
from handshape.model.backbone import set_tail_trainable
from handshape.model.streams import PixelStream
from handshape.training.orders import EPOCHS_FOR_ALL


@dataclass(frozen=True)
class Phase:
    """What is trained, on which features, how long and how fast."""

    number: int
    name: str
    inputs: str  # which of the trunk's features: "pooled" or "cut"
    epochs: int
    learning_rate: float
    optimizer: str  # "adam" or "lion"
    passes: int  # times an epoch shows each image
    most: int = 2**31  # images that an epoch shows, or an eighth; of more, each epoch shows others
    falls: bool = False  # whether the learning rate does, from epoch to epoch

    def model(self, stream: PixelStream) -> Any:
        """The part of the stream that this phase trains, its layers frozen or freed."""
        set_tail_trainable(stream.backbone, self.inputs == "cut")
        return stream.tail_and_head if self.inputs == "cut" else stream.head

    def shown(self, images: int) -> int:
        """How many an epoch shows of so many, those that come more than once counted as often."""
        return min(images * self.passes, max(self.most, images // EPOCHS_FOR_ALL))

    @property
    def rate_setting(self) -> str:
        """The setting that its learning rate comes from."""
        return "model.learning_rate" if self.number == 1 else "model.fine_tune_lr"

    def new_optimizer(self) -> Any:
        """A fresh optimizer: Adam (Kingma & Ba 2015) or Lion (Chen et al. 2023)."""
        import keras

        kind = keras.optimizers.Lion if self.optimizer == "lion" else keras.optimizers.Adam
        return kind(self.learning_rate)


def head_phase(settings: ModelSettings) -> Phase:
    """Phase one: the head alone."""
    return Phase(1, "head", "pooled", settings.num_epochs, settings.learning_rate, "adam", 1, settings.epoch_images)


def refit_phase(settings: ModelSettings) -> Phase:
    """Phase two again, half as long, when more images have come."""
    return replace(fine_tune_phase(settings), name="refit", epochs=-(-settings.fine_tune_epochs // 2))


def fine_tune_phase(settings: ModelSettings) -> Phase:
    """Phase two: the last layers and the head."""
    return Phase(
        2,
        "fine-tuning",
        "cut",
        settings.fine_tune_epochs,
        settings.fine_tune_lr,
        settings.fine_tune_optimizer,
        settings.fine_tune_passes,
        settings.epoch_images,
        falls=True,
    )
