"""What hands say about classes and labels: where few or two are seen, which labels are suspect, which signs are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handshape.data.check_report import CheckReport, Problem
from handshape.data.checks import with_label_issues, with_two_hands
from handshape.data.gathering import Readings
from handshape.data.groups import Groups
from handshape.data.label_issues import Signs
from handshape.data.messages import counted, some
from handshape.data.out_of_fold import blocks
from handshape.data.picture_features import picture_features
from handshape.data.store import Store
from handshape.hands.geometry import COORDINATES, LANDMARKS, right_hand, shape_features
from handshape.hands.landmarks import Hand
from handshape.model.decisions import is_negative_name

MIN_HANDS = 0.5  # of a class's images; with fewer, its landmarks say little


def add_hand_findings(report: CheckReport, readings: Readings, groups: Groups) -> CheckReport:
    """The report with classes of few and of two hands, suspect labels, and classes that are one handshape.

    Args:
        report: of a folder.
        readings: of its files; hands were looked for.
        groups: of its usable images.
    """
    report = _with_few_hands(report, hands_of_classes(report, readings.hands))
    return _with_label_issues(report, readings, groups) if any(readings.hands) else report


def hands_of_classes(report: CheckReport, hands: Sequence[Hand | None]) -> dict[str, int]:
    """How many usable images of each class show a hand."""
    counts = Counter(sample.label for sample, hand in zip(report.usable_samples, hands, strict=True) if hand)
    return {label: counts[label] for label in report.classes}


def _with_label_issues(report: CheckReport, readings: Readings, groups: Groups) -> CheckReport:
    """Classes in which a second hand is seen take no part: what tells them apart may be the other hand."""
    report = with_two_hands(report, readings.hands)
    two_handed = report.two_hands or {}
    rows = [
        row
        for row, (sample, hand) in enumerate(zip(report.usable_samples, readings.hands, strict=True))
        if hand and sample.label not in two_handed
    ]
    hands = [hand for row in rows if (hand := readings.hands[row])]
    signs = Signs(
        shapes_of(hands),
        picture_features(readings.inputs.image, rows) if readings.inputs else None,
        np.array([hand.score for hand in hands]),
    )
    return with_label_issues(report, [report.usable_samples[row] for row in rows], signs, groups.of)


def shapes_of(hands: Sequence[Hand]) -> NDArray[np.float32]:
    """The shape of each hand, [n, D]; memory-mapped where they are many."""
    store = Store(len(hands), shape_features(np.zeros((1, LANDMARKS, COORDINATES), np.float32)).shape[1:], np.float32)
    for part in blocks(len(hands)):
        landmarks = [right_hand(each.landmarks, each.world, each.handedness == "Left") for each in hands[part]]
        for shape in shape_features(np.array(landmarks)):
            store.add(shape)
    return store.array()


def _with_few_hands(report: CheckReport, found: Mapping[str, int]) -> CheckReport:
    """The report with the classes in which few hands were found, those that show no sign aside."""
    poor = {
        label: f"{label} ({found[label]} of {usable})"
        for label, usable in report.usable_counts.items()
        if found[label] < MIN_HANDS * usable and not is_negative_name(label)
    }
    if not poor:
        return report
    named = some(tuple(poor.values()))
    problem = Problem(
        f"{counted(len(poor), 'class shows', 'classes show')} a hand in less than half of the images: {named}.",
        "Why is said above of these images; whole images are learned instead, which goes wrong on other people."
        if _is_explained(report, poor)
        else "Where no hand is found the answer is 'no hand': take photographs in which the whole hand is sharp, well "
        "lit and not tiny.",
    )
    return replace(report, findings=(*report.findings, problem))


def _is_explained(report: CheckReport, classes: Collection[str]) -> bool:
    """Whether most images of some classes are so odd that no hand can be expected in them."""
    odd = {*report.tiny, *report.traits.odd}
    images = [sample.path for sample in report.usable_samples if sample.label in classes]
    return sum(path in odd for path in images) > MIN_HANDS * len(images)
