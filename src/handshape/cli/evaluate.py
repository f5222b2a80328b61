"""``handshape evaluate``: a model on photographs from elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import MODEL, Verbs, add_verb, given_path, quoted

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.workflow.external import ExternalEvaluation

ORDER = 30
HARDEST = 5  # classes in the result


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "evaluate",
        run,
        "a model on outside photographs",
        "Measures a trained model on photographs from elsewhere: other people, other rooms. Classes the model does "
        "not know, and photographs it learned from, are named and left out.\n\n"
        "With --out it writes a page that shows the mistakes as pictures, the figures, and results.json; the report of "
        "the model's run then lists it among its later evaluations. Without, nothing is written.",
        [
            "handshape evaluate runs/first other-people",
            "handshape evaluate runs/first other-people --out other-people-report",
            "handshape evaluate runs/first other-people --json | jq '.answers[] | select(.label != .top[0][0])'",
        ],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")
    parser.add_argument(
        "--out",
        type=given_path,
        metavar="FOLDER",
        help="write a page and figures here: new, or an earlier evaluation's",
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Measures, shows what came of it, and writes it where that is asked for."""
    from handshape.registry import resolve
    from handshape.workflow.external import evaluate_bundle
    from handshape.workflow.external_report import Judged, require_place, write_evaluation

    bundle = resolve(options.model, console)
    if options.out is not None:
        require_place(options.out, options.data)
    result = evaluate_bundle(bundle, options.data, console)
    judged = Judged.of(result)
    show_left_out(result, options.data, console)
    show_classes(result, options.data, console)
    for number, line in enumerate(result_lines(result)):
        console.result("" if number else "chart", line)
    page = None
    if options.out is not None:
        page = write_evaluation(judged, options.out, console)
        console.result("save", f"Report: {page}")
    console.done("Evaluated")
    if page is None:
        words = f"handshape evaluate {quoted(options.model)} {quoted(options.data)} --out FOLDER"
        console.hint("To see which photographs are read wrongly:", words)
    if options.json:
        console.emit({**judged.as_dict(), "report": None if page is None else str(page)})
    return 0


def result_lines(result: ExternalEvaluation) -> Iterator[str]:
    """What came of it, for people: the headline, what the model answered, and the hardest classes."""
    from handshape.reporting.mistakes import mistaken_for
    from handshape.reporting.wording import count, decisions_in_words, for_terminal, percent

    right, metrics = result.right, result.evaluation.metrics
    low, high = right.interval
    yield for_terminal(
        f"{right.name}: {percent(right.share)} right, {right.hits:,} of {count(right.n, 'photograph')} of "
        f"{count(len(metrics.scored()), 'class')} (95% interval {100 * low:.0f} to {100 * high:.0f}%)"
    )
    for sentence in decisions_in_words(result.decisions):
        yield for_terminal(sentence)
    hardest = [score for score in metrics.worst(HARDEST) if score.recall < 1]
    named = []
    for score in hardest:
        mistake = mistaken_for(metrics, score.label)
        read_as = f", {mistake.images} read as {mistake.answer}" if mistake else ""
        named.append(f"{score.label} ({round(score.recall * score.support)} of {score.support} right{read_as})")
    if named:
        yield f"Hardest: {'; '.join(named)}"


def show_left_out(result: ExternalEvaluation, data: Path, console: Console) -> None:
    """Which classes and photographs were not measured on, and why."""
    from handshape.workflow.external import seen_in_words

    for sentence in result.dataset.left_out_in_words():
        console.warn(sentence)
    seen = seen_in_words(str(data), result.is_seen)
    if seen:
        console.warn(seen)


def show_classes(result: ExternalEvaluation, data: Path, console: Console) -> None:
    """Every class, the hardest first, and what it was read as."""
    from handshape.reporting.mistakes import mistaken_for

    metrics, rows = result.evaluation.metrics, []
    for score in metrics.worst(len(metrics.per_class)):
        mistake = mistaken_for(metrics, score.label)
        read_as = f"{mistake.answer} ({mistake.images})" if mistake else ""
        figures = (f"{value:.3f}" for value in (score.recall, score.precision, score.f1))
        rows.append((score.label, score.support, *figures, read_as))
    console.table(f"{data}", ("class", "images", "right", "precision", "F1", "most often read as"), rows)
