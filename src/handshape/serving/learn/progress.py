"""How far a training is, from what it tells on its standard output: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

STEPS = (  # what a training goes through: the beginning of a bar's label, its name here, its share of the time
    ("Reading", "read", 0.1),
    ("Landmark stream", "learn", 0.3),
    ("Hand stream", "learn", 0.15),
    ("Landmark stream", "learn_all", 0.25),
    ("Hand stream", "learn_all", 0.15),
)


@dataclass
class Progress:
    """What was told so far.

    Attributes:
        stage: of the last bar; "start" before the first.
        share: of the whole, 0 to 1; it only grows.
        said: the last line in words.
        warnings: what the user should know.
        result: what came of it, once it is there.
        error: why nothing did.
    """

    stage: str = "start"
    share: float = 0.0
    said: str = ""
    warnings: list[str] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str = ""
    _step: int = 0

    def take(self, line: str) -> None:
        """A line of its output; what is no JSON object is passed over."""
        try:
            told = json.loads(line)
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        if "progress" in told:
            self._move(str(told["progress"]["label"]), told["progress"]["done"] / max(told["progress"]["total"], 1))
        elif "warning" in told:
            self.warnings.append(str(told["warning"]))
        elif "status" in told:
            self.said = str(told["status"])
        elif "error" in told:
            self.error = str(told["error"])
        elif "run" in told:
            self.result = told

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"stage": self.stage, "share": round(self.share, 3), "said": self.said, "warnings": self.warnings}

    def _move(self, label: str, part: float) -> None:
        ahead = [number for number in range(self._step, len(STEPS)) if label.startswith(STEPS[number][0])]
        if not ahead:  # a short one, such as of predictions
            return
        self._step = ahead[0]
        self.stage = STEPS[self._step][1]
        self.share = max(self.share, sum(share for *_, share in STEPS[: self._step]) + part * STEPS[self._step][2])
        if part >= 1:
            self._step += 1
