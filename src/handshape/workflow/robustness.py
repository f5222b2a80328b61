"""What else a trained model shows on its test images and elsewhere: mirrors, slices, near-duplicates, other people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.data.near_duplicates import near_duplicate_share
from handshape.data.splits import Rows, Split
from handshape.evaluation.habits import find_habits
from handshape.evaluation.mirror import MirrorTest, run_mirror_test
from handshape.evaluation.slices import Slice, Slices, cut_slices, mean_luminance
from handshape.hands.inputs import enough_pixels, load_photograph, view_of, with_hands
from handshape.hands.search import without_search
from handshape.mapped import let_go
from handshape.model.decisions import Thresholds, is_negative_name
from handshape.reporting.advice import Advice, ClassFindings, advise
from handshape.reporting.verdict import Evidence, Verdict, verdict_on
from handshape.workflow.context import optional
from handshape.workflow.dataset import Dataset
from handshape.workflow.evaluate import Evaluation, Model, evaluate
from handshape.workflow.external import seen_in_words
from handshape.workflow.overlap import Learned, is_seen
from handshape.workflow.trained import Trained

MIN_TESTED, REJECTED = 3, 0.2  # test images of a class; share answered below which it counts as rejected
MAX_MIRRORED = 400  # test images; finding their hands again takes time
CHUNK = 256  # images whose brightness is measured at a time


@dataclass(frozen=True, eq=False)
class Findings:
    """What there is to say about a model beyond its accuracy.

    Attributes:
        near_duplicates: share of the test images with a near-duplicate in training.
        external: by name.
    """

    slices: Slices
    mirror: MirrorTest | None
    near_duplicates: float
    external: Mapping[str, Evaluation]
    left_out: Mapping[str, tuple[str, ...]]
    verdict: Verdict
    advice: tuple[Advice, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict.as_dict(),
            "advice": [advice.text for advice in self.advice],
            "external": {
                name: {"accuracy": each.metrics.accuracy, "n": each.metrics.n, "left_out": list(self.left_out[name])}
                for name, each in self.external.items()
            },
            "near_duplicate_share": self.near_duplicates,
            "mirror": self.mirror.as_dict() if self.mirror else None,
            "slices": self.slices.as_dict(),
        }


def find_out(trained: Trained, external: Mapping[str, Dataset], console: Console) -> Findings:
    """Everything beyond the accuracy: as measured on the test images, as shipped on photographs from elsewhere."""
    test, dataset, split = trained.results.test, trained.dataset, trained.split
    slices, near_duplicates = slice_test(test, dataset), near_duplicates_in_test(dataset, split)
    mirror, measured = None, {}
    with optional("The mirror test", console):
        mirror = test_mirror(trained.measured, test, dataset, trained.settings.model.img_size, console)
    for name, each in external.items():
        console.status("chart", f"Evaluating on {name}: {each.folder.root}")
        with optional(f"Evaluating on {name}", console):
            seen = is_seen(each, Learned.of(dataset.report))
            if seen.any():
                console.warn(seen_in_words(name, seen))
            if not seen.all():
                measured[name] = evaluate(trained.shipped, each, np.flatnonzero(~seen), console)
    return Findings(
        slices=slices,
        mirror=mirror,
        near_duplicates=near_duplicates,
        external=measured,
        left_out={name: each.left_out for name, each in external.items()},
        verdict=verdict_of(trained, slices, near_duplicates, slices_of(measured)),
        advice=advise_on(test, dataset, split, slices, slices_of(measured)),
    )


def slice_test(test: Evaluation, dataset: Dataset) -> Slices:
    """Accuracy on the test images by hand size, brightness and, where they are known, signers."""
    hands = [dataset.hands[row] for row in test.rows]
    sides = np.array([np.ptp(hand.landmarks[:, :2], axis=0).max() if hand else np.nan for hand in hands])
    images = dataset.inputs.image
    luminance = []
    for start in range(0, len(test.rows), CHUNK):
        luminance.append(mean_luminance(images[test.rows[start : start + CHUNK]]))
        let_go(images)
    signers = dataset.group_names(test.rows) if dataset.groups.are_signers else None
    slices = cut_slices(
        test.predictions.correct,
        test.predictions.targets,
        dataset.class_names,
        side=sides if dataset.finds_hands else None,
        luminance=np.concatenate(luminance),
        signers=signers,
    )
    if signers is None:
        return slices
    predictions = test.predictions
    habits = find_habits(predictions.predicted, predictions.targets, dataset.class_names, signers)
    return replace(slices, habits=habits)


def near_duplicates_in_test(dataset: Dataset, split: Split) -> float:
    """The share of the test images that have a near-duplicate in training."""
    return near_duplicate_share(dataset.embeddings(split.test), dataset.embeddings(split.train))


def test_mirror(model: Model, test: Evaluation, dataset: Dataset, size: int, console: Console) -> MirrorTest:
    """The test images, or an even selection of them, as they are and mirrored; hands are found anew."""
    count = len(test.rows)
    chosen = np.unique(np.linspace(0, count - 1, min(MAX_MIRRORED, count)).round().astype(int))
    console.status("check", f"Mirror test: whether {len(chosen)} test images are recognised as well when mirrored")
    mirrored = _answer_mirrored(model, dataset, test.rows[chosen], size, console)
    predictions = test.predictions
    return run_mirror_test(
        predictions.probabilities[chosen], mirrored, predictions.targets[chosen], dataset.class_names
    )


def _answer_mirrored(model: Model, dataset: Dataset, rows: Rows, size: int, console: Console) -> NDArray[np.float32]:
    side = enough_pixels(size, dataset.finds_hands)
    photographs = (load_photograph(file, side).mirrored() for file in dataset.files(rows))
    answers = []
    with console.progress("Mirrored images", len(rows)) as bar:
        for photograph, hand in (dataset.search or without_search)(photographs):
            answers.append(model.network(with_hands(view_of(photograph, hand, size)[None], [hand])))
            bar.advance()
    return np.concatenate(answers)


def slices_of(external: Mapping[str, Evaluation]) -> tuple[Slice, ...]:
    """Right answers to photographs from elsewhere."""
    return tuple(Slice.of(name, each.predictions.correct) for name, each in external.items())


def verdict_of(trained: Trained, slices: Slices, near_duplicates: float, external: tuple[Slice, ...]) -> Verdict:
    """What all that comes to."""
    results, dataset = trained.results, trained.dataset
    own = Slice.of("test images", results.test.predictions.correct)
    accepted, rejected = acceptance(results.test, results.tuning.thresholds)
    return verdict_on(
        Evidence(
            same_people=None if dataset.groups.are_signers else own,
            new_people=own if dataset.groups.are_signers else None,
            external=external,
            near_duplicates=near_duplicates,
            worst_signer=slices.worst_signer,
            hands_found=slices.coverage.overall if slices.coverage else None,
            calibration_error=results.test.metrics.ece,
            accepted=accepted,
            rejected=rejected,
            false_accepts=results.decisions.false_accepts,
            target=results.tuning.target,
        )
    )


def acceptance(evaluation: Evaluation, thresholds: Thresholds) -> tuple[Slice, tuple[str, ...]]:
    """The photographs answered with a label, and the classes of which hardly any is."""
    targets = evaluation.predictions.targets
    accepted = thresholds.accept(evaluation.answers.confidence, evaluation.hand_found)
    by_class = {
        name: Slice.of(name, accepted[targets == number])
        for number, name in enumerate(evaluation.class_names)
        if (targets == number).sum() >= MIN_TESTED and not is_negative_name(name)
    }
    rejected = tuple(name for name, each in by_class.items() if each.share < REJECTED)
    return Slice.of("accepted", accepted), rejected


def advise_on(
    test: Evaluation, dataset: Dataset, split: Split, slices: Slices, external: tuple[Slice, ...]
) -> tuple[Advice, ...]:
    """What to photograph next."""
    return advise(
        test.metrics,
        counts=np.bincount(dataset.targets[split.train], minlength=len(dataset.class_names)),
        people=len(set(dataset.groups.of.values())) if dataset.groups.are_signers else 0,
        slices=slices,
        external=external,
        classes=ClassFindings(dataset.report.twins or (), tuple(dataset.report.two_hands or ())),
    )
