"""What hands say about labels: which are suspect, which classes are one handshape, which show two hands."""

from __future__ import annotations

import numpy as np

from handshape.data.check_report import CheckReport
from handshape.data.checks import with_label_issues, with_two_hands
from handshape.data.groups import Groups
from handshape.data.label_issues import Signs
from handshape.data.picture_features import picture_features
from handshape.data.reading import Readings
from handshape.hands.geometry import COORDINATES, LANDMARKS, right_hand, shape_features


def add_label_issues(report: CheckReport, readings: Readings, groups: Groups) -> CheckReport:
    """The report with two-handed classes, suspect labels and classes that are one handshape, where hands are known."""
    if not any(readings.hands):
        return report
    report = with_two_hands(report, readings.hands)
    two_handed = report.two_hands or {}
    rows = [
        row
        for row, (sample, hand) in enumerate(zip(report.usable_samples, readings.hands, strict=True))
        if hand and sample.label not in two_handed
    ]
    hands = [hand for row in rows if (hand := readings.hands[row])]
    landmarks = [right_hand(hand.landmarks, hand.world, hand.handedness == "Left") for hand in hands]
    signs = Signs(
        shape_features(np.array(landmarks, np.float32).reshape(-1, LANDMARKS, COORDINATES)),
        picture_features(readings.inputs.image[rows]) if readings.inputs else None,
        np.array([hand.score for hand in hands]),
    )
    return with_label_issues(report, [report.usable_samples[row] for row in rows], signs, groups.of)
