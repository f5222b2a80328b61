"""``handshape evaluate``: a model on photographs from elsewhere."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from handshape.cli.shared import MODEL, Verbs, add_verb, given_path, show_decisions

if TYPE_CHECKING:
    from handshape.console import Console

ORDER = 30


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "evaluate",
        run,
        "a model on outside photographs",
        "Measures a trained model on photographs from elsewhere: other people, other rooms. Classes the model does "
        "not know are named and left out.",
        ["handshape evaluate runs/first other-people", "handshape evaluate runs/first other-people --json"],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")


def run(options: argparse.Namespace, console: Console) -> int:
    """Measures, and shows the classes, the whole and the decisions."""
    from handshape.registry import resolve
    from handshape.workflow.external import evaluate_bundle, seen_in_words

    result = evaluate_bundle(resolve(options.model), options.data, console)
    metrics, dataset = result.evaluation.metrics, result.dataset
    unreadable = dataset.report.corrupt
    for names, what in ((dataset.left_out, "classes the model does not know"), (unreadable, "unreadable images")):
        if names:
            console.warn(f"Left out, {what}: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}")
    seen = seen_in_words(str(options.data), result.is_seen)
    if seen:
        console.warn(seen)
    rows = [
        (score.label, score.support, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
        for score in metrics.scored()
    ]
    console.table(f"{options.data}", ("class", "images", "precision", "recall", "F1"), rows)
    console.status("chart", f"Accuracy {metrics.accuracy:.1%} on {metrics.n} images of {len(rows)} classes")
    console.detail(f"top-3 {metrics.top3:.1%}, macro F1 {metrics.macro_f1:.3f}, calibration error {metrics.ece:.3f}")
    show_decisions(result.decisions, console)
    if options.json:
        console.emit(
            {
                **metrics.as_dict(),
                "classes": [score.label for score in metrics.scored()],
                "hands_found": result.decisions.hands_found,
                "decisions": result.decisions.as_dict(),
                "left_out": list(dataset.left_out),
                "unreadable": list(unreadable),
                "seen_in_training": int(result.is_seen.sum()),
                "external": result.is_external,
            }
        )
    return 0
