"""Fixing labels: the suspect photographs of a data set, what a decision about one changes, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handshape.console import Console
from handshape.data.check_report import LabelIssue
from handshape.data.label_file import LabelFile
from handshape.data.label_table import Decision, class_of
from handshape.data.names import label_of
from handshape.data.samples import ImageFolder, list_samples
from handshape.data.tables import path_key
from handshape.errors import DataError
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import Hand
from handshape.suggestions import did_you_mean
from handshape.workflow.check import inspect

SIDE = 1280  # pixels of what is shown, at most
MARGIN = 0.35  # of a hand's longer side, around it
QUALITY = 85  # of JPEG


@dataclass(frozen=True, eq=False)
class Review:
    """The suspect photographs of a folder, the clearest first.

    Attributes:
        folder: where they lie; labels as its ``labels.csv`` said.
        suspects: what to look at; None where no hands were found, so that nobody can say.
        typical: of each class, photographs that show what it looks like.
        signers: who signed each photograph, by its path; empty where nobody knows.
        hands: of these photographs, by path, in pixels of the whole photograph.
    """

    folder: ImageFolder
    suspects: tuple[LabelIssue, ...] | None
    typical: Mapping[str, tuple[str, ...]]
    signers: Mapping[str, str]
    hands: Mapping[str, Hand]

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        suspects = None if self.suspects is None else [self._described(issue) for issue in self.suspects]
        return {"folder": str(self.folder.root), "suspects": suspects, "corrections": self.folder.corrections.as_dict()}

    def _described(self, issue: LabelIssue) -> dict[str, Any]:
        return {**issue.as_dict(), "signer": self.signers.get(issue.path)}


def find_suspects(path: Path, groups: str, console: Console) -> Review:
    """Reads the photographs of a folder and finds those whose label others speak against, as ``check`` does.

    Args:
        path: a folder with one folder of images a class.
        groups: who signed what, as the setting data.groups.
        console: shows the progress.

    Raises:
        DataError: there is no such folder, or its ``labels.csv`` names what is not there.
        SettingsError: ``groups`` is no rule.
    """
    checked = inspect(path, groups, True, console)
    report = checked.report
    shown = {issue.path for issue in report.label_issues or ()}.union(*report.typical.values())
    pairs = zip(report.usable_samples, checked.readings.hands, strict=True)
    return Review(
        checked.folder,
        report.label_issues,
        report.typical,
        checked.groups.of if checked.groups.are_signers else {},
        {sample.path: hand for sample, hand in pairs if hand and sample.path in shown},
    )


class Desk:
    """Where suspect photographs are decided on, one by one; each decision is written at once.

    Photographs are known by their numbers: nobody who asks for one names a file.
    """

    def __init__(self, review: Review) -> None:
        self._review = review
        self._file = LabelFile(review.folder.root)
        self._suspects = review.suspects or ()
        others = [path for paths in review.typical.values() for path in paths]
        self._paths = list(dict.fromkeys([*(issue.path for issue in self._suspects), *others]))

    def state(self) -> dict[str, Any]:
        """All that is to be decided, and what ``labels.csv`` says of it now.

        Raises:
            HandshapeError: the file cannot be read any more.
        """
        decisions, review = self._file.decisions(), self._review
        number_of = {path: number for number, path in enumerate(self._paths)}
        return {
            "data": review.folder.root.resolve().name,
            "file": str(self._file.path),
            "classes": list(review.folder.classes),
            "suspects": [
                {
                    "image": number,
                    **issue.as_dict(),
                    "signer": review.signers.get(issue.path),
                    "decision": _named(decisions.get(path_key(issue.path)), issue.label),
                }
                for number, issue in enumerate(self._suspects)
            ],
            "typical": {label: [number_of[path] for path in paths] for label, paths in review.typical.items()},
            "counts": self._counts(decisions),
        }

    def image(self, number: int, closer: bool) -> bytes:
        """A photograph as JPEG, upright, or its hand alone.

        Raises:
            LookupError: there is none of this number.
            ImageError: it cannot be read any more.
        """
        if not 0 <= number < len(self._paths):
            raise LookupError(number)
        path = self._paths[number]
        return picture(self._review.folder.root / path, self._review.hands.get(path) if closer else None)

    def decide(self, number: int, kind: str, label: str) -> dict[str, Any]:
        """Writes a decision about a suspect; ``label`` counts where it is moved.

        Returns:
            what ``labels.csv`` says of it now, and how much of all.

        Raises:
            LookupError: there is none of this number.
            DataError: there is no such class.
            HandshapeError: the file cannot be written.
        """
        if not 0 <= number < len(self._suspects):
            raise LookupError(number)
        issue = self._suspects[number]
        self._file.decide(issue.path, issue.label, decision_of(kind, issue.label, label, self._review.folder))
        return self.decided(number)

    def decided(self, number: int) -> dict[str, Any]:
        """What ``labels.csv`` says of a suspect now, and how much of all."""
        issue, decisions = self._suspects[number], self._file.decisions()
        return {
            "image": number,
            "decision": _named(decisions.get(path_key(issue.path)), issue.label),
            "counts": self._counts(decisions),
        }

    def _counts(self, decisions: Mapping[str, Decision]) -> dict[str, int]:
        """How many photographs the file as a whole keeps, moves and leaves out."""
        named = [_named(decision, class_folder(path)) for path, decision in decisions.items()]
        kinds = [each["kind"] for each in named if each]
        return {kind: kinds.count(kind) for kind in ("keep", "move", "leave_out")}


def class_folder(path: str) -> str:
    """The class of the folder that a photograph lies in, whatever ``labels.csv`` says."""
    return label_of(path.partition("/")[0])


def decision_of(kind: str, lies_in: str, label: str, folder: ImageFolder) -> Decision | None:
    """What is written for ``keep``, ``move`` to a class, ``leave_out`` or ``undo``, of a photograph in ``lies_in``.

    Raises:
        DataError: it would be moved to a class without a folder.
    """
    if kind == "undo":
        return None
    if kind == "leave_out":
        return Decision("")
    if kind == "keep":
        return Decision(lies_in, kept=True)
    moved_to = class_of(label, folder.classes)
    if not moved_to:
        raise DataError(
            f"There is no class folder {label} in {folder.root}.",
            f"one of {', '.join(folder.classes)}",
            did_you_mean(label, folder.classes) or f"If it is a new class, make the folder {folder.root / label}.",
        )
    return Decision(moved_to, kept=moved_to == lies_in)


def decide_by_path(root: Path, path: str, kind: str, label: str = "") -> tuple[str, str]:
    """Writes a decision about a photograph that is named by its path; no image is opened.

    Args:
        root: the folder.
        path: of the photograph, relative to the folder, or to where the command runs.
        kind: as of :func:`decision_of`.
        label: the class it is moved to.

    Returns:
        the path in the folder, and the class that it lies in.

    Raises:
        DataError: there is no such photograph or class.
    """
    folder = list_samples(root)
    lying = [*(sample.path for sample in folder.samples), *folder.corrections.left_out]
    keys = {path_key(each): each for each in lying}
    wanted = [path_key(path), path_key(_below(root, Path(path)))]
    found = next((keys[key] for key in wanted if key in keys), None)
    if found is None:
        fix = (
            did_you_mean(wanted[0], keys) or f"Name it as it lies in the folder, such as {next(iter(keys), 'A/1.jpg')}."
        )
        raise DataError(f"There is no photograph {path} in {root}.", "the path of an image in a class folder", fix)
    lies_in = class_folder(found)
    LabelFile(root).decide(found, lies_in, decision_of(kind, lies_in, label, folder))
    return found, lies_in


def picture(file: Path, hand: Hand | None) -> bytes:
    """A photograph as JPEG, upright; a square around the hand where one is given.

    Raises:
        ImageError: it cannot be read.
    """
    photograph = load_photograph(file, SIDE)
    image = Image.fromarray(photograph.pixels)
    if hand is not None:
        image = image.crop(_around(hand.scaled(1 / photograph.scale), image.size))
    image.thumbnail((SIDE, SIDE))
    stream = BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _around(hand: Hand, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a square around a hand, as far as the picture goes."""
    least, most = hand.landmarks[:, :2].min(axis=0), hand.landmarks[:, :2].max(axis=0)
    half = (0.5 + MARGIN) * float((most - least).max())
    middle = (least + most) / 2
    left, top = np.clip(np.floor(middle - half), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(middle + half), (left + 1, top + 1), size).astype(int).tolist()
    return left, top, right, bottom


def _named(decision: Decision | None, lies_in: str) -> dict[str, str] | None:
    """A decision as pages read it; None where nothing is decided."""
    if decision is None or (not decision.kept and decision.label == lies_in):
        return None
    if decision.leaves_out:
        return {"kind": "leave_out", "label": ""}
    is_moved = decision.label not in ("", lies_in)
    return {"kind": "move", "label": decision.label} if is_moved else {"kind": "keep", "label": lies_in}


def _below(root: Path, path: Path) -> str:
    """A path as it lies in a folder, where it is one of where the command runs."""
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return path.as_posix()
