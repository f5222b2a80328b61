"""The verbs that use a trained model: ``evaluate`` and ``predict``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from handshape.cli.shared import for_each_image, in_words
from handshape.console import Console


def evaluate(options: argparse.Namespace, console: Console) -> int:
    """``handshape evaluate``."""
    from handshape.data.samples import list_samples
    from handshape.evaluation.decisions import report_decisions
    from handshape.evaluation.external import evaluate_outside
    from handshape.hands.search import hand_search
    from handshape.registry import resolve
    from handshape.serving.recognizer import Recognizer

    bundle = resolve(options.model)
    recognizer = Recognizer(bundle)
    folder = list_samples(options.data)
    look = hand_search(console) if bundle.hands else None
    outside = evaluate_outside(recognizer.probabilities, bundle.class_names, bundle.size, folder, look, console)
    metrics, predictions = outside.metrics, outside.predictions
    decisions = report_decisions(
        bundle.class_names, predictions.probabilities, predictions.targets, outside.hand_found, bundle.thresholds
    )
    for names, what in (
        (outside.left_out, "classes the model does not know"),
        (outside.unreadable, "unreadable images"),
    ):
        if names:
            console.warn(f"Left out, {what}: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}")
    rows = [
        (score.label, score.support, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
        for score in metrics.scored()
    ]
    console.table(f"{options.data}", ("class", "images", "precision", "recall", "F1"), rows)
    console.status("chart", f"Accuracy {metrics.accuracy:.1%} on {metrics.n} images of {len(rows)} classes")
    console.detail(f"top-3 {metrics.top3:.1%}, macro F1 {metrics.macro_f1:.3f}, calibration error {metrics.ece:.3f}")
    show_decisions(decisions, console)
    if options.json:
        console.emit(
            {
                **metrics.as_dict(),
                "classes": [score.label for score in metrics.scored()],
                "hands_found": decisions.hands_found,
                "decisions": decisions.as_dict(),
                "left_out": list(outside.left_out),
                "unreadable": list(outside.unreadable),
            }
        )
    return 0


def show_decisions(decisions: Any, console: Console) -> None:
    """How much the model accepts, and how much of that is right."""
    if decisions.hands_found is not None:
        console.detail(f"a hand found in {decisions.hands_found:.1%}")
    right = decisions.accuracy_of_accepted
    text = f"accepted {decisions.accepted:.1%}" + (f", of these {right:.1%} rightly" if right is not None else "")
    console.detail(f"{text}; unknown {decisions.unknown:.1%}, no hand {decisions.no_hand:.1%}")


def predict(options: argparse.Namespace, console: Console) -> int:
    """``handshape predict``: goes on after a bad image; 1 when no image could be read."""
    from handshape.registry import resolve
    from handshape.serving.recognizer import recognizer_of

    recognizer = recognizer_of(resolve(options.model), console)

    def answer(path: Path) -> None:
        result = recognizer.recognize(path)
        console.say(f"{path}: {in_words(result)}")
        if options.json:
            console.emit({"path": str(path), **result.as_dict()})

    return for_each_image(options, console, answer)
