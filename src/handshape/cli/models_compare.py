"""``handshape models compare``: two models side by side, and on the same photographs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import MODEL, Verbs, add_action, given_path

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.evaluation.compare import PairedComparison
    from handshape.evaluation.predictions import Predictions
    from handshape.export.bundle import Bundle


def add_compare(actions: Verbs) -> None:
    """What the action takes."""
    parser = add_action(
        actions, "compare", compare, "two models side by side", "Compares what was measured of two models."
    )
    parser.add_argument("first", metavar="A", help=MODEL)
    parser.add_argument("second", metavar="B", help=MODEL)
    parser.add_argument("data", type=given_path, nargs="?", metavar="DATA", help="photographs to measure both on, now")


def compare(options: argparse.Namespace, console: Console) -> None:
    """What was measured when they were trained; with photographs, what they do on those now."""
    from handshape.registry import resolve

    names = (options.first, options.second)
    bundles = (resolve(options.first, console), resolve(options.second, console))
    sides = [_facts(bundle) for bundle in bundles]
    keys = dict.fromkeys(key for side in sides for key, value in side.items() if value is not None)
    console.table("As trained", ("", *names), [(key, *(_shown(side.get(key)) for side in sides)) for key in keys])
    missing = _only_one_knows(*bundles)
    for name, class_names in zip(names, missing, strict=True):
        if class_names:
            console.result("", f"Only {name} knows: {', '.join(class_names)}")
    result: dict[str, Any] = {
        "models": [
            {"model": name, **side, "only_here": list(class_names)}
            for name, side, class_names in zip(names, sides, missing, strict=True)
        ]
    }
    if options.data:
        result["data"] = _on_photographs(names, bundles, options.data, console)
    else:
        console.hint(
            "These may have been measured on different photographs. To measure both on the same, name a folder."
        )
    if options.json:
        console.emit(result)


def _facts(bundle: Bundle) -> dict[str, Any]:
    """What there is to compare, by what it is called."""
    details = bundle.details
    measures: Mapping[str, Any] = details.get("measures", {})
    worst, external = measures.get("worst_signer"), measures.get("external", {})
    return {
        "handshapes": len(bundle.class_names),
        "hands": bundle.hands,
        "side in pixels": bundle.size,
        "megabytes": round(sum((bundle.folder / name).stat().st_size for name in bundle.files) / 1e6, 1),
        "split": details.get("split"),
        "people": details.get("signers"),
        "accuracy, test": details.get("accuracy", {}).get("test"),
        "accuracy, worst signer": worst["accuracy"] if worst else None,
        **{f"accuracy, {name}": each["accuracy"] for name, each in external.items()},
        "hands found": measures.get("hands_found"),
    }


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) and value <= 1 else str(value)


def _only_one_knows(first: Bundle, second: Bundle) -> tuple[list[str], list[str]]:
    return (
        [label for label in first.class_names if label not in second.class_names],
        [label for label in second.class_names if label not in first.class_names],
    )


def _on_photographs(
    names: tuple[str, str], bundles: tuple[Bundle, Bundle], data: Path, console: Console
) -> dict[str, Any]:
    """Both on the photographs of the classes that both know."""
    from handshape.reporting.wording import CHANCE
    from handshape.workflow.external import evaluate_bundle

    first, second = (evaluate_bundle(bundle, data, console).evaluation.predictions for bundle in bundles)
    pair = paired(first, second)
    rows = [
        (name, f"{accuracy:.3f}", only)
        for name, accuracy, only in zip(names, pair.accuracies, (pair.only_first, pair.only_second), strict=True)
    ]
    console.table(f"On {pair.n} photographs of {data}", ("model", "accuracy", "only this one right"), rows)
    console.result("chart", in_words(pair, names))
    if pair.difference:
        console.result("", CHANCE)
    return pair.as_dict()


def paired(first: Predictions, second: Predictions) -> PairedComparison:
    """The two on the photographs that both were measured on.

    Raises:
        DataError: there are none.
    """
    import numpy as np

    from handshape.errors import DataError
    from handshape.evaluation.compare import PairedComparison

    right = [dict(zip(predictions.paths, predictions.correct.tolist(), strict=True)) for predictions in (first, second)]
    shared = [path for path in right[0] if path in right[1]]
    if not shared:
        raise DataError("The two models know none of these classes both.", "photographs of a class that both know")
    return PairedComparison.of(*(np.array([answers[path] for path in shared]) for answers in right))


def in_words(pair: PairedComparison, names: tuple[str, str]) -> str:
    """Which is better, by how much, and whether that may be chance."""
    from handshape.evaluation.compare import SURE
    from handshape.reporting.wording import difference_in_words

    return difference_in_words(names, pair.difference, pair.interval, pair.p_value < SURE)
