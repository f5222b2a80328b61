"""The mirror test: does the other hand's mirror image of a sign still read as the same sign?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.evaluation.answers import Floats, Integers

COLLIDING = 0.2  # of a class's images
MIN_IMAGES = 5  # of a class: fewer show nothing
NAMED = 3  # collisions in a summary


@dataclass(frozen=True)
class Collision:
    """A class whose mirror images read as another.

    Attributes:
        n: images of the class.
        mirrored: share of their mirror images that read as ``read_as``.
        upright: the same for the images as they are.
    """

    label: str
    read_as: str
    n: int
    mirrored: float
    upright: float

    @property
    def summary(self) -> str:
        """For people."""
        return f"{self.label} in the mirror reads as {self.read_as} in {self.mirrored:.0%} of {self.n} photographs"


@dataclass(frozen=True)
class MirrorTest:
    """How a model fares on mirrored images.

    Attributes:
        n: images.
        accuracy: on them as they are.
        mirrored_accuracy: on their mirror images.
        agreement: share of images that read the same both ways, rightly or not.
        collisions: the most frequent first.
    """

    n: int
    accuracy: float
    mirrored_accuracy: float
    agreement: float
    collisions: tuple[Collision, ...]

    @property
    def summary(self) -> str:
        """For people, one or two sentences."""
        first = (
            f"Mirrored, {self.mirrored_accuracy:.1%} are right instead of {self.accuracy:.1%}; "
            f"{self.agreement:.1%} read the same both ways."
        )
        if not self.collisions:
            return first
        more = len(self.collisions) - NAMED
        named = "; ".join(collision.summary for collision in self.collisions[:NAMED])
        return f"{first} {named}{f'; and {more} more such classes' if more > 0 else ''}."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "collisions": [vars(collision) for collision in self.collisions]}


def run_mirror_test(
    probabilities: Floats, mirrored: Floats, targets: Integers, class_names: Sequence[str]
) -> MirrorTest:
    """Compares answers to N > 0 images and to their mirror images.

    A class collides with another where mirroring alone turns a fifth of its images into it, or more: what is confused
    without a mirror, too, does not count.

    Args:
        probabilities: [N, C].
        mirrored: [N, C], of the same images mirrored left to right.
        targets: [N], the true classes.
        class_names: the names of the C classes.

    Raises:
        ValueError: shapes that do not fit, or no images.
    """
    n, classes = len(targets), len(class_names)
    if not n or probabilities.shape != (n, classes) or mirrored.shape != (n, classes):
        raise ValueError(
            f"Need two arrays [N, {classes}] and N > 0 classes; "
            f"got {probabilities.shape}, {mirrored.shape} and {targets.shape}."
        )
    upright_answer, mirrored_answer = probabilities.argmax(axis=1), mirrored.argmax(axis=1)
    return MirrorTest(
        n=n,
        accuracy=float((upright_answer == targets).mean()),
        mirrored_accuracy=float((mirrored_answer == targets).mean()),
        agreement=float((upright_answer == mirrored_answer).mean()),
        collisions=_collisions(targets, upright_answer, mirrored_answer, class_names),
    )


def _collisions(
    targets: Integers, upright_answer: Integers, mirrored_answer: Integers, class_names: Sequence[str]
) -> tuple[Collision, ...]:
    count = np.bincount(targets, minlength=len(class_names))
    upright, mirrored = (_rows(targets, answer, count) for answer in (upright_answer, mirrored_answer))
    collides = (mirrored - upright >= COLLIDING) & (count >= MIN_IMAGES)[:, None] & ~np.eye(len(count), dtype=bool)
    found = [
        Collision(class_names[a], class_names[b], int(count[a]), float(mirrored[a, b]), float(upright[a, b]))
        for a, b in np.argwhere(collides)
    ]
    return tuple(sorted(found, key=lambda collision: -collision.mirrored))


def _rows(targets: Integers, answer: Integers, count: Integers) -> Floats:
    """How each class is read, [C, C], as shares of its images."""
    table = np.zeros((len(count), len(count)))
    np.add.at(table, (targets, answer), 1)
    return table / np.maximum(count, 1)[:, None]
