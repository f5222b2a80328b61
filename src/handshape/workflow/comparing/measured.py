"""What a run measured, out of the files that each kind of run leaves in ``results/``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handshape.data.splits import read_splits
from handshape.errors import HandshapeError
from handshape.evaluation.slices import Slice
from handshape.workflow.run import CrossvalRun, Run, TuneRun

EXTERNAL = "external "


@dataclass(frozen=True)
class Measured:
    """What a run came to; whatever is not known is None or missing.

    Attributes:
        photographs: that it learned from or was tested on.
        classes: of these.
        shares: right answers, named ``validation``, ``test``, ``worst signer`` or ``external NAME``. A
            cross-validation's test is every photograph, answered by the model that had not seen it; a search's is
            the people kept out of it, with the settings found.
        figures: other measures by name.
        seconds: by stage.
        versions: of the program and its libraries.
    """

    photographs: int | None = None
    classes: int | None = None
    shares: Mapping[str, Slice] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def validation(self) -> Slice | None:
        """On the images that chose epochs and thresholds."""
        return self.shares.get("validation")

    @property
    def test(self) -> Slice | None:
        """On images that no decision saw."""
        return self.shares.get("test")

    @property
    def external(self) -> Mapping[str, Slice]:
        """On other sets of photographs, by name."""
        return {name.removeprefix(EXTERNAL): share for name, share in self.shares.items() if name.startswith(EXTERNAL)}

    @property
    def external_mean(self) -> float | None:
        """Over those sets, each counted the same."""
        shares = [each.share for each in self.external.values()]
        return sum(shares) / len(shares) if shares else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        worst = self.shares.get("worst signer")
        return {
            "photographs": self.photographs,
            "classes": self.classes,
            "validation": _described(self.validation),
            "test": _described(self.test),
            "worst_signer": _described(worst),
            "external": {name: _described(share) for name, share in self.external.items()},
            "external_mean": self.external_mean,
            "measures": dict(self.figures),
        }


def measured(run: Run, record: Mapping[str, Any]) -> Measured:
    """What is known of a run; nothing where its files are not there, damaged, or of another time."""
    read = _READERS.get(type(run), _of_training)
    try:
        return read(run, record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return Measured()


def _of_training(run: Run, record: Mapping[str, Any]) -> Measured:
    try:
        parts = read_splits(run.splits)
    except HandshapeError:
        parts = {}
    samples = [sample for part in parts.values() for sample in part]
    photographs, classes = (len(samples), len({sample.label for sample in samples})) if samples else (None, None)
    if not (run.results / "evaluation_results.json").is_file():
        return Measured(photographs, classes)
    found = _read(run.results / "evaluation_results.json")
    shares = {part: _share(part, found[part]) for part in ("validation", "test")}
    worst = found.get("slices", {}).get("worst_signer")
    if worst:
        shares["worst signer"] = _share(str(worst["name"]), worst)
    shares |= {f"{EXTERNAL}{name}": _share(name, each) for name, each in found.get("external", {}).items() if each["n"]}
    decided = found.get("decisions", {})
    figures = {**_figures(found["test"]), **_known(decided, ("accepted", "accuracy_of_accepted"))}
    manifest = run.bundle / "bundle.json"
    versions = _read(manifest).get("versions", {}) if manifest.is_file() else {}
    return Measured(photographs, classes, shares, figures, record.get("seconds", {}), versions)


def _of_crossval(run: Run, record: Mapping[str, Any]) -> Measured:
    found = _read(run.results / "crossval.json")
    everything = found["all_images"]
    photographs = everything["n"] // max(1, record.get("options", {}).get("repeats", 1))  # one image counts once
    shares = {"test": _share("test", {**everything, "n": photographs})}
    if found.get("worst_signer"):
        shares["worst signer"] = _share(str(found["worst_signer"]["name"]), found["worst_signer"])
    for name, each in found.get("external", {}).items():
        shares[f"{EXTERNAL}{name}"] = _share(name, {"accuracy": each["mean"], "n": each["n"]})
    figures = {"mean_of_folds": found["mean"], "spread_of_folds": found["spread"], **_figures(everything)}
    return Measured(photographs, len(found["per_class"]), shares, figures, found.get("seconds", {}))


def _of_tuning(run: Run, record: Mapping[str, Any]) -> Measured:
    found = _read(run.results / "tune.json")
    shares: dict[str, Slice] = {}
    best = found["best"].get("accuracy")
    figures = {} if best is None else {"best_trial": float(best)}
    confirmed = found.get("confirmation")
    if confirmed:
        shares["test"] = _share("test", {"accuracy": confirmed["accuracies"]["found"], "n": confirmed["images"]})
        figures["defaults"] = confirmed["accuracies"]["defaults"]
    return Measured(shares=shares, figures=figures, seconds=found.get("seconds", {}))


_READERS: Mapping[type[Run], Callable[[Run, Mapping[str, Any]], Measured]] = {
    CrossvalRun: _of_crossval,
    TuneRun: _of_tuning,
}


def _figures(found: Mapping[str, Any]) -> dict[str, float]:
    return _known(found, ("top3", "macro_f1", "ece"))


def _known(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(found[name]) for name in names if found.get(name) is not None}


def _share(name: str, found: Mapping[str, Any]) -> Slice:
    return Slice(name, found["n"], round(found["accuracy"] * found["n"]))


def _described(share: Slice | None) -> dict[str, Any] | None:
    return share.as_dict() if share else None


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
