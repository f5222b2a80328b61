"""What else a trained model shows on its test images and elsewhere: mirrors, slices, outside photographs, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageOps

from handshape.config import Settings
from handshape.console import Console
from handshape.data.check_report import CheckReport
from handshape.data.near_duplicates import near_duplicate_share
from handshape.data.samples import ImageFolder, Sample, list_samples
from handshape.evaluation.external import OutsideEvaluation, evaluate_outside, predict_files
from handshape.evaluation.mirror import MirrorTest, run_mirror_test
from handshape.evaluation.slices import Slice, Slices, cut_slices, mean_luminance
from handshape.hands.search import HandSearch
from handshape.images import read_image
from handshape.reporting.advice import Advice, advise
from handshape.reporting.verdict import Evidence, Verdict, judge_evidence
from handshape.workflow.dataset import FoundHands, knows_signers
from handshape.workflow.evaluate import Judgement, Shipped
from handshape.workflow.run import Run

MAX_MIRRORED = 400  # test images; finding their hands again takes time


@dataclass(frozen=True)
class Findings:
    """What there is to say about a model beyond its accuracy.

    Attributes:
        near_duplicates: share of the test images with a near-copy in training.
        external: by name.
    """

    slices: Slices
    mirror: MirrorTest
    near_duplicates: float
    external: Mapping[str, OutsideEvaluation]
    verdict: Verdict
    advice: tuple[Advice, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict.as_dict(),
            "advice": [advice.text for advice in self.advice],
            "external": {
                name: {"accuracy": outside.metrics.accuracy, "n": outside.metrics.n, "left_out": list(outside.left_out)}
                for name, outside in self.external.items()
            },
            "near_duplicate_share": self.near_duplicates,
            "mirror": self.mirror.as_dict(),
            "slices": self.slices.as_dict(),
        }


def find_out(
    judgement: Judgement,
    shipped: Shipped,
    folder: ImageFolder,
    report: CheckReport,
    hands: FoundHands,
    look: HandSearch | None,
    external: Mapping[str, Path],
    settings: Settings,
    run: Run,
    console: Console,
) -> Findings:
    """Everything beyond the accuracy: as judged on the test images, as shipped on photographs from elsewhere."""
    slices = slice_test(judgement, hands)
    near = near_duplicates_in_test(judgement, report)
    mirror = test_mirror(judgement, folder, look, settings, run, console)
    elsewhere = evaluate_elsewhere(shipped, judgement.class_names, look, external, settings, console)
    verdict = judge_evidence(_evidence(judgement, slices, near, elsewhere))
    return Findings(slices, mirror, near, elsewhere, verdict, _advice(judgement, slices, bool(elsewhere)))


def slice_test(judgement: Judgement, hands: FoundHands) -> Slices:
    """Accuracy on the test images by hand size, brightness and, where they are known, signers."""
    test, split = judgement.test, judgement.split
    groups = split.groups if knows_signers(split) else None
    found = [hands.get(sample.path) for sample in split.test]
    sides = np.array([np.ptp(hand.landmarks[:, :2], axis=0).max() if hand else np.nan for hand in found])
    return cut_slices(
        test.predictions.correct,
        test.predictions.targets,
        judgement.class_names,
        side=sides if judgement.looked_for_hands else None,
        luminance=mean_luminance(test.inputs.image),
        signers=[groups[sample.path] for sample in split.test] if groups else None,
    )


def near_duplicates_in_test(judgement: Judgement, report: CheckReport) -> float:
    """The share of the test images that have a near-copy in training."""
    rows = {sample.path: row for row, sample in enumerate(report.usable_samples)}
    test, train = (
        report.similarity.embeddings[[rows[sample.path] for sample in samples]]
        for samples in (judgement.split.test, judgement.split.train)
    )
    return near_duplicate_share(test, train)


def test_mirror(
    judgement: Judgement, folder: ImageFolder, look: HandSearch | None, settings: Settings, run: Run, console: Console
) -> MirrorTest:
    """The test images, or an even selection of them, as they are and mirrored; hands are found anew."""
    test = judgement.test.predictions
    rows = np.unique(np.linspace(0, len(test.targets) - 1, min(MAX_MIRRORED, len(test.targets))).round().astype(int))
    samples = [judgement.split.test[row] for row in rows]
    console.status("check", f"Mirror test on {len(rows)} test images")
    files = [_mirrored(folder, sample, run.work / "mirrored" / f"{row}.png") for row, sample in enumerate(samples)]
    found = look(files) if look else [None] * len(files)
    probabilities = predict_files(judgement.judged.network, files, found, settings.model.img_size, console)
    return run_mirror_test(test.probabilities[rows], probabilities, test.targets[rows], judgement.class_names)


def evaluate_elsewhere(
    shipped: Shipped,
    class_names: Sequence[str],
    look: HandSearch | None,
    external: Mapping[str, Path],
    settings: Settings,
    console: Console,
) -> dict[str, OutsideEvaluation]:
    """The model on photographs from elsewhere, by name."""
    results = {}
    for name, path in external.items():
        console.status("chart", f"Evaluating on {name}: {path}")
        results[name] = evaluate_outside(
            shipped.network, class_names, settings.model.img_size, list_samples(path), look, console
        )
    return results


def _mirrored(folder: ImageFolder, sample: Sample, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    ImageOps.mirror(read_image(folder.file(sample))).save(file, compress_level=1)
    return file


def _evidence(
    judgement: Judgement, slices: Slices, near_duplicates: float, external: Mapping[str, OutsideEvaluation]
) -> Evidence:
    test = judgement.test
    own = Slice.of("test images", test.predictions.correct)
    by_signer = knows_signers(judgement.split)
    return Evidence(
        same_people=None if by_signer else own,
        new_people=own if by_signer else None,
        external=tuple(Slice.of(name, outside.predictions.correct) for name, outside in external.items()),
        near_duplicates=near_duplicates,
        worst_signer=slices.worst_signer,
        hands_found=slices.coverage.overall if slices.coverage else None,
        calibration_error=test.metrics.ece,
    )


def _advice(judgement: Judgement, slices: Slices, has_external: bool) -> tuple[Advice, ...]:
    split, class_names = judgement.split, judgement.class_names
    counts = dict.fromkeys(class_names, 0)
    for sample in split.train:
        counts[sample.label] += 1
    people = len(set(split.groups.values())) if knows_signers(split) and split.groups else None
    return advise(
        judgement.test.metrics.confusion,
        class_names,
        counts=np.array([counts[label] for label in class_names]),
        people=people,
        slices=slices,
        has_external=has_external,
    )
