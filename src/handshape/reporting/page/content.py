"""What a report tells, as plain values. Whatever was not measured is None or empty, and its section says so or goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from handshape.evaluation.metrics import Metrics
from handshape.explain.saliency import Heat
from handshape.hands.boxes import Box

Level = Literal["good", "fair", "poor"]


@dataclass(frozen=True)
class Measured:
    """A share, 0 to 1, and of how many images."""

    share: float
    n: int


@dataclass(frozen=True)
class Accuracies:
    """The three accuracies that belong side by side, each None or empty where it was not measured.

    Attributes:
        random: on a random split, where the same people stand on both sides.
        signers: on people who are in no training photograph.
        external: on other sets of photographs, by name.
        random_command: what measures the first.
        signers_command: what measures the second.
        external_command: what measures the third.
    """

    random: Measured | None = None
    signers: Measured | None = None
    external: Mapping[str, Measured] = field(default_factory=dict)
    random_command: str = "handshape train DATA --set data.groups=none"
    signers_command: str = "handshape train DATA --set data.groups=auto"
    external_command: str = "handshape train DATA --external NAME=OTHER_DATA"


@dataclass(frozen=True)
class Verdict:
    """What the numbers mean, in plain words: at least one sentence, the most important first."""

    level: Level
    sentences: Sequence[str]


@dataclass(frozen=True)
class SuspectedLabel:
    """A photograph whose label is in doubt.

    Attributes:
        file: the photograph.
        label: the class it lies in.
        suggestion: the class that the other photographs speak for.
        confidence: of the suggestion, 0 to 1.
    """

    file: Path
    label: str
    suggestion: str
    confidence: float


@dataclass(frozen=True)
class DataFacts:
    """The photographs.

    Attributes:
        images: images of each class.
        parts: images of each part of the split, by its name.
        signers: images of each signer; empty where nobody knows who signed.
        near_duplicates: share of the test images with a near-copy among the training images, and the test images.
        label_issues: labels in doubt, the surest first; None where they were not looked for.
    """

    images: Mapping[str, int]
    parts: Mapping[str, int] = field(default_factory=dict)
    signers: Mapping[str, int] = field(default_factory=dict)
    near_duplicates: Measured | None = None
    label_issues: Sequence[SuspectedLabel] | None = None


@dataclass(frozen=True, eq=False)
class Shot:
    """A photograph, what it was taken for, and where the model looked.

    Attributes:
        file: the photograph.
        label: its true class.
        answer: what the model said.
        confidence: of that answer, 0 to 1.
        heat: [h, w] float32, from :func:`~handshape.explain.saliency.class_activation`, for that answer.
        box: what the model saw, in pixels of the upright photograph at its full size; None is all of it.
    """

    file: Path
    label: str
    answer: str
    confidence: float
    heat: Heat | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Pair:
    """A photograph that was confidently taken for another class, beside a typical one of that class."""

    wrong: Shot
    typical: Shot | None


@dataclass(frozen=True)
class Slices:
    """Accuracy on parts of the test images, for example by ``hand size``; parts in their own order."""

    by: str
    parts: Mapping[str, Measured]


@dataclass(frozen=True)
class Mirror:
    """The test images as they are and mirrored.

    Attributes:
        plain: accuracy as they are.
        mirrored: accuracy mirrored.
        collisions: (class, what it is taken for when mirrored, share of its images).
    """

    plain: float
    mirrored: float
    collisions: Sequence[tuple[str, str, float]] = ()


@dataclass(frozen=True)
class Decisions:
    """What the thresholds make of the test images, and of photographs without a sign.

    Attributes:
        accepted: share answered with a label.
        accuracy_of_accepted: share of those that are right.
        unknown: share answered ``unknown``.
        no_hand: share answered ``no hand``.
        n: the test images.
        false_accepts: share of the negatives answered with a label.
        target: the share of them that was aimed at.
        thresholds: by name.
    """

    accepted: float
    accuracy_of_accepted: float
    unknown: float
    no_hand: float
    n: int
    false_accepts: Measured | None = None
    target: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that a report tells.

    Attributes:
        title: what this run is.
        when: it was made, as people write it.
        accuracies: the three, side by side.
        verdict: what they mean.
        advice: what to do next, the most useful first.
        test: measures of the test images.
        pairs: confusions as pictures.
        looks: photographs answered right, to show where the model looked.
        slices: accuracy by hand size, by brightness, by signer.
        coverage: share of the test images in which a hand was found.
        mirror: the mirror test.
        decisions: what is accepted.
        temperature: by which the logits were divided.
        data: the photographs.
        figures: pictures of the results folder.
        settings: sections of settings, name and value.
        versions: of the program and its libraries.
    """

    title: str
    when: str
    accuracies: Accuracies = Accuracies()
    verdict: Verdict | None = None
    advice: Sequence[str] = ()
    test: Metrics | None = None
    pairs: Sequence[Pair] = ()
    looks: Sequence[Shot] = ()
    slices: Sequence[Slices] = ()
    coverage: Measured | None = None
    mirror: Mirror | None = None
    decisions: Decisions | None = None
    temperature: float | None = None
    data: DataFacts | None = None
    figures: Sequence[Path] = ()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
