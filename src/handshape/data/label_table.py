"""``labels.csv`` in a folder of photographs: what somebody who looked at them says that they show.

A line names a photograph by its path and the class that it belongs to. Without a class it is left out; ``kept`` says
that somebody looked at it and its label is right, so that nobody is asked again. No photograph is moved on the disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from handshape.console import Console
from handshape.data.messages import counted, some
from handshape.data.names import label_of, match_class_names
from handshape.data.tables import column_name, delimiter_of, path_key, read_lines
from handshape.errors import DataError
from handshape.suggestions import did_you_mean

LABELS_FILE = "labels.csv"
COLUMNS = ("path", "label", "kept")
EXAMPLE = "path,label as the first line, then for example A/1.jpg,B, or A/1.jpg, to leave it out"
NO = ("", "no", "n", "0", "false")  # whatever else stands under "kept" says yes


@dataclass(frozen=True)
class Decision:
    """What a line says of one photograph.

    Attributes:
        label: the class it belongs to; "" where it is left out, or stays where it lies.
        kept: somebody looked at it, and its label is right.
    """

    label: str
    kept: bool = False

    @property
    def leaves_out(self) -> bool:
        """Whether it takes no part."""
        return not self.label and not self.kept


@dataclass(frozen=True)
class Corrections:
    """What ``labels.csv`` changes in a folder; nothing, where there is none.

    Attributes:
        table: the file; None where there is none, or one of another kind.
        moved: the class of each photograph that belongs elsewhere than it lies, by its path.
        left_out: photographs that take no part.
        kept: photographs that somebody looked at, and whose label is right.
        note: why a file of that name is not read; "" where it is, or says nothing about paths and labels.
    """

    table: Path | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    note: str = ""

    @property
    def looked_at(self) -> frozenset[str]:
        """Photographs whose label somebody has decided on."""
        return frozenset((*self.moved, *self.kept))

    @property
    def digest(self) -> str:
        """SHA-256 of what is changed; "" where nothing is. Kept photographs change nothing."""
        lines = sorted([*self.moved.items(), *((path, "") for path in self.left_out)])
        return hashlib.sha256(json.dumps(lines).encode()).hexdigest() if lines else ""

    @property
    def in_words(self) -> str:
        """How much is changed."""
        said = [
            f"{count:,} {what}"
            for count, what in (
                (len(self.moved), "moved"),
                (len(self.left_out), "left out"),
                (len(self.kept), "looked at and kept"),
            )
            if count
        ]
        return ", ".join(said) or "nothing is changed"

    def announce(self, console: Console) -> None:
        """Says aloud that the table is there and what it changes, or why it is not read."""
        if self.table:
            console.status("check", f"{self.table}: {self.in_words}")
        if self.note:
            console.warn(self.note)

    def as_dict(self) -> dict[str, Any] | None:
        """The values for JSON; None without a table."""
        if self.table is None:
            return None
        return {"moved": dict(self.moved), "left_out": list(self.left_out), "kept": list(self.kept)}

    def as_record(self) -> dict[str, Any]:
        """What a run remembers of it."""
        return {"moved": len(self.moved), "left_out": len(self.left_out), "sha256": self.digest}


class _Labelled(Protocol):
    """A sample: where it lies, and its class."""

    @property
    def path(self) -> str:
        """Relative to the folder."""

    @property
    def label(self) -> str:
        """The class it lies in."""


AnySample = TypeVar("AnySample", bound=_Labelled)


def corrections_of(root: Path, samples: Sequence[AnySample], classes: Sequence[str]) -> Corrections:
    """What the table in a folder changes.

    Args:
        root: the folder.
        samples: all that lie in it.
        classes: its class folders; to others nothing is moved.

    Raises:
        SettingsError: the table is not text.
        DataError: it names a photograph or a class that is not there, or says two things of one photograph.
    """
    table = root / LABELS_FILE
    if not table.is_file():
        return Corrections()
    if not is_label_table(table):
        return Corrections(note=_other_table(table))
    decisions = read_decisions(table)
    _require_there(table, decisions, {path_key(sample.path) for sample in samples})
    labels = _labels(table, decisions, classes)
    decided = [(sample, decisions[key]) for sample in samples if (key := path_key(sample.path)) in decisions]
    moved = {
        sample.path: labels[decision.label]
        for sample, decision in decided
        if decision.label and labels[decision.label] != sample.label
    }
    return Corrections(
        table,
        moved,
        tuple(sample.path for sample, decision in decided if decision.leaves_out),
        tuple(sample.path for sample, decision in decided if decision.kept and sample.path not in moved),
    )


def read_decisions(table: Path) -> dict[str, Decision]:
    """What a table says of each photograph, by the key of its path.

    Raises:
        SettingsError: it is not text.
        DataError: it says two things of one photograph, or is no CSV file.
    """
    decisions: dict[str, Decision] = {}
    for line in read_lines(table, "The table of labels", EXAMPLE):
        path, decision = path_key(line.values["path"]), decision_of(line.values)
        if path and decisions.setdefault(path, decision) != decision:
            raise DataError(
                f"{table} says two things of {path}: {_said(decisions[path])}, and {_said(decision)} "
                f"(line {line.number}).",
                "one line a photograph",
                "Remove the wrong line.",
            )
    return decisions


def decision_of(values: Mapping[str, str]) -> Decision:
    """What the values of one line say, by the names of their columns."""
    return Decision(label_of(values["label"]), values.get("kept", "").strip().lower() not in NO)


def is_label_table(table: Path) -> bool:
    """Whether it has the columns path and label; many sets come with a ``labels.csv`` of other ones."""
    return set(COLUMNS[:2]) <= set(_columns(table))


def _columns(table: Path) -> list[str]:
    """The names of the columns, whatever the encoding."""
    if not table.is_file():  # a pipe is not opened
        return list(COLUMNS)
    try:
        with table.open("rb") as file:
            head = file.readline(10_000).replace(b"\0", b"").decode("ascii", "ignore")  # UTF-16 is ASCII with zeros
    except OSError:
        return list(COLUMNS)  # reading it then says what is wrong
    return [column_name(name.strip(' "\r\n')) for name in head.split(delimiter_of(head))]


def _other_table(table: Path) -> str:
    """What to say of a table with one of the columns; "" of one with neither."""
    columns = _columns(table)
    if not set(columns) & set(COLUMNS[:2]):
        return ""
    has = ", ".join(columns)
    return f"{table} has the columns {has}, not path and label, so it changes no label. Expected: {EXAMPLE}."


def _require_there(table: Path, decisions: Iterable[str], there: set[str]) -> None:
    missing = [path for path in decisions if path not in there]
    if missing:
        raise DataError(
            f"{table} names {counted(len(missing), 'image', 'images')} that "
            f"{'is' if len(missing) == 1 else 'are'} not there: {some(missing)}.",
            f"paths of images, relative to {table.parent}, such as {next(iter(sorted(there)), 'A/1.jpg')}",
            did_you_mean(missing[0], there) or "Correct the paths, or remove the lines.",
        )


def _labels(table: Path, decisions: Mapping[str, Decision], classes: Sequence[str]) -> dict[str, str]:
    """The class folder that each label means.

    Raises:
        DataError: one means none.
    """
    wanted = dict.fromkeys(decision.label for decision in decisions.values() if decision.label)
    means = {label: class_of(label, classes) for label in wanted}
    unknown = [label for label, name in means.items() if not name]
    if unknown:
        raise DataError(
            f"{table} moves images to {counted(len(unknown), 'class', 'classes')} without a folder: {some(unknown)}.",
            f"one of {', '.join(classes)}",
            did_you_mean(unknown[0], classes)
            or f"Correct the label; if it is a new class, make the folder {table.parent / unknown[0]}.",
        )
    return means


def class_of(label: str, classes: Sequence[str]) -> str:
    """The class folder that somebody means who writes a label; "" where it is none."""
    known = match_class_names([label], classes)  # one by one: A and a may stand in one table, and mean the same
    return classes[known[label]] if label in known else ""


def _said(decision: Decision) -> str:
    if decision.leaves_out:
        return "left out"
    return f"{decision.label or 'as it lies'}{', kept' * decision.kept}"
