"""Before and after: how the model in use, and the trained one, do on recordings that training kept back."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handshape.export.bundle import TRAINED_ON, Bundle, folder_mark
from handshape.practice.examples import EXAMPLES, can_draw, example
from handshape.serving.pictures import Picture
from handshape.serving.recognizer import Recognition, Recognizer

MOST = 400  # frames that are looked at

Kept = list[tuple[str, str]]  # path and label of each frame that was kept back


def compare(run: Path, recordings: Path, before: Recognizer, after: Recognizer | None = None) -> dict[str, Any]:
    """The table that the page shows, as JSON.

    What the trained model scores was measured before it learned from the frames that were kept back. A class that the
    model in use does not know it cannot get right: its ``before`` is null, and counts as wrong in the whole.

    Args:
        run: the folder of the training.
        recordings: what it learned from.
        before: the model in use.
        after: the trained one, where it keeps classes of which there are no recordings.
    """
    kept = _kept_back(run / "splits.csv")
    measured = json.loads((run / "results" / "evaluation_results.json").read_text(encoding="utf-8"))
    test, split = measured["test"], measured["split"]
    right = _right(before, [recordings / path for path, _ in kept], [label for _, label in kept])
    classes = []
    for label in dict.fromkeys(label for _, label in kept):
        hits = [hit for hit, (_, other) in zip(right, kept, strict=True) if other == label]
        known = label in before.class_names
        score = test["per_class"].get(label, {})
        classes.append(
            {
                "name": label,
                "frames": score.get("support", len(hits)),
                "before": sum(hits) / len(hits) if known else None,
                "after": score.get("recall"),
            }
        )
    return {
        "frames": test["n"],
        "by": split["grouping"],
        "split": split["by"],
        "before": sum(right) / len(right) if right else None,
        "after": test["accuracy"],
        "classes": classes,
        "seen": has_learned_from(before.bundle, recordings),
        "also": None if after is None else _compare_drawn(before, after),
    }


def _compare_drawn(before: Recognizer, after: Recognizer) -> dict[str, Any]:
    """How often both are right about drawn hands, of the classes that both know and that can be drawn."""
    labels = [label for label in after.class_names if label in before.class_names and can_draw(label)]
    shown = [(label, number) for label in labels for number in range(EXAMPLES)]
    pictures = [example(*each) for each in shown]
    right = [_right(model, pictures, [label for label, _ in shown]) for model in (before, after)]
    shares = [sum(hits) / len(hits) if hits else None for hits in right]
    return {"images": len(shown), "before": shares[0], "after": shares[1]}


def has_learned_from(bundle: Bundle, recordings: Path) -> bool:
    """Whether a model learned from this folder before: then what is kept back is nothing new to it."""
    return bundle.details.get(TRAINED_ON) == folder_mark(recordings)


def _kept_back(table: Path) -> Kept:
    with table.open(encoding="utf-8", newline="") as file:
        kept = [(row["path"], row["label"]) for row in csv.DictReader(file) if row["part"] == "test"]
    step = -(-len(kept) // MOST) or 1
    return kept[::step]


def _right(model: Recognizer, pictures: Sequence[Picture], labels: Sequence[str]) -> list[bool]:
    """Whether its most probable class is the right one, of each picture."""
    return [
        isinstance(answer, Recognition) and answer.top[0][0] == label
        for answer, label in zip(model.recognize_all(pictures), labels, strict=True)
    ]
