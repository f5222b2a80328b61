"""Before and after: how the model in use, and the trained one, do on recordings that training kept back."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handshape.export.bundle import Bundle
from handshape.serving.recognizer import Recognition, Recognizer

MOST = 400  # frames that are looked at

Kept = list[tuple[str, str]]  # path and label of each frame that was kept back


def compare(run: Path, recordings: Path, before: Recognizer) -> dict[str, Any]:
    """The table that the page shows, as JSON.

    What the trained model scores was measured before it learned from the frames that were kept back. A class that the
    model in use does not know it cannot get right: its ``before`` is null, and counts as wrong in the whole.

    Args:
        run: the folder of the training.
        recordings: what it learned from.
        before: the model in use.
    """
    kept = _kept_back(run / "splits.csv")
    measured = json.loads((run / "results" / "evaluation_results.json").read_text(encoding="utf-8"))
    after, split = measured["test"], measured["split"]
    right = _right(before, recordings, kept)
    classes = []
    for label in dict.fromkeys(label for _, label in kept):
        hits = [hit for hit, (_, other) in zip(right, kept, strict=True) if other == label]
        known = label in before.class_names
        score = after["per_class"].get(label, {})
        classes.append(
            {
                "name": label,
                "frames": score.get("support", len(hits)),
                "before": sum(hits) / len(hits) if known else None,
                "after": score.get("recall"),
            }
        )
    return {
        "frames": after["n"],
        "by": split["grouping"],
        "split": split["by"],
        "before": sum(right) / len(right) if right else None,
        "after": after["accuracy"],
        "classes": classes,
        "seen": has_learned_from(before.bundle, recordings),
    }


def has_learned_from(bundle: Bundle, recordings: Path) -> bool:
    """Whether a model learned from this folder before: then what is kept back is nothing new to it."""
    data = bundle.details.get("settings", {}).get("data", {}).get("original_data_dir", "")
    return bool(data) and Path(data) == recordings.resolve()


def _kept_back(table: Path) -> Kept:
    with table.open(encoding="utf-8", newline="") as file:
        kept = [(row["path"], row["label"]) for row in csv.DictReader(file) if row["part"] == "test"]
    step = -(-len(kept) // MOST) or 1
    return kept[::step]


def _right(model: Recognizer, recordings: Path, kept: Kept) -> Sequence[bool]:
    """Whether its most probable class is the right one, of each frame."""
    answers = model.recognize_all(recordings / path for path, _ in kept)
    return [
        isinstance(answer, Recognition) and answer.top[0][0] == label
        for answer, (_, label) in zip(answers, kept, strict=True)
    ]
